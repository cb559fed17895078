//! What an entry of a table does.
//!
//! * **In**: a right-hand side of Postfix's access(5) or of Sendmail's access database. **Out**: [`AccessAction`].
//! * **Promises**: text that is no action is an error that says what was expected and where, never a pass.
//! * **Limits**: none but the text's length. **Panics**: never.
//! * **Spec**: Postfix access(5), "ACCEPT ACTIONS" to "OTHER ACTIONS"; Sendmail cf/README, "ANTI-SPAM CONFIGURATION
//!   CONTROL".

use smtp_proto::{EnhancedCode, Mailbox, Reply, ReplyCode};

use crate::envelope::FilterRoute;
use crate::header::HeaderField;
use crate::verdict::{Note, Rejection};

/// What an entry does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AccessAction {
    /// Nothing against it: this stage asks no further table. It grants nothing.
    Ok,
    /// As [`Ok`](Self::Ok). Sendmail's `RELAY` also opens the way to other hosts, which only a
    /// [`RelayPolicy`](crate::hooks::RelayPolicy) can do here; one that reads the same table finds it by this.
    Relay,
    /// No answer, and no less specific key of this table is asked either; the next table is.
    Dunno,
    /// Refuse.
    Reject(Rejection),
    /// Refuse in the end, if nothing else does (Postfix's `DEFER_IF_PERMIT`).
    DeferIfPermit(Rejection),
    /// If a later table of this stage refuses for good, refuse with this in its place (Postfix's `DEFER_IF_REJECT`).
    DeferIfReject(Rejection),
    /// Accept the message and deliver it nowhere, with a remark for the log. This stage asks no further table.
    Discard(String),
    /// Put a field on top of the message.
    Prepend(HeaderField),
    /// Keep the message until somebody lets it go, for this reason.
    Hold(String),
    /// Send the message here and to none of its recipients.
    Redirect(Mailbox<'static>),
    /// Send a copy here.
    Bcc(Mailbox<'static>),
    /// Send the message through this content filter.
    Filter(FilterRoute),
    /// Tell the log, and nothing else.
    Note(Note),
}

/// Why a right-hand side is no action.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: expected {expected}")]
pub struct ActionError {
    /// Where in the text, in characters from 1.
    pub column: usize,
    /// What should stand there.
    pub expected: &'static str,
}

impl AccessAction {
    /// `REJECT text`: 554 5.7.1.
    #[must_use]
    pub fn reject(text: &str) -> Self {
        let code = EnhancedCode::new(5, 7, 1);
        refusal(ReplyCode::TRANSACTION_FAILED, code, text)
    }

    /// `DEFER text`: 450 4.7.1.
    #[must_use]
    pub fn defer(text: &str) -> Self {
        refusal(ReplyCode::MAILBOX_BUSY, EnhancedCode::new(4, 7, 1), text)
    }

    /// A right-hand side of Postfix's access(5). An action's name is known in upper and lower case.
    ///
    /// Restrictions and their classes (`reject_unauth_destination`) are no actions here.
    ///
    /// # Errors
    /// [`ActionError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, ActionError> {
        let words = Words::new(text);
        let argument = words.argument;
        let action = match words.verb.to_ascii_uppercase().as_str() {
            "OK" | "RELAY" => Self::Ok,
            "DUNNO" => Self::Dunno,
            "REJECT" => {
                let (code, text) = words.enhanced_code(EnhancedCode::new(5, 7, 1));
                refusal(ReplyCode::TRANSACTION_FAILED, code, text)
            }
            "DEFER" => {
                let (code, text) = words.enhanced_code(EnhancedCode::new(4, 7, 1));
                refusal(ReplyCode::MAILBOX_BUSY, code, text)
            }
            "DEFER_IF_PERMIT" => Self::DeferIfPermit(words.deferral()),
            "DEFER_IF_REJECT" => Self::DeferIfReject(words.deferral()),
            "DISCARD" => Self::Discard(argument.to_owned()),
            "HOLD" => Self::Hold(argument.to_owned()),
            "REDIRECT" => Self::Redirect(words.mailbox()?),
            "BCC" => Self::Bcc(words.mailbox()?),
            "FILTER" => Self::Filter(words.filter()?),
            "PREPEND" => Self::Prepend(words.field()?),
            "WARN" => Self::Note(Note::Warning(argument.to_owned())),
            "INFO" => Self::Note(Note::Info(argument.to_owned())),
            // A time stamp, as tables of POP-before-SMTP hold it; so a bare 550 is no refusal.
            _ if words.is_number() => Self::Ok,
            verb => words.refusal(verb, EnhancedCode::new(5, 7, 1)).ok_or_else(|| {
                words.at_verb(
                    "OK, DUNNO, REJECT, DEFER, DEFER_IF_PERMIT, DEFER_IF_REJECT, DISCARD, HOLD, REDIRECT, BCC, \
                     FILTER, PREPEND, WARN, INFO, or a reply code from 400 to 599 and a text",
                )
            })?,
        };
        Ok(action)
    }

    /// A right-hand side of Sendmail's access database: `OK`, `RELAY`, `REJECT`, `DISCARD`, `SKIP`,
    /// `ERROR:550 text`, `ERROR:5.7.1:550 text`, `QUARANTINE:reason` or `550 text`.
    ///
    /// `SKIP` is [`Dunno`](Self::Dunno), `QUARANTINE` is [`Hold`](Self::Hold). A refusal without an enhanced code
    /// gets that of its class, `5.0.0` or `4.0.0`.
    ///
    /// # Errors
    /// [`ActionError`] for anything else.
    pub fn parse_sendmail(text: &str) -> Result<Self, ActionError> {
        let text = text.trim_ascii_end();
        let words = Words::new(text);
        let (tag, rest) = text.split_once(':').unwrap_or((text, ""));
        let action = match tag.trim_ascii_start().to_ascii_uppercase().as_str() {
            "OK" => Self::Ok,
            "RELAY" => Self::Relay,
            "SKIP" => Self::Dunno,
            "DISCARD" => Self::Discard(rest.to_owned()),
            "REJECT" => refusal(ReplyCode::MAILBOX_UNAVAILABLE, EnhancedCode::new(5, 7, 1), ""),
            "QUARANTINE" if !rest.is_empty() => Self::Hold(rest.to_owned()),
            "ERROR" => sendmail_error(text, rest)?,
            _ => words.refusal(words.verb, EnhancedCode::new(5, 0, 0)).ok_or_else(|| {
                words.at_verb(
                    "OK, RELAY, REJECT, DISCARD, SKIP, QUARANTINE:reason, ERROR:5.7.1:550 text, ERROR:550 text, or \
                     a reply code from 400 to 599 and a text",
                )
            })?,
        };
        Ok(action)
    }
}

/// `550 text` or `5.7.1:550 text`, which is the end of `text`; quotes around the reply are left out.
fn sendmail_error(text: &str, rest: &str) -> Result<AccessAction, ActionError> {
    let given =
        rest.split_once(':').and_then(|(code, rest)| Some((EnhancedCode::parse(code)?, rest)));
    let (code, reply) = given.unwrap_or((EnhancedCode::new(5, 0, 0), rest));
    let unquoted = reply.strip_prefix('"').and_then(|reply| reply.strip_suffix('"'));
    let words = Words::new(unquoted.unwrap_or(reply));
    words.refusal(words.verb, code).ok_or_else(|| ActionError {
        column: characters(&text[..text.len() - reply.len()]) + 1,
        expected: "a reply code from 400 to 599 and a text",
    })
}

fn refusal(code: ReplyCode, enhanced: EnhancedCode, text: &str) -> AccessAction {
    AccessAction::Reject(rejection(
        code,
        enhanced,
        if text.is_empty() { "Access denied" } else { text },
    ))
}

fn rejection(code: ReplyCode, enhanced: EnhancedCode, text: &str) -> Rejection {
    let reply = Reply::new(code, Some(enhanced), text.to_owned());
    // Which all callers made sure of: a code that is no refusal never gets here.
    Rejection::from_reply(reply).unwrap_or_else(Rejection::local_error)
}

/// A right-hand side: a word, and what follows it.
struct Words<'a> {
    text: &'a str,
    verb: &'a str,
    argument: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        let trimmed = text.trim_ascii();
        let end = trimmed.find(|c: char| c.is_ascii_whitespace()).unwrap_or(trimmed.len());
        let (verb, argument) = trimmed.split_at(end);
        Self { text, verb, argument: argument.trim_ascii_start() }
    }

    fn is_number(&self) -> bool {
        let mut octets = self.verb.bytes();
        !self.verb.is_empty() && self.argument.is_empty() && octets.all(|c| c.is_ascii_digit())
    }

    /// `550 text` or `550 5.7.1 text`. A code without a text is none: see [`is_number`](Self::is_number).
    fn refusal(&self, verb: &str, default: EnhancedCode) -> Option<AccessAction> {
        let is_code = verb.len() == 3 && matches!(verb.as_bytes(), [b'4' | b'5', ..]);
        let code = verb.parse().ok().filter(|_| is_code).and_then(ReplyCode::new)?;
        let (enhanced, text) = self.enhanced_code(default);
        (!self.argument.is_empty()).then(|| refusal(code, enhanced, text))
    }

    /// What to say later, as `4.7.1 text`.
    fn deferral(&self) -> Rejection {
        let (enhanced, text) = self.enhanced_code(EnhancedCode::new(4, 7, 1));
        let text = if text.is_empty() { "Service unavailable" } else { text };
        rejection(ReplyCode::MAILBOX_BUSY, enhanced, text)
    }

    /// The enhanced code at the start of the argument, and the text behind it. [`Reply`] sees to its class.
    fn enhanced_code(&self, default: EnhancedCode) -> (EnhancedCode, &'a str) {
        let (first, rest) = self.argument.split_once([' ', '\t']).unwrap_or((self.argument, ""));
        match EnhancedCode::parse(first) {
            Some(code) => (code, rest.trim_ascii_start()),
            None => (default, self.argument),
        }
    }

    fn mailbox(&self) -> Result<Mailbox<'static>, ActionError> {
        let mailbox = Mailbox::parse(self.argument).map(Mailbox::into_owned);
        mailbox.map_err(|_| self.at_argument("an address, user@domain"))
    }

    fn filter(&self) -> Result<FilterRoute, ActionError> {
        match self.argument.split_once(':') {
            Some((transport, destination)) if !transport.is_empty() => Ok(FilterRoute {
                transport: transport.to_owned(),
                destination: destination.to_owned(),
            }),
            _ => Err(self.at_argument("transport:destination")),
        }
    }

    fn field(&self) -> Result<HeaderField, ActionError> {
        let expected = "a header field, Name: value";
        let (name, value) =
            self.argument.split_once(':').ok_or_else(|| self.at_argument(expected))?;
        HeaderField::new(name, value.trim_ascii_start()).map_err(|_| self.at_argument(expected))
    }

    fn at_verb(&self, expected: &'static str) -> ActionError {
        self.at(self.verb, expected)
    }

    fn at_argument(&self, expected: &'static str) -> ActionError {
        self.at(self.argument, expected)
    }

    /// `part` is a part of the text; one that is missing would stand at its end.
    fn at(&self, part: &str, expected: &'static str) -> ActionError {
        let before = if part.is_empty() {
            self.text.len()
        } else {
            part.as_ptr().addr() - self.text.as_ptr().addr()
        };
        let column = self.text.get(..before).map_or(1, |before| characters(before) + 1);
        ActionError { column, expected }
    }
}

fn characters(text: &str) -> usize {
    text.chars().count()
}
