//! Mailboxes, and the paths of MAIL and RCPT that hold them.
//!
//! * **In**: `kim@example.org`, or a path in angle brackets. **Out**: [`Mailbox`],
//!   [`ReversePath`], [`ForwardPath`].
//! * **Promises**: no value can hold CR, LF, NUL or another control character, so writing it into
//!   a command or a header field injects nothing; source routes are read and dropped.
//! * **Limits**: 256 octets of path with its brackets and its route. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.2, 4.1.1.3, 4.1.2, 4.5.3.1.3 and appendix C; RFC 6531 3.3.

use core::fmt;
use core::str::FromStr;

use crate::class;
use crate::cursor::Cursor;
use crate::domain::Domain;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::PATH_BYTES_MAX;
use crate::local_part::LocalPart;

const POSTMASTER: &str = "postmaster";

/// An address: a local-part at a domain.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Mailbox<'a> {
    /// Before the `@`.
    pub local_part: LocalPart<'a>,
    /// After the `@`.
    pub domain: Domain<'a>,
}

impl<'a> Mailbox<'a> {
    /// The mailbox of these parts.
    #[must_use]
    pub const fn new(local_part: LocalPart<'a>, domain: Domain<'a>) -> Self {
        Self { local_part, domain }
    }

    /// Parses a whole text, without angle brackets.
    ///
    /// # Errors
    ///
    /// [`LocalPart`](SyntaxErrorKind::LocalPart) or [`Domain`](SyntaxErrorKind::Domain) where the
    /// grammar is broken, [`ControlCharacter`](SyntaxErrorKind::ControlCharacter), and the kinds
    /// of over-long parts.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        refuse_controls(text)?;
        let mut cursor = Cursor::new(text);
        let mailbox = Self::read(&mut cursor)?;
        if !cursor.is_at_end() {
            return Err(cursor.error(SyntaxErrorKind::Domain));
        }
        if text.len() + "<>".len() > PATH_BYTES_MAX {
            return Err(SyntaxError::new(SyntaxErrorKind::PathTooLong, 0));
        }
        Ok(mailbox)
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.local_part.is_ascii() && self.domain.is_ascii()
    }

    /// The same mailbox without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Mailbox<'static> {
        Mailbox { local_part: self.local_part.into_owned(), domain: self.domain.into_owned() }
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let local_part = LocalPart::read(cursor)?;
        if !cursor.accept(b'@') {
            return Err(cursor.error(SyntaxErrorKind::LocalPart));
        }
        Ok(Self { local_part, domain: Domain::read(cursor)? })
    }
}

impl FromStr for Mailbox<'static> {
    type Err = SyntaxError;

    fn from_str(text: &str) -> Result<Self, SyntaxError> {
        Mailbox::parse(text).map(Mailbox::into_owned)
    }
}

impl fmt::Display for Mailbox<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}@{}", self.local_part, self.domain)
    }
}

/// The sender of a transaction: who is told when delivery fails.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReversePath<'a> {
    /// `<>`: nobody is to be told, as for notifications themselves.
    Null,
    /// A mailbox.
    Mailbox(Mailbox<'a>),
}

impl<'a> ReversePath<'a> {
    /// Parses a whole text, with its angle brackets.
    ///
    /// # Errors
    ///
    /// [`ReversePath`](SyntaxErrorKind::ReversePath) where the grammar is broken,
    /// [`ControlCharacter`](SyntaxErrorKind::ControlCharacter), and the kinds of over-long parts.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        whole(text, SyntaxErrorKind::ReversePath, Self::read)
    }

    /// The mailbox, unless the path is null.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox<'a>> {
        match self {
            Self::Null => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The domain, unless the path is null.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain<'a>> {
        self.mailbox().map(|mailbox| &mailbox.domain)
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }

    /// The same path without a borrow.
    #[must_use]
    pub fn into_owned(self) -> ReversePath<'static> {
        match self {
            Self::Null => ReversePath::Null,
            Self::Mailbox(mailbox) => ReversePath::Mailbox(mailbox.into_owned()),
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        if cursor.accept_word("<>") {
            return Ok(Self::Null);
        }
        read_path(cursor, SyntaxErrorKind::ReversePath).map(Self::Mailbox)
    }
}

impl fmt::Display for ReversePath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("<>"),
            Self::Mailbox(mailbox) => write!(formatter, "<{mailbox}>"),
        }
    }
}

/// A recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath<'a> {
    /// `<postmaster>` without a domain: whoever runs this host.
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox<'a>),
}

impl<'a> ForwardPath<'a> {
    /// Parses a whole text, with its angle brackets.
    ///
    /// # Errors
    ///
    /// [`ForwardPath`](SyntaxErrorKind::ForwardPath) where the grammar is broken,
    /// [`ControlCharacter`](SyntaxErrorKind::ControlCharacter), and the kinds of over-long parts.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        whole(text, SyntaxErrorKind::ForwardPath, Self::read)
    }

    /// The mailbox, unless this is the postmaster without a domain.
    #[must_use]
    pub const fn mailbox(&self) -> Option<&Mailbox<'a>> {
        match self {
            Self::Postmaster => None,
            Self::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// The domain, unless this is the postmaster without one.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain<'a>> {
        self.mailbox().map(|mailbox| &mailbox.domain)
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
    }

    /// The same path without a borrow.
    #[must_use]
    pub fn into_owned(self) -> ForwardPath<'static> {
        match self {
            Self::Postmaster => ForwardPath::Postmaster,
            Self::Mailbox(mailbox) => ForwardPath::Mailbox(mailbox.into_owned()),
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let start = cursor.clone();
        if cursor.accept(b'<') && cursor.accept_word(POSTMASTER) && cursor.accept(b'>') {
            return Ok(Self::Postmaster);
        }
        *cursor = start;
        read_path(cursor, SyntaxErrorKind::ForwardPath).map(Self::Mailbox)
    }
}

impl fmt::Display for ForwardPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => write!(formatter, "<{POSTMASTER}>"),
            Self::Mailbox(mailbox) => write!(formatter, "<{mailbox}>"),
        }
    }
}

fn refuse_controls(text: &str) -> Result<(), SyntaxError> {
    match class::find_control(text) {
        Some(offset) => Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset)),
        None => Ok(()),
    }
}

fn whole<'a, T>(
    text: &'a str,
    kind: SyntaxErrorKind,
    read: fn(&mut Cursor<'a>) -> Result<T, SyntaxError>,
) -> Result<T, SyntaxError> {
    refuse_controls(text)?;
    let mut cursor = Cursor::new(text);
    let path = read(&mut cursor)?;
    if cursor.is_at_end() { Ok(path) } else { Err(cursor.error(kind)) }
}

/// Reads `"<" [ A-d-l ":" ] Mailbox ">"`; whatever breaks the grammar inside is of `kind`.
fn read_path<'a>(
    cursor: &mut Cursor<'a>,
    kind: SyntaxErrorKind,
) -> Result<Mailbox<'a>, SyntaxError> {
    let in_path = |error: SyntaxError| match error.kind {
        SyntaxErrorKind::LocalPart | SyntaxErrorKind::Domain => {
            SyntaxError::new(kind, error.offset)
        }
        _ => error,
    };
    let start = cursor.offset();
    if !cursor.accept(b'<') {
        return Err(cursor.error(kind));
    }
    skip_route(cursor).map_err(in_path)?;
    let mailbox = Mailbox::read(cursor).map_err(in_path)?;
    if !cursor.accept(b'>') {
        return Err(cursor.error(kind));
    }
    if cursor.since(start).len() > PATH_BYTES_MAX {
        return Err(SyntaxError::new(SyntaxErrorKind::PathTooLong, start));
    }
    Ok(mailbox)
}

/// RFC 5321 4.1.1.3: servers accept source routes and should ignore them.
fn skip_route(cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
    let mut in_route = false;
    // Every turn reads an `@`, so this ends.
    while cursor.accept(b'@') {
        in_route = true;
        Domain::read(cursor)?;
        if !cursor.accept(b',') {
            break;
        }
        if cursor.peek() != Some(b'@') {
            return Err(cursor.error(SyntaxErrorKind::Domain));
        }
    }
    if in_route && !cursor.accept(b':') {
        return Err(cursor.error(SyntaxErrorKind::Domain));
    }
    Ok(())
}
