//! The pieces of AUTH: mechanism names, initial responses, challenges and responses.
//!
//! * **In**: words of an AUTH command, lines that answer a challenge. **Out**: names and octets.
//! * **Promises**: base64 is taken strictly (alphabet, padding, no stray bits); what may hold a
//!   secret does not print.
//! * **Limits**: names of 1 to 20 octets; the rest is bounded by the line. **Panics**: never.
//! * **Spec**: RFC 4954 4, RFC 4422 3.1, RFC 4648 4.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::fmt;
use core::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::class;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::MECHANISM_BYTES_MAX;
use crate::reply::Reply;
use crate::reply_code::ReplyCode;

const REDACTED: &str = "***";

/// The name of a SASL mechanism, which compares without case (RFC 4954 8).
#[derive(Clone)]
pub struct Mechanism<'a>(Cow<'a, str>);

impl<'a> Mechanism<'a> {
    /// A mechanism name.
    ///
    /// # Errors
    ///
    /// [`Mechanism`](SyntaxErrorKind::Mechanism) unless it is 1 to 20 letters, digits, `-` and `_`.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Result<Self, SyntaxError> {
        let name = name.into();
        let mut cursor = Cursor::new(&name);
        if Mechanism::read(&mut cursor).is_err() || !cursor.is_at_end() {
            return Err(SyntaxError::new(SyntaxErrorKind::Mechanism, 0));
        }
        Ok(Self(name))
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let start = cursor.offset();
        match cursor.take(class::MECHANISM) {
            name if (1..=MECHANISM_BYTES_MAX).contains(&name.len()) && cursor.is_at_word_end() => {
                Ok(Self(Cow::Borrowed(name)))
            }
            _ => Err(SyntaxError::new(SyntaxErrorKind::Mechanism, start)),
        }
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same name without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Mechanism<'static> {
        Mechanism(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Display for Mechanism<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Debug for Mechanism<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<'b> PartialEq<Mechanism<'b>> for Mechanism<'_> {
    fn eq(&self, other: &Mechanism<'b>) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for Mechanism<'_> {}

impl Hash for Mechanism<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for octet in self.0.bytes() {
            state.write_u8(octet.to_ascii_uppercase());
        }
        state.write_u8(0xff);
    }
}

/// The response that a client sends along with AUTH, still in base64.
#[derive(Clone, PartialEq, Eq)]
pub struct InitialResponse<'a>(Cow<'a, str>);

impl<'a> InitialResponse<'a> {
    /// A response as it stands on the wire, where `=` is the empty one.
    ///
    /// # Errors
    ///
    /// [`Base64`](SyntaxErrorKind::Base64) for nothing and for what is not of the alphabet.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Result<Self, SyntaxError> {
        let text = text.into();
        let mut cursor = Cursor::new(&text);
        InitialResponse::read(&mut cursor)?;
        if !cursor.is_at_end() {
            return Err(cursor.error(SyntaxErrorKind::Base64));
        }
        Ok(Self(text))
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        match cursor.take(class::BASE64) {
            text if !text.is_empty() && cursor.is_at_word_end() => Ok(Self(Cow::Borrowed(text))),
            _ => Err(cursor.error(SyntaxErrorKind::Base64)),
        }
    }

    /// The response that holds `octets`.
    #[must_use]
    pub fn encode(octets: &[u8]) -> InitialResponse<'static> {
        InitialResponse(if octets.is_empty() {
            Cow::Borrowed("=")
        } else {
            Cow::Owned(STANDARD.encode(octets))
        })
    }

    /// The text on the wire. It may hold a secret: do not log it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The octets of the response; `=` holds none.
    ///
    /// # Errors
    ///
    /// [`Base64`](SyntaxErrorKind::Base64).
    pub fn decode(&self) -> Result<Vec<u8>, SyntaxError> {
        if self.0 == "=" { Ok(Vec::new()) } else { decode_base64(self.0.as_bytes()) }
    }

    /// The same response without a borrow.
    #[must_use]
    pub fn into_owned(self) -> InitialResponse<'static> {
        InitialResponse(Cow::Owned(self.0.into_owned()))
    }
}

impl fmt::Debug for InitialResponse<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("InitialResponse").field(&format_args!("{REDACTED}")).finish()
    }
}

/// A line that answers a challenge.
#[derive(Clone, PartialEq, Eq)]
pub enum Response {
    /// `*`: the client gives up.
    Cancel,
    /// The octets of the response, possibly none.
    Data(Vec<u8>),
}

impl fmt::Debug for Response {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancel => formatter.write_str("Cancel"),
            Self::Data(_) => {
                formatter.debug_tuple("Data").field(&format_args!("{REDACTED}")).finish()
            }
        }
    }
}

/// Reads a line, without its ending, that answers a challenge.
///
/// # Errors
///
/// [`Base64`](SyntaxErrorKind::Base64).
pub fn decode_response(line: &[u8]) -> Result<Response, SyntaxError> {
    if line == b"*" { Ok(Response::Cancel) } else { decode_base64(line).map(Response::Data) }
}

/// The reply that carries a challenge: 334 and base64 on one line, whatever its length.
#[must_use]
pub fn challenge(octets: &[u8]) -> Reply {
    Reply::new(ReplyCode::AUTH_CONTINUE, None, STANDARD.encode(octets))
}

fn decode_base64(text: &[u8]) -> Result<Vec<u8>, SyntaxError> {
    STANDARD.decode(text).map_err(|error| {
        let offset = match error {
            base64::DecodeError::InvalidByte(offset, _)
            | base64::DecodeError::InvalidLastSymbol(offset, _) => offset,
            base64::DecodeError::InvalidLength(_) | base64::DecodeError::InvalidPadding => {
                text.len()
            }
        };
        SyntaxError::new(SyntaxErrorKind::Base64, offset)
    })
}
