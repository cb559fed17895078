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
        let word = first_word(line);
        let mut letters = [0; VERB_BYTES_MAX];
        let upper = letters.get_mut(..word.len())?;
        upper.copy_from_slice(word);
        upper.make_ascii_uppercase();
        Some(match &*upper {
            b"EHLO" => Self::Ehlo,
            b"HELO" => Self::Helo,
            b"LHLO" => Self::Lhlo,
            b"MAIL" => Self::Mail,
            b"RCPT" => Self::Rcpt,
            b"DATA" => Self::Data,
            b"BDAT" => Self::Bdat,
            b"RSET" => Self::Rset,
            b"NOOP" => Self::Noop,
            b"QUIT" => Self::Quit,
            b"STARTTLS" => Self::StartTls,
            b"AUTH" => Self::Auth,
            b"VRFY" => Self::Vrfy,
            b"EXPN" => Self::Expn,
            b"HELP" => Self::Help,
            b"ETRN" => Self::Etrn,
            b"XCLIENT" => Self::XClient,
            b"XFORWARD" => Self::XForward,
            _ => return None,
        })
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

const VERB_BYTES_MAX: usize = "STARTTLS".len();

/// Verbs that have a meaning, and that a server answers with 502 (RFC 5321 4.2.4, F.1, F.6; RFC 2645).
const UNIMPLEMENTED: [&str; 5] = ["TURN", "ATRN", "SEND", "SOML", "SAML"];

/// The octets in front of the first space or control character.
pub(crate) fn first_word(line: &[u8]) -> &[u8] {
    let end = line.iter().position(|&octet| !class::is(octet, class::PRINTABLE));
    line.get(..end.unwrap_or(line.len())).unwrap_or_default()
}

/// Whether the word is a verb that this crate knows only by name.
pub(crate) fn is_unimplemented(word: &[u8]) -> bool {
    UNIMPLEMENTED.iter().any(|verb| word.eq_ignore_ascii_case(verb.as_bytes()))
}
