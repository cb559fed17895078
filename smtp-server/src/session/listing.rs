//! VRFY and EXPN.
//!
//! * **In**: a name; mailboxes. **Out**: the reply.
//! * **Promises**: neither changes the transaction. 250 is said only for mailboxes that a directory named.
//!   Without a directory, and by default there is none, both are 252.
//! * **Limits**: [`Limits::idle_commands_max`](crate::config::Limits::idle_commands_max). **Panics**: never.
//! * **Spec**: RFC 5321 3.5, 7.3; RFC 6531 3.7.4.2; RFC 4954 6 (530).

use smtp_proto::{EnhancedCode, Query, Reply, ReplyCode, Verb, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::ListedMailbox;
use crate::verdict::Rejection;

impl Session {
    pub(super) fn list(&mut self, verb: Verb, query: Query<'_>, mail: Mail) -> State {
        if !self.config.directory {
            return self.answer_idle_command(&not_told(verb), mail);
        }
        if self.config.auth.required && self.info.identity.is_none() {
            self.refuse(&replies::AUTH_REQUIRED);
            return State::Command(mail);
        }
        self.guard.count_idle_command();
        State::Asked(Asked::Listing { verb, query: query.into_owned(), mail })
    }

    /// Answers [`Question::Listing`](super::Question::Listing) with the mailboxes, or a refusal.
    pub fn answer_listing(&mut self, listed: Result<Vec<ListedMailbox>, Rejection>) {
        let (verb, query, mail) = match self.take_state() {
            State::Asked(Asked::Listing { verb, query, mail }) => (verb, query, mail),
            other => return self.state = other,
        };
        match listed {
            Ok(listed) => {
                let reply = reply_with(&listed, verb);
                if query.smtputf8 {
                    self.output.push_utf8(&reply);
                } else if reply.text().is_ascii() {
                    self.output.push(&reply);
                } else {
                    self.output.push(&replies::CANNOT_SHOW);
                }
                self.state = State::Command(mail);
            }
            Err(rejection) => self.refuse_with(&rejection, mail),
        }
    }
}

/// One mailbox per line, each usable in RCPT.
fn reply_with(listed: &[ListedMailbox], verb: Verb) -> Reply {
    let lines = || listed.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    match (listed, verb) {
        ([], _) => not_told(verb),
        ([_], _) | (_, Verb::Expn) => {
            Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 1, 5)), lines())
        }
        _ => {
            let ambiguous = replies::AMBIGUOUS;
            let text = format!("{}\n{}", ambiguous.text(), lines());
            Reply::new(ambiguous.code(), ambiguous.enhanced(), text)
        }
    }
}

fn not_told(verb: Verb) -> Reply {
    if verb == Verb::Expn { replies::CANNOT_EXPAND } else { replies::CANNOT_VERIFY }
}
