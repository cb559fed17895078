//! The first word of a command line.
//!
//! * **In**: a line, or just its beginning. **Out**: [`Verb`].
//! * **Promises**: matches without case; says nothing about what follows the word.
//! * **Limits**: looks at no more than the first word. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1; RFC 3030 2, 3207 4, 4954 4, 2033 4.1, 1985 5 for theirs.

use crate::class;

/// The first word of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Verb {
    /// `EHLO`
    Ehlo,
    /// `HELO`
    Helo,
    /// `LHLO`
    Lhlo,
    /// `MAIL`
    Mail,
    /// `RCPT`
    Rcpt,
    /// `DATA`
    Data,
    /// `BDAT`
    Bdat,
    /// `RSET`
    Rset,
    /// `NOOP`
    Noop,
    /// `QUIT`
    Quit,
    /// `STARTTLS`
    StartTls,
    /// `AUTH`
    Auth,
    /// `VRFY`
    Vrfy,
    /// `EXPN`
    Expn,
    /// `HELP`
    Help,
    /// `ETRN`
    Etrn,
    /// `XCLIENT`
    XClient,
    /// `XFORWARD`
    XForward,
}

impl Verb {
    /// The verb that a line begins with, whatever follows it and whether or not that is valid.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        // Every command begins here, so the letters are compared as one number, not one by one.
        let (letters, behind) = line.split_first_chunk::<4>()?;
        let (verb, rest) = match upper_case(letters) {
            EHLO => (Self::Ehlo, ""),
            HELO => (Self::Helo, ""),
            LHLO => (Self::Lhlo, ""),
            MAIL => (Self::Mail, ""),
            RCPT => (Self::Rcpt, ""),
            DATA => (Self::Data, ""),
            BDAT => (Self::Bdat, ""),
            RSET => (Self::Rset, ""),
            NOOP => (Self::Noop, ""),
            QUIT => (Self::Quit, ""),
            STAR => (Self::StartTls, "TTLS"),
            AUTH => (Self::Auth, ""),
            VRFY => (Self::Vrfy, ""),
            EXPN => (Self::Expn, ""),
            HELP => (Self::Help, ""),
            ETRN => (Self::Etrn, ""),
            XCLI => (Self::XClient, "ENT"),
            XFOR => (Self::XForward, "WARD"),
            _ => return None,
        };
        let (rest_of_line, behind) = behind.split_at_checked(rest.len())?;
        let ends = behind.first().is_none_or(|&octet| !class::is(octet, class::PRINTABLE));
        (ends && class::is_word(rest_of_line, rest)).then_some(verb)
    }

    /// The verb as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::Lhlo => "LHLO",
            Self::Mail => "MAIL",
            Self::Rcpt => "RCPT",
            Self::Data => "DATA",
            Self::Bdat => "BDAT",
            Self::Rset => "RSET",
            Self::Noop => "NOOP",
            Self::Quit => "QUIT",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
            Self::Etrn => "ETRN",
            Self::XClient => "XCLIENT",
            Self::XForward => "XFORWARD",
        }
    }
}

const EHLO: u32 = upper_case(b"EHLO");
const HELO: u32 = upper_case(b"HELO");
const LHLO: u32 = upper_case(b"LHLO");
pub(crate) const MAIL: u32 = upper_case(b"MAIL");
pub(crate) const RCPT: u32 = upper_case(b"RCPT");
const DATA: u32 = upper_case(b"DATA");
const BDAT: u32 = upper_case(b"BDAT");
const RSET: u32 = upper_case(b"RSET");
const NOOP: u32 = upper_case(b"NOOP");
const QUIT: u32 = upper_case(b"QUIT");
const STAR: u32 = upper_case(b"STAR");
pub(crate) const AUTH: u32 = upper_case(b"AUTH");
pub(crate) const VRFY: u32 = upper_case(b"VRFY");
pub(crate) const EXPN: u32 = upper_case(b"EXPN");
const HELP: u32 = upper_case(b"HELP");
const ETRN: u32 = upper_case(b"ETRN");
const XCLI: u32 = upper_case(b"XCLI");
const XFOR: u32 = upper_case(b"XFOR");

/// Four letters as a number that is the same in either case. What is no letter never becomes one.
pub(crate) const fn upper_case(letters: &[u8; 4]) -> u32 {
    u32::from_le_bytes(*letters) & 0xdfdf_dfdf
}

/// Verbs that have a meaning, and that a server answers with 502 (RFC 5321 4.2.4, F.1, F.6; RFC 2645).
const UNIMPLEMENTED: [&str; 5] = ["TURN", "ATRN", "SEND", "SOML", "SAML"];

/// The octets in front of the first space or control character.
pub(crate) fn first_word(line: &[u8]) -> &[u8] {
    line.split_at(class::run_bytes(line, class::PRINTABLE)).0
}

/// Whether the word is a verb that this crate knows only by name.
pub(crate) fn is_unimplemented(word: &[u8]) -> bool {
    UNIMPLEMENTED.iter().any(|verb| word.eq_ignore_ascii_case(verb.as_bytes()))
}
