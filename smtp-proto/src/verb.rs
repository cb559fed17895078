//! The first word of a command line.
//!
//! * **In**: a line, or just its beginning. **Out**: [`Verb`].
//! * **Promises**: matches without case; says nothing about what follows the word.
//! * **Limits**: looks at no more than the first word. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1; RFC 3030 2, 3207 4, 4954 4, 2033 4.1 for theirs.

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
}

impl Verb {
    /// The verb that a line begins with, whatever follows it and whether or not that is valid.
    #[must_use]
    pub fn of(line: &[u8]) -> Option<Self> {
        let end = line
            .iter()
            .position(|&octet| !class::is(octet, class::PRINTABLE))
            .unwrap_or(line.len());
        let word = line.get(..end)?;
        let mut letters = [0; STARTTLS.len()];
        let upper = letters.get_mut(..end)?;
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
            Self::StartTls => STARTTLS,
            Self::Auth => "AUTH",
            Self::Vrfy => "VRFY",
            Self::Expn => "EXPN",
            Self::Help => "HELP",
        }
    }
}

/// The longest verb.
const STARTTLS: &str = "STARTTLS";
