//! Quoted-printable: any octets in lines of 76 columns of ASCII.
//!
//! * **In**: octets in lines that end in CRLF. **Out**: the same, encoded; a CR or LF that stands alone as well.
//! * **Promises**: no line is longer than 76 columns, none ends in a space. **Limits**: thrice the input and its
//!   soft line breaks. **Panics**: never. **Spec**: RFC 2045 6.7.

use std::io::Write as _;

const LINE_COLUMNS_MAX: usize = 76;

/// Encodes `octets`.
pub(super) fn encode(octets: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(octets.len() + octets.len() / 4);
    let mut column = 0;
    let mut rest = octets;
    // Every turn takes an octet off the rest, so this ends.
    while let Some((&octet, behind)) = rest.split_first() {
        if rest.starts_with(b"\r\n") {
            encoded.extend_from_slice(b"\r\n");
            column = 0;
            rest = rest.get(2..).unwrap_or_default();
            continue;
        }
        let ends_line = behind.is_empty() || behind.starts_with(b"\r\n");
        let is_plain = match octet {
            b' ' | b'\t' => !ends_line,
            _ => octet.is_ascii_graphic() && octet != b'=',
        };
        let width = if is_plain { 1 } else { 3 };
        // The last column is kept for the `=` of a soft line break.
        if column + width >= LINE_COLUMNS_MAX {
            encoded.extend_from_slice(b"=\r\n");
            column = 0;
        }
        if is_plain {
            encoded.push(octet);
        } else {
            // A vector takes any octets, so there is no error to pass on.
            let _ = write!(encoded, "={octet:02X}");
        }
        column += width;
        rest = behind;
    }
    encoded
}
