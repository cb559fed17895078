//! How often a client sent which command.
//!
//! * **In**: verbs as they come, and the codes of their replies. **Out**: numbers for a log.
//! * **Promises**: a command counts once, when its last reply is known; what came between 354 and the final reply is
//!   that command. **Limits**: one pair of numbers a verb. **Panics**: never.
//! * **Spec**: none; Postfix's `disconnect` lines have these.

use smtp_proto::{ReplyCode, Verb};

/// The verbs in the order in which they are told; what is none of them is counted behind them.
const VERBS: [Verb; 18] = [
    Verb::Helo,
    Verb::Ehlo,
    Verb::Lhlo,
    Verb::StartTls,
    Verb::Auth,
    Verb::Mail,
    Verb::Rcpt,
    Verb::Data,
    Verb::Bdat,
    Verb::Rset,
    Verb::Noop,
    Verb::Vrfy,
    Verb::Expn,
    Verb::Etrn,
    Verb::Help,
    Verb::Quit,
    Verb::XClient,
    Verb::XForward,
];
const UNKNOWN: usize = VERBS.len();

/// The commands of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCounts {
    counts: [CommandCount; UNKNOWN + 1],
    /// The place of the command that came last.
    last: Option<usize>,
    awaits_reply: bool,
}

/// How often one command came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandCount {
    /// How often it had a reply of 2yz.
    pub accepted: u32,
    /// How often it had a reply.
    pub total: u32,
}

impl CommandCounts {
    /// The commands that came, in a fixed order; `None` stands for all that are no command that is known.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Verb>, CommandCount)> {
        let verbs = VERBS.into_iter().map(Some).chain([None]);
        verbs.zip(self.counts).filter(|(_, count)| count.total > 0)
    }

    /// The last command; `None` before the first. The inner `None` stands for what is no command that is known.
    #[must_use]
    pub fn last(&self) -> Option<Option<Verb>> {
        self.last.map(|place| VERBS.get(place).copied())
    }

    /// A command came.
    pub(crate) fn begin(&mut self, verb: Option<Verb>) {
        let place = verb.and_then(|verb| VERBS.iter().position(|known| *known == verb));
        self.last = Some(place.unwrap_or(UNKNOWN));
        self.awaits_reply = true;
    }

    /// A reply goes out, to the command that came last.
    pub(crate) fn reply(&mut self, code: ReplyCode) {
        if !self.awaits_reply || code.is_intermediate() || code.value() < 200 {
            return;
        }
        self.awaits_reply = false;
        if let Some(count) = self.last.and_then(|place| self.counts.get_mut(place)) {
            count.total = count.total.saturating_add(1);
            if code.is_positive_completion() {
                count.accepted = count.accepted.saturating_add(1);
            }
        }
    }
}
