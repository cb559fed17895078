//! Mailboxes, and the paths of MAIL and RCPT that hold them.
//!
//! * **In**: `kim@example.org`, or a path in angle brackets. **Out**: [`Mailbox`],
//!   [`ReversePath`], [`ForwardPath`].
//! * **Promises**: no value can hold CR, LF, NUL or another control character, so writing it into
//!   a command or a header field injects nothing; a path is written as it was read, source route
//!   included.
//! * **Limits**: 256 octets of path with its brackets and its route. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.2, 4.1.1.3, 4.1.2, 4.5.3.1.3 and appendix C; RFC 6531 3.3.

use alloc::borrow::Cow;
use core::fmt;
use core::iter;
use core::str::FromStr;

use bytes::{BufMut, BytesMut};

use crate::address_syntax::AddressSyntax;
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
    /// A mailbox behind a source route.
    Routed {
        /// The hosts that the client wants passed through.
        route: SourceRoute<'a>,
        /// The mailbox behind the last of them.
        mailbox: Mailbox<'a>,
    },
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
            Self::Mailbox(mailbox) | Self::Routed { mailbox, .. } => Some(mailbox),
        }
    }

    /// The domain, unless the path is null.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain<'a>> {
        self.mailbox().map(|mailbox| &mailbox.domain)
    }

    /// The source route, if there is one.
    #[must_use]
    pub const fn route(&self) -> Option<&SourceRoute<'a>> {
        match self {
            Self::Routed { route, .. } => Some(route),
            _ => None,
        }
    }

    /// The same path without its source route, which RFC 5321 4.1.1.3 lets a server ignore.
    #[must_use]
    pub fn without_route(self) -> Self {
        match self {
            Self::Routed { mailbox, .. } => Self::Mailbox(mailbox),
            plain => plain,
        }
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
            && self.route().is_none_or(SourceRoute::is_ascii)
    }

    /// The same path without a borrow.
    #[must_use]
    pub fn into_owned(self) -> ReversePath<'static> {
        match self {
            Self::Null => ReversePath::Null,
            Self::Mailbox(mailbox) => ReversePath::Mailbox(mailbox.into_owned()),
            Self::Routed { route, mailbox } => {
                ReversePath::Routed { route: route.into_owned(), mailbox: mailbox.into_owned() }
            }
        }
    }

    /// Reads what stands behind `FROM:`.
    pub(crate) fn read(
        cursor: &mut Cursor<'a>,
        syntax: AddressSyntax,
    ) -> Result<Self, SyntaxError> {
        syntax.skip_spaces(cursor);
        if cursor.accept_word("<>") {
            return Ok(Self::Null);
        }
        Ok(match read_path(cursor, SyntaxErrorKind::ReversePath, syntax)? {
            (Some(route), mailbox) => Self::Routed { route, mailbox },
            (None, mailbox) => Self::Mailbox(mailbox),
        })
    }

    /// Appends the wire form, with the least quoting.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_path(self.route(), self.mailbox(), "", out);
    }
}

impl fmt::Display for ReversePath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("<>"),
            Self::Mailbox(mailbox) => write!(formatter, "<{mailbox}>"),
            Self::Routed { route, mailbox } => write!(formatter, "<{route}:{mailbox}>"),
        }
    }
}

/// A recipient of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ForwardPath<'a> {
    /// `<postmaster>` without a domain: whoever runs this host. It is read in any case and written
    /// in lower case.
    Postmaster,
    /// A mailbox.
    Mailbox(Mailbox<'a>),
    /// A mailbox behind a source route.
    Routed {
        /// The hosts that the client wants passed through.
        route: SourceRoute<'a>,
        /// The mailbox behind the last of them.
        mailbox: Mailbox<'a>,
    },
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
            Self::Mailbox(mailbox) | Self::Routed { mailbox, .. } => Some(mailbox),
        }
    }

    /// The domain, unless this is the postmaster without one.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain<'a>> {
        self.mailbox().map(|mailbox| &mailbox.domain)
    }

    /// The source route, if there is one.
    #[must_use]
    pub const fn route(&self) -> Option<&SourceRoute<'a>> {
        match self {
            Self::Routed { route, .. } => Some(route),
            _ => None,
        }
    }

    /// The same path without its source route, which RFC 5321 4.1.1.3 lets a server ignore.
    #[must_use]
    pub fn without_route(self) -> Self {
        match self {
            Self::Routed { mailbox, .. } => Self::Mailbox(mailbox),
            plain => plain,
        }
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.mailbox().is_none_or(Mailbox::is_ascii)
            && self.route().is_none_or(SourceRoute::is_ascii)
    }

    /// The same path without a borrow.
    #[must_use]
    pub fn into_owned(self) -> ForwardPath<'static> {
        match self {
            Self::Postmaster => ForwardPath::Postmaster,
            Self::Mailbox(mailbox) => ForwardPath::Mailbox(mailbox.into_owned()),
            Self::Routed { route, mailbox } => {
                ForwardPath::Routed { route: route.into_owned(), mailbox: mailbox.into_owned() }
            }
        }
    }

    /// Reads what stands behind `TO:`.
    pub(crate) fn read(
        cursor: &mut Cursor<'a>,
        syntax: AddressSyntax,
    ) -> Result<Self, SyntaxError> {
        syntax.skip_spaces(cursor);
        let start = cursor.clone();
        match read_path(cursor, SyntaxErrorKind::ForwardPath, syntax) {
            Ok((Some(route), mailbox)) => Ok(Self::Routed { route, mailbox }),
            Ok((None, mailbox)) => Ok(Self::Mailbox(mailbox)),
            // Without a domain it is no path, so it is looked for last.
            Err(error) => {
                *cursor = start;
                if accept_postmaster(cursor, syntax) { Ok(Self::Postmaster) } else { Err(error) }
            }
        }
    }

    /// Appends the wire form, with the least quoting.
    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put_path(self.route(), self.mailbox(), POSTMASTER, out);
    }
}

impl fmt::Display for ForwardPath<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Postmaster => write!(formatter, "<{POSTMASTER}>"),
            Self::Mailbox(mailbox) => write!(formatter, "<{mailbox}>"),
            Self::Routed { route, mailbox } => write!(formatter, "<{route}:{mailbox}>"),
        }
    }
}

/// The hosts that a client wants a message to pass through: `@a.example,@b.example`.
///
/// RFC 5321 4.1.1.3 has servers read a source route and lets them ignore it; nobody should send
/// one, so only parsing a path makes one. Equality goes by what is written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SourceRoute<'a>(Cow<'a, str>);

impl<'a> SourceRoute<'a> {
    /// The wire form, without the colon behind it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The hosts, the first to be passed through first.
    pub fn domains(&self) -> impl Iterator<Item = Domain<'_>> {
        let mut cursor = Cursor::new(&self.0);
        iter::from_fn(move || {
            cursor.accept(b',');
            cursor.accept(b'@').then(|| Domain::read(&mut cursor).ok()).flatten()
        })
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The same route without a borrow.
    #[must_use]
    pub fn into_owned(self) -> SourceRoute<'static> {
        SourceRoute(Cow::Owned(self.0.into_owned()))
    }

    /// Reads a route with the colon behind it, if the text begins with one.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<Self>, SyntaxError> {
        let (text, start) = (cursor.rest(), cursor.offset());
        // Every turn reads an `@`, so this ends.
        while cursor.accept(b'@') {
            Domain::read(cursor)?;
            let route = text.get(..cursor.offset() - start).unwrap_or_default();
            if cursor.accept(b':') {
                return Ok(Some(Self(Cow::Borrowed(route))));
            }
            if !cursor.accept(b',') || cursor.peek() != Some(b'@') {
                return Err(cursor.error(SyntaxErrorKind::Domain));
            }
        }
        Ok(None)
    }
}

impl fmt::Display for SourceRoute<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
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
    read: fn(&mut Cursor<'a>, AddressSyntax) -> Result<T, SyntaxError>,
) -> Result<T, SyntaxError> {
    refuse_controls(text)?;
    let mut cursor = Cursor::new(text);
    let path = read(&mut cursor, AddressSyntax::Strict)?;
    if cursor.is_at_end() { Ok(path) } else { Err(cursor.error(kind)) }
}

fn accept_postmaster(cursor: &mut Cursor<'_>, syntax: AddressSyntax) -> bool {
    if cursor.accept(b'<') {
        cursor.accept_word(POSTMASTER) && cursor.accept(b'>')
    } else {
        syntax.forgives_missing_brackets()
            && cursor.accept_word(POSTMASTER)
            && cursor.is_at_word_end()
    }
}

/// Reads `"<" [ A-d-l ":" ] Mailbox ">"`; whatever breaks the grammar inside is of `kind`.
fn read_path<'a>(
    cursor: &mut Cursor<'a>,
    kind: SyntaxErrorKind,
    syntax: AddressSyntax,
) -> Result<(Option<SourceRoute<'a>>, Mailbox<'a>), SyntaxError> {
    let in_path = |error: SyntaxError| match error.kind {
        SyntaxErrorKind::LocalPart | SyntaxErrorKind::Domain => {
            SyntaxError::new(kind, error.offset)
        }
        _ => error,
    };
    let start = cursor.offset();
    let bracket = cursor.accept(b'<');
    if !bracket && !syntax.forgives_missing_brackets() {
        return Err(cursor.error(kind));
    }
    let route = SourceRoute::read(cursor).map_err(in_path)?;
    let mailbox = Mailbox::read(cursor).map_err(in_path)?;
    if bracket && !cursor.accept(b'>') {
        return Err(cursor.error(kind));
    }
    let missing = if bracket { 0 } else { "<>".len() };
    if cursor.offset() - start + missing > PATH_BYTES_MAX {
        return Err(SyntaxError::new(SyntaxErrorKind::PathTooLong, start));
    }
    Ok((route, mailbox))
}

fn put_path(
    route: Option<&SourceRoute<'_>>,
    mailbox: Option<&Mailbox<'_>>,
    otherwise: &str,
    out: &mut BytesMut,
) {
    out.put_u8(b'<');
    if let Some(route) = route {
        out.put_slice(route.as_str().as_bytes());
        out.put_u8(b':');
    }
    match mailbox {
        Some(mailbox) => {
            out.put_slice(mailbox.local_part.least_quoted().as_bytes());
            out.put_u8(b'@');
            out.put_slice(mailbox.domain.as_str().as_bytes());
        }
        None => out.put_slice(otherwise.as_bytes()),
    }
    out.put_u8(b'>');
}
