//! Relaying for whom a table of Sendmail says `RELAY`.
//!
//! * **In**: a client's address, a recipient, a table. **Out**: `Relay`, `Deny`, or `Defer` if the table fails.
//! * **Promises**: of the client's entries and of the recipient's, the most specific one alone counts, so that a
//!   `REJECT` or `SKIP` takes a host out of a network. Names of clients and senders grant nothing, since anybody
//!   can claim them. A recipient that could be sent further (`%`, `!` or `@` in its local-part) is not let out for
//!   an entry about its domain.
//! * **Limits**: two look-ups per octet, group or label. Networks in a table are not counted among
//!   [`granted_networks`](RelayPolicy::granted_networks), since it may change at any time. **Panics**: never.
//! * **Spec**: Sendmail cf/README, "ANTI-SPAM CONFIGURATION CONTROL" (`Connect:`, `To:`).

use std::sync::Arc;

use async_trait::async_trait;
use smtp_proto::{ForwardPath, Mailbox};

use crate::access::{AccessAction, AccessMap, sendmail};
use crate::envelope::{Envelope, RelayReason};
use crate::hooks::{LookupError, RelayPolicy};
use crate::info::SessionInfo;
use crate::verdict::{Rejection, RelayDecision};

/// Relays for clients with an entry such as `Connect:192.0.2 RELAY`, and to recipients with one such as
/// `To:example.net RELAY`, which is about what is below that domain, too. An entry without a tag is about both.
///
/// Access control reads the same table for its refusals.
///
/// A table of one's own ([`AccessMap`]) cannot be asked whom it lets out altogether, so nothing finds out that it lets
/// out everybody: that is for whoever writes it. `RelayRestrictions` checks the tables that it reads.
#[derive(Clone)]
pub struct AccessRelay {
    table: Arc<dyn AccessMap>,
}

impl AccessRelay {
    /// Asks this table.
    pub fn new(table: impl AccessMap) -> Self {
        Self { table: Arc::new(table) }
    }

    /// The first of the keys under which the table has an entry, if that says `RELAY`.
    async fn granted(&self, tag: &str, keys: Vec<String>) -> Result<Option<String>, LookupError> {
        for key in keys.into_iter().flat_map(|key| [format!("{tag}:{key}"), key]) {
            if let Some(action) = self.table.lookup(&key).await? {
                return Ok((action == AccessAction::Relay).then_some(key));
            }
        }
        Ok(None)
    }

    async fn find(
        &self,
        to: &ForwardPath<'_>,
        info: &SessionInfo,
    ) -> Result<Option<String>, LookupError> {
        let client = info.peer.ip().map(sendmail::plain_address).unwrap_or_default();
        let granted = self.granted("connect", client).await?;
        if granted.is_some() {
            return Ok(granted);
        }
        info.note(|| "access table: it says no RELAY for the client".to_owned());
        let granted =
            self.granted("to", to.mailbox().map(mailbox_keys).unwrap_or_default()).await?;
        if granted.is_none() {
            info.note(|| "access table: it says no RELAY for the recipient".to_owned());
        }
        Ok(granted)
    }
}

#[async_trait]
impl RelayPolicy for AccessRelay {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        _envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        match self.find(to, info).await {
            Ok(Some(key)) => {
                let because =
                    RelayReason::Other(format!("access table says RELAY for {key}").into());
                RelayDecision::Relay { because }
            }
            Ok(None) => RelayDecision::Deny,
            Err(error) => {
                let rejection = Rejection::local_error().with_detail(error.to_string());
                RelayDecision::Defer(rejection)
            }
        }
    }
}

/// The address, then its domain and the parents of that; nothing for one that could be sent further.
fn mailbox_keys(mailbox: &Mailbox<'_>) -> Vec<String> {
    if super::could_go_further(&mailbox.local_part) {
        return Vec::new();
    }
    let user = mailbox.local_part.unquoted().to_lowercase();
    let domains = sendmail::domain(&mailbox.domain);
    let address = domains.first().map(|domain| format!("{user}@{domain}"));
    address.into_iter().chain(domains).collect()
}
