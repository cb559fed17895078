//! The part of an address before the `@`.
//!
//! * **In**: a dot-string or a quoted-string. **Out**: [`LocalPart`], which keeps that form.
//! * **Promises**: control characters cannot be represented; letter case is kept; two quotings of
//!   the same local-part are equal.
//! * **Limits**: 64 octets of wire form; an empty quoted-string is refused. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.2 and 4.5.3.1.1, erratum 5414, RFC 6531 3.3.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::hash::{Hash, Hasher};

use crate::class;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::LOCAL_PART_BYTES_MAX;

/// A local-part: `kim`, `"kim kim"`, `дима`.
///
/// Equality and hash go by the [`unquoted`](Self::unquoted) value and tell upper from lower case,
/// since only the host of the mailbox may decide that `Kim` and `kim` are the same.
#[derive(Clone)]
pub struct LocalPart<'a>(Cow<'a, str>);

impl<'a> LocalPart<'a> {
    /// A local-part in its wire form, that is with its quotes if it needs them.
    ///
    /// # Errors
    ///
    /// [`LocalPart`](SyntaxErrorKind::LocalPart) where the grammar is broken,
    /// [`LocalPartTooLong`](SyntaxErrorKind::LocalPartTooLong) over 64 octets.
    pub fn new(wire: impl Into<Cow<'a, str>>) -> Result<Self, SyntaxError> {
        let wire = wire.into();
        if let Some(offset) = class::find_control(&wire) {
            return Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset));
        }
        match scan(wire.as_bytes())? {
            end if end < wire.len() => Err(SyntaxError::new(SyntaxErrorKind::LocalPart, end)),
            _ => Ok(Self(wire)),
        }
    }

    /// The local-part whose value is `value`, with the least quoting that is valid.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new); an empty value and control characters have no wire form.
    pub fn from_unquoted(value: impl Into<Cow<'a, str>>) -> Result<Self, SyntaxError> {
        let value = value.into();
        if is_dot_string(&value) { Self::new(value) } else { Self::new(quote(&value)) }
    }

    /// The wire form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The value: without quotes and backslashes.
    #[must_use]
    pub fn unquoted(&self) -> Cow<'_, str> {
        let Some(inside) = self.0.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
            return Cow::Borrowed(&self.0);
        };
        if !inside.contains('\\') {
            return Cow::Borrowed(inside);
        }
        let mut value = String::with_capacity(inside.len());
        let mut characters = inside.chars();
        while let Some(character) = characters.next() {
            value.extend(if character == '\\' { characters.next() } else { Some(character) });
        }
        Cow::Owned(value)
    }

    /// The wire form with the least quoting that is valid, which is what RFC 5321 4.1.2 wants sent.
    #[must_use]
    pub fn least_quoted(&self) -> Cow<'_, str> {
        if !self.0.starts_with('"') {
            return Cow::Borrowed(&self.0);
        }
        let value = self.unquoted();
        if is_dot_string(&value) { value } else { Cow::Owned(quote(&value)) }
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The same local-part without a borrow.
    #[must_use]
    pub fn into_owned(self) -> LocalPart<'static> {
        LocalPart(Cow::Owned(self.0.into_owned()))
    }

    /// Reads a local-part from text that is known to be free of control characters.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        cursor.scan(scan).map(|wire| Self(Cow::Borrowed(wire)))
    }
}

impl fmt::Display for LocalPart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for LocalPart<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<'b> PartialEq<LocalPart<'b>> for LocalPart<'_> {
    fn eq(&self, other: &LocalPart<'b>) -> bool {
        self.0 == other.0 || self.unquoted() == other.unquoted()
    }
}

impl Eq for LocalPart<'_> {}

impl Hash for LocalPart<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.unquoted().hash(state);
    }
}

/// Octets of the local-part that `octets` begin with.
fn scan(octets: &[u8]) -> Result<usize, SyntaxError> {
    let bytes = match octets {
        [b'"', ..] => scan_quoted(octets)?,
        _ => scan_dot_string(octets)?,
    };
    if LOCAL_PART_BYTES_MAX < bytes {
        return Err(SyntaxError::new(SyntaxErrorKind::LocalPartTooLong, 0));
    }
    Ok(bytes)
}

fn scan_dot_string(octets: &[u8]) -> Result<usize, SyntaxError> {
    let mut rest = octets;
    loop {
        let (atom, behind) = rest.split_at(class::run_bytes(rest, class::ATEXT));
        let end = octets.len() - behind.len();
        match behind {
            _ if atom.is_empty() => return Err(SyntaxError::new(SyntaxErrorKind::LocalPart, end)),
            [b'.', behind @ ..] => rest = behind,
            _ => return Ok(end),
        }
    }
}

fn scan_quoted(octets: &[u8]) -> Result<usize, SyntaxError> {
    let error =
        |rest: &[u8]| Err(SyntaxError::new(SyntaxErrorKind::LocalPart, octets.len() - rest.len()));
    let (_, mut rest) = octets.split_at(1);
    loop {
        rest = rest.split_at(class::run_bytes(rest, class::QTEXT)).1;
        match rest {
            [b'"', behind @ ..] => {
                let bytes = octets.len() - behind.len();
                return if bytes == r#""""#.len() { error(octets) } else { Ok(bytes) };
            }
            [b'\\', pair, behind @ ..] if class::is(*pair, class::QUOTED_PAIR) => rest = behind,
            [b'\\', behind @ ..] => return error(behind),
            _ => return error(rest),
        }
    }
}

fn is_dot_string(value: &str) -> bool {
    value.split('.').all(|atom| !atom.is_empty() && class::all(atom, class::ATEXT))
}

fn quote(value: &str) -> String {
    let mut wire = String::with_capacity(value.len() + 2);
    wire.push('"');
    for character in value.chars() {
        if matches!(character, '"' | '\\') {
            wire.push('\\');
        }
        wire.push(character);
    }
    wire.push('"');
    wire
}
