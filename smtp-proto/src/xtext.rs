//! xtext: text that travels as the value of a parameter.
//!
//! * **In**: any text without control characters. **Out**: printable ASCII without `+`, `=` and
//!   space, in which `+3D` stands for `=`.
//! * **Promises**: `decode(encode(text)) == text`; a value that decodes to a control character is
//!   refused, so nothing decoded can inject a line.
//! * **Limits**: output at most three times as long as input; borrows where nothing is escaped.
//!   **Panics**: never.
//! * **Spec**: RFC 3461 4; RFC 4954 8 for lower-case digits.

use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;

use crate::class;
use crate::error::{SyntaxError, SyntaxErrorKind};

const DIGITS: &[u8; 16] = b"0123456789ABCDEF";

/// Writes `text` as xtext, its UTF-8 octet by octet.
#[must_use]
pub fn encode(text: &str) -> Cow<'_, str> {
    if class::all(text, class::XCHAR) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() * 3);
    for octet in text.bytes() {
        if class::is(octet, class::XCHAR) {
            encoded.push(char::from(octet));
        } else {
            encoded.push('+');
            encoded.push(hexadecimal_digit(octet >> 4));
            encoded.push(hexadecimal_digit(octet & 0xf));
        }
    }
    Cow::Owned(encoded)
}

/// Reads xtext. Characters beyond ASCII stand for themselves, as RFC 6531 3.3 lets them in values.
///
/// # Errors
///
/// [`ParameterValue`](SyntaxErrorKind::ParameterValue) for `=`, spaces and a `+` without two
/// hexadecimal digits, [`ControlCharacter`](SyntaxErrorKind::ControlCharacter) and
/// [`NotUtf8`](SyntaxErrorKind::NotUtf8) for what the value decodes to.
pub fn decode(encoded: &str) -> Result<Cow<'_, str>, SyntaxError> {
    if let Some(offset) = encoded.bytes().position(|octet| !class::is(octet, class::VALUE)) {
        return Err(SyntaxError::new(SyntaxErrorKind::ParameterValue, offset));
    }
    if !encoded.contains('+') {
        return refuse_controls(Cow::Borrowed(encoded));
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut octets = encoded.bytes().enumerate();
    while let Some((offset, octet)) = octets.next() {
        if octet != b'+' {
            decoded.push(octet);
            continue;
        }
        let mut digit = || octets.next().and_then(|(_, digit)| char::from(digit).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => decoded.push((high << 4 | low) as u8),
            _ => return Err(SyntaxError::new(SyntaxErrorKind::ParameterValue, offset)),
        }
    }
    match String::from_utf8(decoded) {
        Ok(text) => refuse_controls(Cow::Owned(text)),
        Err(_) => Err(SyntaxError::new(SyntaxErrorKind::NotUtf8, 0)),
    }
}

fn refuse_controls(text: Cow<'_, str>) -> Result<Cow<'_, str>, SyntaxError> {
    // The offset of a decoded character says nothing about the text that was parsed.
    match class::find_control(&text) {
        Some(_) => Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, 0)),
        None => Ok(text),
    }
}

fn hexadecimal_digit(value: u8) -> char {
    DIGITS.get(usize::from(value)).copied().map_or('0', char::from)
}
