//! Where mail for local recipients goes: `local_transport`.
//!
//! * **In**: recipients and messages. **Out**: files in Maildirs, nothing, or a refusal.
//! * **Promises**: what the relay policy let out is refused with `554 5.7.1`, since there is no queue that
//!   could send it on: no client is told 250 for mail that would go nowhere. An unknown user is refused
//!   whatever the transport. **Limits**: those of [`Maildir`]. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `local_transport`, discard(8), error(8).

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::delivery::{Discard, Mailboxes, Maildir};
use smtp_server::proto::{EnhancedCode, Reply, ReplyCode};
use smtp_server::{
    Body, Capabilities, Delivery, Envelope, Receipt, Recipient, RecipientClass, Rejection,
    SessionInfo, Verdict,
};

use crate::accounts::Accounts;

/// The parameter's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LocalTransport {
    /// Each account has one.
    Maildirs,
    /// Accepted and kept nowhere.
    Discard,
    /// Refused.
    Error(Rejection),
}

impl LocalTransport {
    /// Refuses with 550 and a text, and `5.1.1` unless another code is given.
    pub(crate) fn error(code: Option<EnhancedCode>, text: &str) -> Self {
        let code = code.unwrap_or(EnhancedCode::new(5, 1, 1));
        Self::Error(Rejection::permanent(code, text.to_owned()))
    }
}

/// Delivers to the accounts of this host and to nobody else.
pub(crate) struct LocalDelivery {
    accounts: Arc<Accounts>,
    transport: Result<Arc<dyn Delivery>, Rejection>,
}

impl LocalDelivery {
    /// `host_name` becomes part of the names of files.
    pub(crate) fn new(host_name: &str, accounts: Accounts, transport: LocalTransport) -> Self {
        let accounts = Arc::new(accounts);
        let transport: Result<Arc<dyn Delivery>, Rejection> = match transport {
            LocalTransport::Maildirs => {
                let accounts = accounts.clone();
                let directory = move |recipient: &Recipient| accounts.directory(recipient);
                Ok(Arc::new(Maildir::new(host_name, directory)))
            }
            LocalTransport::Discard => Ok(Arc::new(Discard)),
            LocalTransport::Error(rejection) => Err(rejection),
        };
        Self { accounts, transport }
    }

    fn check(&self, recipient: &Recipient) -> Result<&Arc<dyn Delivery>, Rejection> {
        if recipient.class != RecipientClass::Local {
            return Err(no_queue());
        }
        let transport = self.transport.as_ref().map_err(Clone::clone)?;
        match self.accounts.directory(recipient) {
            Some(_) => Ok(transport),
            None => Err(Rejection::user_unknown()),
        }
    }
}

#[async_trait]
impl Delivery for LocalDelivery {
    fn capabilities(&self) -> Capabilities {
        self.transport.as_ref().map_or_else(|_| Capabilities::default(), |next| next.capabilities())
    }

    async fn verify(&self, recipient: &Recipient, info: &SessionInfo) -> Verdict {
        match self.check(recipient) {
            Ok(transport) => transport.verify(recipient, info).await,
            Err(rejection) => Verdict::Reject(rejection),
        }
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        for recipient in &envelope.recipients {
            self.check(recipient)?;
        }
        self.transport.as_ref().map_err(Clone::clone)?.deliver(envelope, body, info).await
    }
}

/// The client may relay, but nothing here could.
fn no_queue() -> Rejection {
    const TEXT: &str = "Relaying is not possible: this server delivers only to its own domains";
    let reply = Reply::new(ReplyCode::TRANSACTION_FAILED, Some(EnhancedCode::new(5, 7, 1)), TEXT);
    Rejection::from_reply(reply).unwrap_or_else(Rejection::local_error)
}
