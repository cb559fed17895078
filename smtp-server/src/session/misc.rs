//! Commands without consequences: RSET, NOOP, QUIT, HELP.
//!
//! * **In**: the command. **Out**: its reply.
//! * **Promises**: they are counted, so that a client cannot live on them.
//! * **Limits**: [`Limits::idle_commands_max`](crate::config::Limits::idle_commands_max). **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.5 to 4.1.1.10.

use smtp_proto::{Reply, replies};

use super::Session;
use super::state::{Mail, State};
use crate::hooks::CloseReason;

impl Session {
    pub(super) fn rset(&mut self) -> State {
        self.guard.count_idle_command();
        self.forwarded = None;
        self.output.push_held(&replies::OK);
        State::Command(Mail::None)
    }

    pub(super) fn noop(&mut self, mail: Mail) -> State {
        self.answer_idle_command(&replies::OK, mail)
    }

    pub(super) fn quit(&mut self) -> State {
        self.output.push(&replies::CLOSING);
        State::Closing(CloseReason::Quit)
    }

    pub(super) fn answer_idle_command(&mut self, reply: &Reply, mail: Mail) -> State {
        self.guard.count_idle_command();
        self.output.push(reply);
        State::Command(mail)
    }
}
