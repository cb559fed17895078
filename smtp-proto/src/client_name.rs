//! The argument of EHLO, HELO and LHLO.
//!
//! * **In**: a word. **Out**: [`ClientName`].
//! * **Promises**: one printable word, so that it can be written into a line; no more than that.
//! * **Limits**: 255 octets. **Panics**: never. **Spec**: RFC 5321 4.1.1.1 and 4.1.4.

use alloc::borrow::Cow;
use core::fmt;

use crate::class;
use crate::cursor::Cursor;
use crate::domain::Domain;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::CLIENT_NAME_BYTES_MAX;

/// What a client calls itself: a claim, and often not even a domain.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientName<'a>(Cow<'a, str>);

impl<'a> ClientName<'a> {
    /// A client name.
    ///
    /// # Errors
    ///
    /// [`ClientName`](SyntaxErrorKind::ClientName) unless it is one printable word of 1 to 255
    /// octets. Whether it has to be a domain is a matter of policy: ask [`domain`](Self::domain).
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, SyntaxError> {
        let name = name.into();
        if let Some(offset) = class::find_control(&name) {
            return Err(SyntaxError::new(SyntaxErrorKind::ClientName, offset));
        }
        let mut cursor = Cursor::new(&name);
        ClientName::read(&mut cursor)?;
        if !cursor.is_at_end() {
            return Err(cursor.error(SyntaxErrorKind::ClientName));
        }
        Ok(Self(name))
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as a domain or an address literal, if it is one.
    #[must_use]
    pub fn domain(&self) -> Option<Domain<'_>> {
        Domain::parse(&self.0).ok()
    }

    /// Reads a word from text that is known to be free of control characters.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let start = cursor.offset();
        match cursor.take_word() {
            name if (1..=CLIENT_NAME_BYTES_MAX).contains(&name.len()) => {
                Ok(Self(Cow::Borrowed(name)))
            }
            _ => Err(SyntaxError::new(SyntaxErrorKind::ClientName, start)),
        }
    }

    /// The same name without a borrow.
    #[must_use]
    pub fn into_owned(self) -> ClientName<'static> {
        ClientName(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for ClientName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for ClientName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}
