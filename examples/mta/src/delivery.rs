//! Which recipients are taken, and the queue behind it: `local_transport`, `default_transport`.
//!
//! * **In**: recipients and messages. **Out**: messages in the queue, or a refusal.
//! * **Promises**: an unknown user is refused whatever the transport; what would only be returned later is refused at
//!   RCPT. **Limits**: the queue's. **Panics**: never.
//! * **Spec**: Postfix postconf(5) `local_transport`, discard(8), error(8).

use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::delivery::Mailboxes;
use smtp_server::proto::{EnhancedCode, EtrnArgument};
use smtp_server::{
    Body, Capabilities, Delivered, Delivery, Envelope, EtrnAnswer, Recipient, RecipientClass,
    Rejection, SessionInfo, Verdict,
};

use crate::accounts::Accounts;
use crate::outbound::DefaultTransport;

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

/// Takes messages for the accounts of this host and, from whom the relay policy lets, for others.
pub(crate) struct Intake {
    accounts: Arc<Accounts>,
    local_refusal: Option<Rejection>,
    remote_refusal: Option<Rejection>,
    queue: Arc<dyn Delivery>,
}

impl Intake {
    /// In front of `queue`.
    pub(crate) fn new(
        accounts: Arc<Accounts>,
        local: &LocalTransport,
        remote: &DefaultTransport,
        queue: Arc<dyn Delivery>,
    ) -> Self {
        let local_refusal = match local {
            LocalTransport::Error(rejection) => Some(rejection.clone()),
            LocalTransport::Maildirs | LocalTransport::Discard => None,
        };
        let remote_refusal = match remote {
            DefaultTransport::Error(rejection) => Some(rejection.clone()),
            _ => None,
        };
        Self { accounts, local_refusal, remote_refusal, queue }
    }

    fn refusal(&self, recipient: &Recipient) -> Option<Rejection> {
        match recipient.class {
            RecipientClass::Local if self.local_refusal.is_some() => self.local_refusal.clone(),
            RecipientClass::Local => {
                self.accounts.directory(recipient).is_none().then(Rejection::user_unknown)
            }
            RecipientClass::Relay { .. } => self.remote_refusal.clone(),
        }
    }
}

#[async_trait]
impl Delivery for Intake {
    fn capabilities(&self) -> Capabilities {
        self.queue.capabilities()
    }

    async fn verify(&self, recipient: &Recipient, _info: &SessionInfo) -> Verdict {
        self.refusal(recipient).map_or(Verdict::Accept, Verdict::Reject)
    }

    async fn etrn(&self, argument: &EtrnArgument<'_>, info: &SessionInfo) -> EtrnAnswer {
        self.queue.etrn(argument, info).await
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        info: &SessionInfo,
    ) -> Delivered {
        self.queue.deliver(envelope, body, info).await
    }
}
