//! Commands of service extensions that an embedder brought.
//!
//! * **In**: a registered verb and its argument; the reply that a hook chose. **Out**: that reply.
//! * **Promises**: such a command changes neither the session nor its transaction; it is counted, so that
//!   a client cannot live on it; nobody who must authenticate first reaches the hook before.
//! * **Limits**: [`Limits::idle_commands_max`](crate::config::Limits::idle_commands_max). **Panics**: never.
//! * **Spec**: RFC 5321 2.2.2, 4.1.1.1; RFC 4954 6 (530).

use smtp_proto::{Reply, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::HookFailure;
use crate::verdict::Rejection;

impl Session {
    pub(super) fn extension_command(&mut self, verb: &str, argument: &str, mail: Mail) -> State {
        self.guard.count_idle_command();
        let refusal = match self.config.dialect.find_verb(verb) {
            _ if !self.extended => replies::NEED_HELLO,
            _ if self.config.auth.required && self.info.identity.is_none() => {
                replies::AUTH_REQUIRED
            }
            None => replies::UNKNOWN_COMMAND,
            Some(verb) => {
                let (verb, argument) = (verb.to_owned(), argument.to_owned());
                return State::Asked(Asked::Command { verb, argument, mail });
            }
        };
        self.refuse(&refusal);
        State::Command(mail)
    }

    /// Answers [`Question::Command`](super::Question::Command) with a 2yz, 4yz or 5yz reply; 421 and 521
    /// close the connection.
    ///
    /// Any other reply would leave the client waiting for what does not come, so it gets 451, and what
    /// the hook did wrong is returned.
    pub fn answer_command(&mut self, reply: Reply) -> Option<HookFailure> {
        let mail = match self.take_state() {
            State::Asked(Asked::Command { mail, .. }) => mail,
            other => {
                self.state = other;
                return None;
            }
        };
        if reply.code().is_positive_completion() {
            self.output.push(&reply);
            self.state = State::Command(mail);
            return None;
        }
        let rejection = Rejection::from_reply(reply);
        let failure = rejection.is_none().then_some(HookFailure::UnfitReply);
        self.refuse_with(&rejection.unwrap_or_else(Rejection::local_error), mail);
        failure
    }
}
