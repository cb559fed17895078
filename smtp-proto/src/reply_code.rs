//! The three digits that a reply begins with.
//!
//! * **In**: a number. **Out**: [`ReplyCode`], with names for those that have a meaning.
//! * **Promises**: from 200 to 599; other second digits than the RFC lists are kept, since they are
//!   seen and the first digit is what counts.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 5321 4.2.1 to 4.2.3; RFC 1985 5, 4954 4, 7504.

use core::fmt;

/// A reply code from 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// 211: system status.
    pub const STATUS: Self = Self(211);
    /// 214: help.
    pub const HELP: Self = Self(214);
    /// 220: ready, for mail or for TLS.
    pub const READY: Self = Self(220);
    /// 221: closing at the client's wish.
    pub const CLOSING: Self = Self(221);
    /// 235: authenticated (RFC 4954).
    pub const AUTH_SUCCEEDED: Self = Self(235);
    /// 250: done.
    pub const OK: Self = Self(250);
    /// 251: not here, will be forwarded.
    pub const WILL_FORWARD: Self = Self(251);
    /// 252: cannot verify, but will try.
    pub const CANNOT_VERIFY: Self = Self(252);
    /// 253: so many pending messages started (RFC 1985).
    pub const PENDING_STARTED: Self = Self(253);
    /// 334: a challenge (RFC 4954).
    pub const AUTH_CONTINUE: Self = Self(334);
    /// 353: a reply for each recipient follows (draft-hall-prdr).
    pub const CONTENT_ANALYSIS_STARTED: Self = Self(353);
    /// 354: send the content.
    pub const START_MAIL_INPUT: Self = Self(354);
    /// 421: closing at our wish.
    pub const SERVICE_NOT_AVAILABLE: Self = Self(421);
    /// 432: a password transition is needed (RFC 4954).
    pub const TRANSITION_NEEDED: Self = Self(432);
    /// 450: the mailbox cannot be used now.
    pub const MAILBOX_BUSY: Self = Self(450);
    /// 451: an error on our side.
    pub const LOCAL_ERROR: Self = Self(451);
    /// 452: no room.
    pub const INSUFFICIENT_STORAGE: Self = Self(452);
    /// 454: TLS or authentication not possible now (RFC 3207, RFC 4954).
    pub const TEMPORARY_FAILURE: Self = Self(454);
    /// 455: parameters cannot be honoured now.
    pub const PARAMETERS_NOT_ACCOMMODATED: Self = Self(455);
    /// 458: messages cannot be queued for this node (RFC 1985).
    pub const UNABLE_TO_QUEUE: Self = Self(458);
    /// 459: this node may not be asked for (RFC 1985).
    pub const NODE_NOT_ALLOWED: Self = Self(459);
    /// 500: not a command.
    pub const SYNTAX_ERROR: Self = Self(500);
    /// 501: not an argument of this command.
    pub const ARGUMENT_SYNTAX_ERROR: Self = Self(501);
    /// 502: a command that this server lacks.
    pub const NOT_IMPLEMENTED: Self = Self(502);
    /// 503: not now.
    pub const BAD_SEQUENCE: Self = Self(503);
    /// 504: an argument that this server lacks.
    pub const ARGUMENT_NOT_IMPLEMENTED: Self = Self(504);
    /// 521: this host takes no mail (RFC 7504).
    pub const NO_MAIL_SERVICE: Self = Self(521);
    /// 525: the account is disabled (RFC 5248).
    pub const ACCOUNT_DISABLED: Self = Self(525);
    /// 530: authenticate, or begin TLS, first (RFC 4954, RFC 3207).
    pub const AUTH_REQUIRED: Self = Self(530);
    /// 534: the mechanism is too weak (RFC 4954).
    pub const MECHANISM_TOO_WEAK: Self = Self(534);
    /// 535: wrong credentials (RFC 4954).
    pub const AUTH_FAILED: Self = Self(535);
    /// 550: no such mailbox, or no access to it.
    pub const MAILBOX_UNAVAILABLE: Self = Self(550);
    /// 551: not here, try elsewhere.
    pub const USER_NOT_LOCAL: Self = Self(551);
    /// 552: over a limit on size.
    pub const STORAGE_EXCEEDED: Self = Self(552);
    /// 553: no such name for a mailbox.
    pub const MAILBOX_NAME_NOT_ALLOWED: Self = Self(553);
    /// 554: the transaction failed.
    pub const TRANSACTION_FAILED: Self = Self(554);
    /// 555: parameters that this server lacks.
    pub const PARAMETERS_NOT_IMPLEMENTED: Self = Self(555);
    /// 556: the domain takes no mail (RFC 7504).
    pub const DOMAIN_TAKES_NO_MAIL: Self = Self(556);

    /// The code of that value, from 200 to 599.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value >= 200 && value <= 599 { Some(Self(value)) } else { None }
    }

    /// The value.
    #[must_use]
    pub const fn value(self) -> u16 {
        self.0
    }

    /// 2yz: done.
    #[must_use]
    pub const fn is_positive_completion(self) -> bool {
        self.first_digit() == 2
    }

    /// 3yz: go on.
    #[must_use]
    pub const fn is_intermediate(self) -> bool {
        self.first_digit() == 3
    }

    /// 4yz: try again later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        self.first_digit() == 4
    }

    /// 5yz: do not try again.
    #[must_use]
    pub const fn is_permanent(self) -> bool {
        self.first_digit() == 5
    }

    pub(crate) const fn first_digit(self) -> u8 {
        (self.0 / 100) as u8
    }

    pub(crate) fn parse(digits: &[u8]) -> Option<Self> {
        let value = digits.iter().try_fold(0, |value: u16, digit| {
            digit.is_ascii_digit().then(|| value * 10 + u16::from(digit - b'0'))
        })?;
        Self::new(value)
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}
