//! What a word of a list is asked about.
//!
//! * **In**: the list's stage. **Out**: the earlier stages, as if they were now; refusals in Postfix's words.
//! * **Promises**: a refusal names whom it is about, and control characters in that become `?`.
//! * **Limits**: none. **Panics**: never. **Spec**: Postfix smtpd(8), the texts of its refusals.

use smtp_proto::{ForwardPath, Reply, ReplyCode};

use super::RestrictionParameters;
use crate::access::common::refusal;
use crate::envelope::Envelope;
use crate::hooks::{Stage, StageKind};
use crate::info::{Hello, SessionInfo};
use crate::verdict::Rejection;

/// A list's stage, and all else.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) stage: Stage<'a>,
    pub(super) info: &'a SessionInfo,
    pub(super) parameters: &'a RestrictionParameters,
}

impl<'a> Facts<'a> {
    pub(super) fn hello(&self) -> Option<&'a Hello> {
        match self.stage {
            Stage::Hello { hello, .. } => Some(hello),
            _ => self.info.hello.as_ref(),
        }
    }

    pub(super) fn envelope(&self) -> Option<&'a Envelope> {
        match self.stage {
            Stage::Sender { envelope, .. }
            | Stage::Recipient { envelope, .. }
            | Stage::Data { envelope, .. }
            | Stage::EndOfData { envelope, .. } => Some(envelope),
            _ => None,
        }
    }

    pub(super) fn to(&self) -> Option<&'a ForwardPath<'static>> {
        match self.stage {
            Stage::Recipient { to, .. } => Some(to),
            _ => None,
        }
    }

    /// The facts of another stage, if they are known.
    pub(super) fn at(&self, stage: StageKind) -> Option<Stage<'a>> {
        let now = self.stage.now();
        match stage {
            _ if stage == self.stage.kind() => Some(self.stage),
            StageKind::Client => Some(Stage::Client { now }),
            StageKind::Hello => self.hello().map(|hello| Stage::Hello { now, hello }),
            StageKind::Sender => self.envelope().map(|envelope| Stage::Sender { now, envelope }),
            _ => None,
        }
    }

    /// `<kim@example.org>: Sender address rejected: text`.
    pub(super) fn refuse(
        &self,
        about: StageKind,
        code: ReplyCode,
        enhanced: (u8, u16, u16),
        text: &str,
    ) -> Rejection {
        refusal(code, enhanced, format!("{} rejected: {text}", self.subject(about)))
    }

    /// A table's refusal, or a service's, in the same form.
    pub(super) fn worded(&self, about: StageKind, rejection: &Rejection) -> Rejection {
        let reply = rejection.reply();
        let text = format!("{} rejected: {}", self.subject(about), reply.text());
        let reply = Reply::new(reply.code(), reply.enhanced(), text);
        let worded = Rejection::from_reply(reply).unwrap_or_else(Rejection::local_error);
        match rejection.detail() {
            Some(detail) => worded.with_detail(detail.to_owned()),
            None => worded,
        }
    }

    /// The address of MAIL or RCPT as the client sees it.
    pub(super) fn address(&self, about: StageKind) -> String {
        match about {
            StageKind::Sender => {
                let path = self.envelope().map(|envelope| envelope.reverse_path.mailbox());
                path.flatten().map(ToString::to_string).unwrap_or_default()
            }
            _ => match self.to() {
                Some(to) => to.mailbox().map_or("postmaster".to_owned(), ToString::to_string),
                None => String::new(),
            },
        }
    }

    /// `unknown[192.0.2.1]`.
    fn client(&self) -> String {
        let name = self.info.reverse_name.as_ref();
        let name = name.map_or_else(|| "unknown".to_owned(), ToString::to_string);
        let address = self.info.peer.ip().map_or("unknown".to_owned(), |ip| ip.to_string());
        format!("{name}[{address}]")
    }

    fn subject(&self, about: StageKind) -> String {
        let (whom, what) = match about {
            StageKind::Client => (self.client(), "Client host"),
            StageKind::Tls => (self.client(), "TLS session"),
            StageKind::Hello => {
                let name = self.hello().map(|hello| hello.name.as_str().to_owned());
                (name.unwrap_or_default(), "Helo command")
            }
            StageKind::Sender => (self.address(about), "Sender address"),
            StageKind::Data => ("DATA".to_owned(), "Data command"),
            StageKind::EndOfData => ("END-OF-MESSAGE".to_owned(), "End-of-data"),
            StageKind::Etrn => match self.stage {
                Stage::Etrn { argument, .. } => (argument.as_str().to_owned(), "Etrn command"),
                _ => (String::new(), "Etrn command"),
            },
            _ => (self.address(about), "Recipient address"),
        };
        format!("<{}>: {what}", whom.replace(char::is_control, "?"))
    }
}
