//! ETRN: a host asks for the messages that wait for it.
//!
//! * **In**: the host, or the queue. **Out**: a question for the delivery, and its answer as a reply.
//! * **Promises**: offered where the delivery can do it and nowhere else; not inside a transaction; nobody who
//!   must authenticate first reaches the hook before. **Limits**: it counts as an idle command.
//! * **Panics**: never. **Spec**: RFC 1985 5; RFC 4954 6 (530); RFC 6409 7.

use smtp_proto::{EtrnArgument, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::EtrnAnswer;
use crate::info::Service;

impl Session {
    pub(super) fn etrn(&mut self, argument: EtrnArgument<'_>, mail: Mail) -> State {
        self.guard.count_idle_command();
        let refusal = if !self.extended {
            replies::NEED_HELLO
        } else if !matches!(mail, Mail::None) {
            replies::IN_TRANSACTION
        } else if self.config.auth.required && self.info.identity.is_none() {
            replies::AUTH_REQUIRED
        } else if !self.offers_etrn() {
            replies::ETRN_UNABLE
        } else {
            return State::Asked(Asked::Etrn(argument.into_owned()));
        };
        self.refuse(&refusal);
        State::Command(mail)
    }

    /// Answers [`Question::Etrn`](super::Question::Etrn).
    pub fn answer_etrn(&mut self, answer: EtrnAnswer) {
        if !matches!(self.state, State::Asked(Asked::Etrn(_))) {
            return;
        }
        self.state = State::Command(Mail::None);
        let accepted = match answer {
            EtrnAnswer::Started => replies::ETRN_STARTED,
            EtrnAnswer::NothingWaits => replies::ETRN_NOTHING_WAITS,
            EtrnAnswer::PendingStarted => replies::ETRN_PENDING_STARTED,
            EtrnAnswer::Pending(messages) => replies::etrn_pending(messages),
            EtrnAnswer::Unable => return self.refuse(&replies::ETRN_UNABLE),
            EtrnAnswer::NotAllowed => return self.refuse(&replies::ETRN_NOT_ALLOWED),
        };
        self.output.push(&accepted);
    }

    pub(super) fn offers_etrn(&self) -> bool {
        self.config.capabilities.etrn && self.config.service == Service::Smtp
    }
}
