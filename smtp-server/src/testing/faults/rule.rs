//! One rule: where, when, what.
//!
//! * **In**: a builder's calls. **Out**: [`Rule`].
//! * **Promises**: a rule makes sense: its fault can happen at its point.
//! * **Limits**: none. **Panics**: builders, on what makes no sense. **Spec**: none.

use std::time::Duration;

use super::text::{self, RuleError};
use crate::verdict::Rejection;

/// Where a fault happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum On {
    /// A connection, before the greeting; with implicit TLS behind the handshake. A 4yz reply is written as 421,
    /// a 5yz one as 554.
    Connect,
    /// EHLO, HELO or LHLO.
    Hello,
    /// STARTTLS.
    StartTls,
    /// The TLS handshake, implicit or behind STARTTLS.
    TlsHandshake,
    /// AUTH; not the lines of an exchange behind it.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA, or a BDAT that is not a further chunk of a message. If it is not the last, `throttle` and `truncate`
    /// are for the message's final reply.
    Data,
    /// The content of a message, while it comes.
    Content,
    /// The end of a message, before the delivery hears of it. On LMTP an answer [to](Trigger::to) a recipient is the
    /// reply for that one alone, of whom the delivery never hears; it is decided when the content begins.
    EndOfData,
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// QUIT.
    Quit,
    /// VRFY or EXPN.
    Vrfy,
    /// Any command; those between two chunks of a message are not looked at.
    Any,
}

/// What happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// This refusal in place of what would be done.
    Answer(Rejection),
    /// The reply waits.
    Delay(Duration),
    /// So many octets a second.
    Throttle(u32),
    /// The server writes no more, and reads until the client closes.
    HalfClose,
    /// The connection ends.
    Close,
    /// The connection is reset.
    Reset,
    /// These octets in place of the reply.
    Garbage(Vec<u8>),
    /// So many octets of the reply, then the end.
    Truncate(usize),
    /// The alert `handshake_failure`.
    FailHandshake,
    /// The server does not read.
    Stall(Duration),
}

/// When the fault happens: all conditions hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    pub(super) trigger: Trigger,
    pub(super) fault: Fault,
}

/// A [`Rule`] without its fault; what it says last makes the rule.
///
/// Its methods panic on what makes no sense: they are for rules in the source. What comes from elsewhere is parsed.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub struct Trigger {
    pub(super) on: On,
    pub(super) to: Option<String>,
    pub(super) nth: Option<u64>,
    pub(super) connection: Option<u64>,
    pub(super) times: Option<u64>,
    pub(super) probability: Option<f64>,
    pub(super) after: u64,
}

impl Rule {
    /// Begins a rule.
    pub fn at(on: On) -> Trigger {
        Trigger {
            on,
            to: None,
            nth: None,
            connection: None,
            times: None,
            probability: None,
            after: 0,
        }
    }

    /// Where it happens.
    #[must_use]
    pub fn on(&self) -> On {
        self.trigger.on
    }

    /// What happens.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    pub(super) fn new(trigger: Trigger, fault: Fault) -> Result<Self, RuleError> {
        if let Some(expected) = trigger.objection(&fault) {
            return Err(RuleError::new(trigger.on.as_str(), expected));
        }
        Ok(Self { trigger, fault })
    }
}

impl Trigger {
    /// Only with this recipient, compared without case; of a message, if it is among its recipients.
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.to = Some(address.into());
        self
    }

    /// Only the nth of the occurrences that fit else, of all connections, counted from 1. With
    /// [`times`](Self::times), from that one on.
    pub fn nth(mut self, nth: u64) -> Self {
        self.nth = Some(nth.max(1));
        self
    }

    /// Only on this connection, counted from 1 since the rule was added.
    pub fn on_connection(mut self, connection: u64) -> Self {
        self.connection = Some(connection.max(1));
        self
    }

    /// So often at most.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times.max(1));
        self
    }

    /// As often as this, from 0 to 1, as the [seed](super::Faults::seeded) decides. What happens to a connection
    /// depends on its number and on what its client does, not on other connections.
    pub fn with_probability(mut self, probability: f64) -> Self {
        self.probability = Some(probability);
        self
    }

    /// At [`On::Content`]: once so many octets of a message have come; shorter ones do not fit.
    pub fn after(mut self, bytes: u64) -> Self {
        self.after = bytes;
        self
    }

    /// A refusal as the client reads it, without its line ending: `451 4.2.1 try later`. 421 and 521 end the
    /// connection.
    ///
    /// # Panics
    /// If it is none, or there is no reply at this point.
    #[track_caller]
    #[must_use]
    pub fn answer(self, reply: &str) -> Rule {
        match text::refusal(reply) {
            Some(rejection) => self.with(Fault::Answer(rejection)),
            None => panic!("'{reply}' is no refusal, such as 451 4.2.1 try later"),
        }
    }

    /// The reply comes later.
    ///
    /// # Panics
    /// At [`On::Content`]: that is [`stall`](Self::stall).
    #[track_caller]
    #[must_use]
    pub fn delay(self, time: Duration) -> Rule {
        self.with(Fault::Delay(time))
    }

    /// So many octets of the reply a second, or of content where it is read.
    ///
    /// # Panics
    /// At [`On::TlsHandshake`], or if it is 0.
    #[track_caller]
    #[must_use]
    pub fn throttle(self, bytes_per_second: u32) -> Rule {
        self.with(Fault::Throttle(bytes_per_second))
    }

    /// The server ends its half of the connection and reads on.
    #[track_caller]
    #[must_use]
    pub fn half_close(self) -> Rule {
        self.with(Fault::HalfClose)
    }

    /// The server ends the connection.
    #[track_caller]
    #[must_use]
    pub fn close(self) -> Rule {
        self.with(Fault::Close)
    }

    /// The server resets the connection.
    #[track_caller]
    #[must_use]
    pub fn reset(self) -> Rule {
        self.with(Fault::Reset)
    }

    /// These octets in place of the reply; the connection goes on, but for a handshake.
    ///
    /// # Panics
    /// At [`On::Content`].
    #[track_caller]
    #[must_use]
    pub fn garbage(self, octets: impl Into<Vec<u8>>) -> Rule {
        self.with(Fault::Garbage(octets.into()))
    }

    /// So many octets of the reply, and not the last one, then the end of the connection.
    ///
    /// # Panics
    /// At [`On::Content`] and [`On::TlsHandshake`].
    #[track_caller]
    #[must_use]
    pub fn truncate(self, bytes: usize) -> Rule {
        self.with(Fault::Truncate(bytes))
    }

    /// The handshake fails.
    ///
    /// # Panics
    /// But at [`On::TlsHandshake`].
    #[track_caller]
    #[must_use]
    pub fn fail_handshake(self) -> Rule {
        self.with(Fault::FailHandshake)
    }

    /// The server stops reading.
    ///
    /// # Panics
    /// But at [`On::Content`].
    #[track_caller]
    #[must_use]
    pub fn stall(self, time: Duration) -> Rule {
        self.with(Fault::Stall(time))
    }

    #[track_caller]
    fn with(self, fault: Fault) -> Rule {
        match Rule::new(self, fault) {
            Ok(rule) => rule,
            Err(error) => panic!("{error}"),
        }
    }

    /// What this and the fault should be, if they do not go together.
    fn objection(&self, fault: &Fault) -> Option<&'static str> {
        use Fault::{Answer, Delay, FailHandshake, Garbage, Stall, Throttle, Truncate};
        let probability = self.probability.unwrap_or_default();
        let expected = match (self.on, fault) {
            (_, Throttle(0)) => "a throttle of 1 octet a second at least",
            (On::Content, Answer(_) | Delay(_) | Garbage(_) | Truncate(_) | FailHandshake) => {
                "stall, throttle, close, half-close or reset at content"
            }
            (On::TlsHandshake, Answer(_) | Throttle(_) | Truncate(_) | Stall(_)) => {
                "fail, delay, garbage, close, half-close or reset at tls-handshake"
            }
            (on, Stall(_)) if on != On::Content => "stall at content only",
            (on, FailHandshake) if on != On::TlsHandshake => "fail at tls-handshake only",
            (on, _) if 0 < self.after && on != On::Content => "after at content only",
            (on, _) if self.to.is_some() && !on.has_recipients() => {
                "to with rcpt, data, content, end-of-data or any"
            }
            _ if !(0.0..=1.0).contains(&probability) => "a probability from 0 to 1",
            _ => return None,
        };
        Some(expected)
    }
}

impl On {
    pub(super) const ALL: [Self; 15] = [
        Self::Connect,
        Self::Hello,
        Self::StartTls,
        Self::TlsHandshake,
        Self::Auth,
        Self::Mail,
        Self::Rcpt,
        Self::Data,
        Self::Content,
        Self::EndOfData,
        Self::Rset,
        Self::Noop,
        Self::Quit,
        Self::Vrfy,
        Self::Any,
    ];

    /// Its name in a rule's text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Hello => "hello",
            Self::StartTls => "starttls",
            Self::TlsHandshake => "tls-handshake",
            Self::Auth => "auth",
            Self::Mail => "mail",
            Self::Rcpt => "rcpt",
            Self::Data => "data",
            Self::Content => "content",
            Self::EndOfData => "end-of-data",
            Self::Rset => "rset",
            Self::Noop => "noop",
            Self::Quit => "quit",
            Self::Vrfy => "vrfy",
            Self::Any => "any",
        }
    }

    fn has_recipients(self) -> bool {
        matches!(self, Self::Rcpt | Self::Data | Self::Content | Self::EndOfData | Self::Any)
    }
}
