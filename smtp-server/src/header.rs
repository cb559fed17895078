//! A header field that cannot be split into two.
//!
//! * **In**: a name and a value from a hook or from the session. **Out**: octets `Name: value CRLF`.
//! * **Promises**: neither part can hold a line ending that is not a fold, so no hook, client name
//!   or peer can inject a second field.
//! * **Limits**: a name of 1 to 76 octets. **Panics**: never. **Spec**: RFC 5322 2.2, 3.6.8.

use std::borrow::Cow;
use std::fmt;

/// One header field, for the top of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderField {
    name: Cow<'static, str>,
    value: String,
}

/// Why a [`HeaderField`] was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFieldError {
    /// The name is empty, longer than 76 octets, or holds something else than printable ASCII without `:`.
    #[error("a header field name is 1 to 76 printable ASCII characters without a colon")]
    Name,
    /// The value holds NUL or a line ending that no space or tab follows.
    #[error("a header field value holds no control characters and no line ending but a fold")]
    Value,
}

impl HeaderField {
    /// Makes a field; `value` may be folded with `"\r\n"` followed by a space or a tab.
    ///
    /// # Errors
    /// [`HeaderFieldError`] if a part holds what RFC 5322 2.2 does not allow there.
    pub fn new(
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Result<Self, HeaderFieldError> {
        let (name, value) = (name.into(), value.into());
        let name_ok = (1..=76).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':');
        match (name_ok, value_is_one_field(&value)) {
            (false, _) => Err(HeaderFieldError::Name),
            (true, false) => Err(HeaderFieldError::Value),
            (true, true) => Ok(Self { name: name.into(), value }),
        }
    }

    /// For the fields this crate writes: whatever a peer said is made harmless rather than refused.
    pub(crate) fn trusted(name: &'static str, mut value: String) -> Self {
        if !value_is_one_field(&value) {
            value = value.replace(|c: char| c.is_control() && c != '\t', "?");
        }
        Self { name: Cow::Borrowed(name), value }
    }

    /// The field's name, as it will be written.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The field's value, folds included.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// The field as it stands in a message, with its final CRLF.
impl fmt::Display for HeaderField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\r\n", self.name, self.value)
    }
}

/// Whether every control character is a tab or belongs to a fold: CRLF before a space or a tab.
fn value_is_one_field(value: &str) -> bool {
    let octets = value.as_bytes();
    // One pass without exits, which the compiler turns into vector code.
    let is_refused = octets.iter().fold(false, |is_refused, &octet| {
        let is_allowed = (octet == b'\t') | (octet == b'\r') | (octet == b'\n');
        is_refused | ((octet < b' ') & !is_allowed) | (octet == 0x7f)
    });
    let mut ends = memchr::memchr2_iter(b'\r', b'\n', octets);
    while let Some(at) = ends.next() {
        if !matches!(octets.get(at..at + 3), Some([b'\r', b'\n', b' ' | b'\t'])) {
            return false;
        }
        // The fold's own line feed.
        ends.next();
    }
    !is_refused
}
