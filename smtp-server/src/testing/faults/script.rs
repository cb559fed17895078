//! The faults of one connection.
//!
//! * **In**: occurrences on it. **Out**: the fault that happens, which the transcript notes.
//! * **Promises**: what is decided in one place is carried out in another: a fault at the end of data waits here.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use smtp_proto::{Command, ForwardPath, Mailbox};

use super::Faults;
use super::rule::{Fault, On};
use super::table::Fits;
use crate::envelope::{Envelope, Recipient};
use crate::info::Service;
use crate::testing::Transcript;
use crate::verdict::{Accepted, Delivered, Receipt, Rejection};

/// One connection's faults; clones are one and the same.
#[derive(Clone)]
pub(crate) struct Script(Arc<Shared>);

struct Shared {
    faults: Faults,
    connection: u64,
    transcript: Option<Transcript>,
    fits: Mutex<Fits>,
    due: Mutex<Option<Fault>>,
}

/// Something that a fault may happen to.
pub(crate) struct Occurrence {
    /// `None` for a command without a point of its own.
    pub(super) on: Option<On>,
    pub(super) is_command: bool,
    /// The sender for MAIL, else recipients.
    pub(super) addresses: Vec<String>,
    /// The counts of octets of content that were passed with this one.
    pub(super) content: Range<u64>,
    /// On LMTP, whether this is the end of data for one recipient or for the message.
    pub(super) scope: Option<Scope>,
}

/// What an end of data on LMTP is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// One recipient's reply.
    Recipient,
    /// All replies.
    Message,
}

impl Script {
    pub(crate) fn new(faults: &Faults, transcript: Option<Transcript>) -> Self {
        Self(Arc::new(Shared {
            faults: faults.clone(),
            connection: faults.lock().connect(),
            transcript,
            fits: Mutex::new(HashMap::new()),
            due: Mutex::new(None),
        }))
    }

    pub(crate) fn at(&self, occurrence: &Occurrence, now: Instant) -> Option<Fault> {
        let mut fits = self.0.fits.lock().unwrap_or_else(PoisonError::into_inner);
        let hit = self.0.faults.lock().decide(occurrence, self.0.connection, &mut fits)?;
        if let Some(transcript) = &self.0.transcript {
            transcript.note(format!("fault: {}", hit.cause), now);
        }
        Some(hit.fault)
    }

    /// On LMTP, the refusal that a recipient alone gets at the end of data.
    pub(crate) fn at_recipient(&self, recipient: &Recipient, now: Instant) -> Option<Rejection> {
        let addresses = vec![address(&recipient.path)];
        let scope = Some(Scope::Recipient);
        let occurrence = Occurrence { scope, ..Occurrence::new(On::EndOfData, addresses) };
        match self.at(&occurrence, now)? {
            Fault::Answer(rejection) => Some(rejection),
            _ => None,
        }
    }

    /// At the end of data, before the delivery hears of it: the result in place of the delivery's, if the client
    /// will not be told that the message was accepted.
    pub(crate) fn at_end_of_data(
        &self,
        envelope: &Envelope,
        service: Service,
        now: Instant,
    ) -> Result<(), Delivered> {
        match self.at(&Occurrence::end_of_data(envelope, service), now) {
            None => Ok(()),
            Some(Fault::Answer(rejection)) => Err(Err(rejection)),
            Some(fault @ (Fault::Delay(_) | Fault::Throttle(_))) => {
                self.set_due(fault);
                Ok(())
            }
            Some(fault) => {
                self.set_due(fault);
                // The reply that is then cut, replaced or not written at all.
                Err(Ok(Receipt::from(Accepted::new())))
            }
        }
    }

    /// At how many octets of content something may happen next, beyond `bytes`.
    pub(crate) fn content_offset(&self, bytes: u64) -> Option<u64> {
        self.0.faults.lock().content_offset(bytes)
    }

    /// Leaves a fault for the driver.
    pub(crate) fn set_due(&self, fault: Fault) {
        *self.due() = Some(fault);
    }

    pub(crate) fn take_due(&self) -> Option<Fault> {
        self.due().take()
    }

    fn due(&self) -> MutexGuard<'_, Option<Fault>> {
        self.0.due.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Occurrence {
    pub(crate) fn connect() -> Self {
        Self::new(On::Connect, Vec::new())
    }

    pub(crate) fn tls_handshake() -> Self {
        Self::new(On::TlsHandshake, Vec::new())
    }

    /// A command, in the open mail transaction if there is one.
    pub(crate) fn command(command: &Command<'_>, envelope: Option<&Envelope>) -> Self {
        let mut addresses = Vec::new();
        let on = match command {
            Command::Ehlo(_) | Command::Helo(_) | Command::Lhlo(_) => Some(On::Hello),
            Command::StartTls => Some(On::StartTls),
            Command::Auth { .. } => Some(On::Auth),
            Command::Mail { from, .. } => {
                addresses.extend(from.mailbox().map(Mailbox::to_string));
                Some(On::Mail)
            }
            Command::Rcpt { to, .. } => {
                addresses.push(address(to));
                Some(On::Rcpt)
            }
            Command::Data | Command::Bdat(_) => {
                addresses = envelope.map(recipients).unwrap_or_default();
                Some(On::Data)
            }
            Command::Rset => Some(On::Rset),
            Command::Noop => Some(On::Noop),
            Command::Quit => Some(On::Quit),
            Command::Vrfy(_) | Command::Expn(_) => Some(On::Vrfy),
            _ => None,
        };
        Self { on, is_command: true, addresses, content: 0..0, scope: None }
    }

    /// The content of a message to these, as these counts of octets were passed.
    pub(crate) fn content(recipients: &[String], content: Range<u64>) -> Self {
        Self { content, ..Self::new(On::Content, recipients.to_vec()) }
    }

    fn end_of_data(envelope: &Envelope, service: Service) -> Self {
        let scope = (service == Service::Lmtp).then_some(Scope::Message);
        Self { scope, ..Self::new(On::EndOfData, recipients(envelope)) }
    }

    /// Whether such a fault, of this recipient or not, is one for the scope.
    pub(super) fn admits(&self, fault: &Fault, of_recipient: bool) -> bool {
        let is_own = of_recipient && matches!(fault, Fault::Answer(_));
        self.scope.is_none_or(|scope| is_own == (scope == Scope::Recipient))
    }

    fn new(on: On, addresses: Vec<String>) -> Self {
        Self { on: Some(on), is_command: false, addresses, content: 0..0, scope: None }
    }
}

/// The addresses of a message's recipients.
pub(crate) fn recipients(envelope: &Envelope) -> Vec<String> {
    envelope.recipients.iter().map(|Recipient { path, .. }| address(path)).collect()
}

fn address(path: &ForwardPath<'_>) -> String {
    path.mailbox().map_or_else(|| "postmaster".to_owned(), Mailbox::to_string)
}
