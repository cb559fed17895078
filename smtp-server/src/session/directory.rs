//! VRFY and EXPN.
//!
//! * **In**: what the client asks about; what the directory says. **Out**: one reply.
//! * **Promises**: the mail transaction stays as it is. Without a directory, or before an AUTH that is
//!   required, it is 252 without a question. More than ASCII is told only to a client that asked for it.
//! * **Limits**: [`Limits::idle_commands_max`](crate::config::Limits::idle_commands_max); a reply of
//!   1000 lines and 65,536 octets, as much as clients are known to read. **Panics**: never.
//! * **Spec**: RFC 5321 3.5, 4.1.1.6, 4.1.1.7, 4.3.2, 7.3; RFC 6531 3.7.4.

use smtp_proto::{EnhancedCode, Query, Reply, ReplyCode, limits, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::{DirectoryEntry, Expansion, Verification};

impl Session {
    pub(super) fn vrfy(&mut self, query: Query<'_>, mail: Mail) -> State {
        if !self.asks_directory() {
            return self.answer_idle_command(&replies::CANNOT_VERIFY, mail);
        }
        self.guard.count_idle_command();
        State::Asked(Asked::Verification { query: query.into_owned(), mail })
    }

    pub(super) fn expn(&mut self, query: Query<'_>, mail: Mail) -> State {
        if !self.asks_directory() {
            return self.answer_idle_command(&replies::CANNOT_EXPAND, mail);
        }
        self.guard.count_idle_command();
        State::Asked(Asked::Expansion { query: query.into_owned(), mail })
    }

    /// Answers [`Question::Verification`](super::Question::Verification).
    pub fn answer_verification(&mut self, verification: Verification) {
        self.state = match self.take_state() {
            State::Asked(Asked::Verification { query, mail }) => {
                self.tell(reply_to_vrfy(&verification), &query, mail)
            }
            other => other,
        };
    }

    /// Answers [`Question::Expansion`](super::Question::Expansion).
    pub fn answer_expansion(&mut self, expansion: Expansion) {
        self.state = match self.take_state() {
            State::Asked(Asked::Expansion { query, mail }) => {
                self.tell(reply_to_expn(&expansion), &query, mail)
            }
            other => other,
        };
    }

    fn asks_directory(&self) -> bool {
        let config = &self.config;
        config.directory && !(config.auth.required && self.info.identity.is_none())
    }

    fn tell(&mut self, reply: Reply, query: &Query<'_>, mail: Mail) -> State {
        let reply = readable(reply, query.smtputf8 && self.config.offers_smtputf8());
        if reply.code().is_permanent() {
            self.guard.count_error();
        }
        self.output.push_utf8(&reply);
        State::Command(mail)
    }
}

/// A reply with mailboxes, or what takes its place for a client that does not read UTF-8 (RFC 6531 3.7.4).
pub(super) fn readable(reply: Reply, in_utf8: bool) -> Reply {
    if in_utf8 || reply.text().is_ascii() {
        reply
    } else if reply.code().is_positive_completion() {
        replies::REPLY_NEEDS_SMTPUTF8
    } else {
        replies::REFUSAL_NEEDS_SMTPUTF8
    }
}

fn reply_to_vrfy(verification: &Verification) -> Reply {
    match verification {
        Verification::Mailbox(entry) => found(entry.to_string()),
        Verification::WillForward(entry) => with_text(&replies::WILL_FORWARD, ' ', entry),
        Verification::CannotVerify => replies::CANNOT_VERIFY,
        Verification::Unknown => replies::NAME_UNKNOWN,
        Verification::Moved(entry) => with_text(&replies::USER_NOT_LOCAL, ' ', entry),
        Verification::Ambiguous(candidates) => match lines(candidates) {
            Some(lines) => with_text(&replies::NAME_AMBIGUOUS, '\n', &lines),
            None => replies::NAME_AMBIGUOUS,
        },
    }
}

fn reply_to_expn(expansion: &Expansion) -> Reply {
    match expansion {
        Expansion::Members(members) => lines(members).map_or(replies::CANNOT_EXPAND, found),
        Expansion::CannotExpand => replies::CANNOT_EXPAND,
        Expansion::Unknown => replies::NAME_UNKNOWN,
    }
}

fn found(lines: String) -> Reply {
    Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 1, 5)), lines)
}

fn with_text(stock: &Reply, separator: char, more: &impl std::fmt::Display) -> Reply {
    Reply::new(stock.code(), stock.enhanced(), format!("{}{separator}{more}", stock.text()))
}

/// One entry a line, if there are any and a reply holds them.
fn lines(entries: &[DirectoryEntry]) -> Option<String> {
    /// `250-2.1.5 ` and CRLF.
    const AROUND_LINE_BYTES: usize = 12;
    // One line is left for words above them.
    if entries.is_empty() || limits::REPLY_LINES_MAX <= entries.len() {
        return None;
    }
    let lines = entries.iter().map(ToString::to_string).collect::<Vec<_>>();
    let bytes = lines.iter().map(|line| line.len() + AROUND_LINE_BYTES).sum::<usize>();
    (bytes + limits::REPLY_LINE_BYTES_MAX <= limits::REPLY_BYTES_MAX).then(|| lines.join("\n"))
}
