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
        let mut cursor = Cursor::new(&wire);
        scan(&mut cursor)?;
        if !cursor.is_at_end() {
            return Err(cursor.error(SyntaxErrorKind::LocalPart));
        }
        Ok(Self(wire))
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
        let start = cursor.offset();
        scan(cursor)?;
        Ok(Self(Cow::Borrowed(cursor.since(start))))
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

fn scan(cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
    let start = cursor.offset();
    if cursor.peek() == Some(b'"') {
        scan_quoted(cursor)?;
    } else {
        scan_dot_string(cursor)?;
    }
    if cursor.offset() - start > LOCAL_PART_BYTES_MAX {
        return Err(SyntaxError::new(SyntaxErrorKind::LocalPartTooLong, start));
    }
    Ok(())
}

fn scan_dot_string(cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
    loop {
        if cursor.skip(class::ATEXT).is_empty() {
            return Err(cursor.error(SyntaxErrorKind::LocalPart));
        }
        if !cursor.accept(b'.') {
            return Ok(());
        }
    }
}

fn scan_quoted(cursor: &mut Cursor<'_>) -> Result<(), SyntaxError> {
    let start = cursor.offset();
    cursor.accept(b'"');
    loop {
        cursor.skip(class::QTEXT);
        if cursor.accept(b'"') {
            break;
        }
        let pair = cursor.accept(b'\\')
            && cursor
                .peek()
                .is_some_and(|octet| class::is(octet, class::QUOTED_PAIR) && cursor.accept(octet));
        if !pair {
            return Err(cursor.error(SyntaxErrorKind::LocalPart));
        }
    }
    if cursor.since(start).len() == r#""""#.len() {
        return Err(SyntaxError::new(SyntaxErrorKind::LocalPart, start));
    }
    Ok(())
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
