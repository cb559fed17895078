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
    if class::all(encoded, class::VALUE) && !encoded.contains('+') {
        return refuse_controls(Cow::Borrowed(encoded));
    }
    let mut decoded = Vec::with_capacity(encoded.len());
    for_each_octet(encoded, |octet| decoded.push(octet))?;
    match String::from_utf8(decoded) {
        Ok(text) => refuse_controls(Cow::Owned(text)),
        Err(_) => Err(SyntaxError::new(SyntaxErrorKind::NotUtf8, 0)),
    }
}

/// Whether this is xtext of graphic ASCII and spaces, found out without the heap.
pub(crate) fn is_of_printable_ascii(encoded: &str) -> bool {
    if class::all(encoded, class::XCHAR) {
        return true;
    }
    let mut printable = true;
    let read = for_each_octet(encoded, |octet| printable &= matches!(octet, b' '..=b'~'));
    read.is_ok() && printable
}

/// Whether this is xtext of UTF-8 without control characters, found out without the heap.
pub(crate) fn is_of_printable_text(encoded: &str) -> bool {
    if class::all(encoded, class::XCHAR) {
        return true;
    }
    let (mut sequence, mut held) = ([0; 4], 0);
    let mut printable = true;
    let read = for_each_octet(encoded, |octet| {
        // More than four octets make no character: the last of them was no end of one.
        let Some(place) = sequence.get_mut(held) else { return printable = false };
        *place = octet;
        held += 1;
        match core::str::from_utf8(sequence.get(..held).unwrap_or_default()) {
            Ok(character) => {
                printable &= !character.contains(char::is_control);
                held = 0;
            }
            Err(error) => printable &= error.error_len().is_none(),
        }
    });
    encoded.is_ascii() && read.is_ok() && printable && held == 0
}

fn for_each_octet(encoded: &str, mut take: impl FnMut(u8)) -> Result<(), SyntaxError> {
    let mut octets = encoded.bytes().enumerate();
    while let Some((offset, octet)) = octets.next() {
        let mut digit = || octets.next().and_then(|(_, digit)| char::from(digit).to_digit(16));
        let read = match octet {
            b'+' => digit().zip(digit()).map(|(high, low)| (high << 4 | low) as u8),
            _ => class::is(octet, class::VALUE).then_some(octet),
        };
        take(read.ok_or(SyntaxError::new(SyntaxErrorKind::ParameterValue, offset))?);
    }
    Ok(())
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
