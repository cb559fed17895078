//! UTF-8 addresses as the value of a parameter, where the escape is `\x{..}` and not that of xtext.
//!
//! * **In**: any text without control characters. **Out**: the same without `\`, `+`, `=` and
//!   space, in which `\x{3D}` stands for `=`; in ASCII alone, `\x{434}` stands for `д`.
//! * **Promises**: `decode` reads what either encoding writes; a value that decodes to a control
//!   character is refused, so nothing decoded can inject a line.
//! * **Limits**: output at most six times as long as input; borrows where nothing is escaped.
//!   **Panics**: never.
//! * **Spec**: RFC 6533 3.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt::Write as _;

use crate::class;
use crate::error::{SyntaxError, SyntaxErrorKind};

const ESCAPE: &str = "\\x{";

/// Writes `text` as `utf-8-addr-unitext`, for a server that offers SMTPUTF8: characters beyond
/// ASCII stand for themselves.
#[must_use]
pub fn encode_unitext(text: &str) -> Cow<'_, str> {
    encode(text, |character| is_qchar(character) || !character.is_ascii())
}

/// Writes `text` as `utf-8-addr-xtext`, which is ASCII, for a server without SMTPUTF8.
#[must_use]
pub fn encode_xtext(text: &str) -> Cow<'_, str> {
    encode(text, is_qchar)
}

/// Reads `utf-8-addr-unitext`, and with it `utf-8-addr-xtext`.
///
/// # Errors
///
/// [`ParameterValue`](SyntaxErrorKind::ParameterValue) for an empty text, for `+`, `=`, spaces, a
/// `\` that begins no escape, and escapes of what needs none;
/// [`ControlCharacter`](SyntaxErrorKind::ControlCharacter) for one that is escaped, and for those
/// beyond ASCII.
pub fn decode(encoded: &str) -> Result<Cow<'_, str>, SyntaxError> {
    if !encoded.contains('\\') {
        return check(encoded).map(|()| Cow::Borrowed(encoded));
    }
    let mut decoded = String::with_capacity(encoded.len());
    for_each_character(encoded, |character| decoded.push(character))?;
    Ok(Cow::Owned(decoded))
}

/// The errors of [`decode`], without the heap.
pub(crate) fn check(encoded: &str) -> Result<(), SyntaxError> {
    if encoded.is_empty() {
        return Err(SyntaxError::new(SyntaxErrorKind::ParameterValue, 0));
    }
    for_each_character(encoded, |_| {})
}

fn encode(text: &str, stands_for_itself: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.chars().all(&stands_for_itself) {
        return Cow::Borrowed(text);
    }
    let mut encoded = String::with_capacity(text.len() * 2);
    for character in text.chars() {
        if stands_for_itself(character) {
            encoded.push(character);
        } else {
            // A string takes any text, so there is no error to pass on.
            let _ = write!(encoded, "{ESCAPE}{:02X}}}", u32::from(character));
        }
    }
    Cow::Owned(encoded)
}

fn for_each_character(encoded: &str, mut take: impl FnMut(char)) -> Result<(), SyntaxError> {
    let mut rest = encoded.chars();
    let mut offset = 0;
    // Every turn takes a character, so this ends.
    while let Some(first) = rest.next() {
        let read = if first == '\\' {
            read_escape(rest.as_str())
        } else {
            (is_qchar(first) || !first.is_ascii()).then_some((first, rest.as_str()))
        };
        let (character, behind) =
            read.ok_or(SyntaxError::new(SyntaxErrorKind::ParameterValue, offset))?;
        if character.is_control() {
            return Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset));
        }
        take(character);
        rest = behind.chars();
        offset = encoded.len() - behind.len();
    }
    Ok(())
}

/// Reads `x{HEXPOINT}`, and gives what stands behind it. A character has one such form only.
fn read_escape(text: &str) -> Option<(char, &str)> {
    let (digits, behind) = text.strip_prefix("x{")?.split_once('}')?;
    let well_formed = matches!(digits.len(), 2..=6)
        && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
        && (digits.len() == 2 || !digits.starts_with('0'));
    let code_point = u32::from_str_radix(digits, 16).ok().filter(|_| well_formed)?;
    let character = char::from_u32(code_point).filter(|character| !is_qchar(*character))?;
    Some((character, behind))
}

/// `QCHAR`: `xchar` without the backslash.
fn is_qchar(character: char) -> bool {
    let xchar = u8::try_from(character).is_ok_and(|octet| class::is(octet, class::XCHAR));
    xchar && character != '\\'
}
