//! The header fields that a client minds.
//!
//! * **In**: a header section, in any split. **Out**: whether it labels eight-bit content as MIME does, and whether it
//!   does without TLS.
//! * **Promises**: the result does not depend on the split; folded fields and white space before the colon are read.
//! * **Limits**: [`FIELD_BYTES_MAX`] of one field, and a longer one is none of these. **Panics**: never.
//! * **Spec**: RFC 5322 2.2.3 and 4.5.3; RFC 2045 4 and 6.1; RFC 8689 3.

/// The longest field that is looked at, without its line ends.
const FIELD_BYTES_MAX: usize = 200;

/// What was read so far.
#[derive(Debug, Default)]
pub(super) struct HeaderFields {
    /// The field that is being read, unfolded.
    field: Vec<u8>,
    is_line_start: bool,
    has_mime_version: bool,
    has_eight_bit_encoding: bool,
    /// `TLS-Required: No`
    pub(super) is_tls_waived: bool,
}

impl HeaderFields {
    /// Takes the next octets of the header section.
    pub(super) fn feed(&mut self, octets: &[u8]) {
        for octet in octets {
            if self.is_line_start && !matches!(octet, b' ' | b'\t') {
                self.finish();
            }
            self.is_line_start = *octet == b'\n';
            if !matches!(octet, b'\r' | b'\n') && self.field.len() <= FIELD_BYTES_MAX {
                self.field.push(*octet);
            }
        }
    }

    /// The last field is whole.
    pub(super) fn finish(&mut self) {
        if self.field.len() <= FIELD_BYTES_MAX {
            self.note_field();
        }
        self.field.clear();
    }

    /// Whether the content says that it is MIME, and may have eight bits.
    pub(super) fn is_eight_bit_mime(&self) -> bool {
        self.has_mime_version && self.has_eight_bit_encoding
    }

    fn note_field(&mut self) {
        let Some(colon) = self.field.iter().position(|octet| *octet == b':') else { return };
        let (name, value) = self.field.split_at(colon);
        let name = name.trim_ascii_end();
        let mut words = value.split(|octet| b": \t(;".contains(octet));
        let word = words.find(|word| !word.is_empty()).unwrap_or_default();
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let says = |known: &str| word.eq_ignore_ascii_case(known.as_bytes());
        if is("MIME-Version") {
            self.has_mime_version = true;
        } else if is("Content-Transfer-Encoding") {
            self.has_eight_bit_encoding = says("8bit") || says("binary");
        } else if is("TLS-Required") {
            self.is_tls_waived |= says("No");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pieces: &[&[u8]]) -> (bool, bool) {
        let mut fields = HeaderFields::default();
        pieces.iter().for_each(|piece| fields.feed(piece));
        fields.finish();
        (fields.is_eight_bit_mime(), fields.is_tls_waived)
    }

    // rows: 5322-2.2.3-a
    #[test]
    fn fields_are_unfolded_however_they_are_cut() {
        let long = format!("TLS-Required: No{}\r\n", " ".repeat(FIELD_BYTES_MAX));
        for (header, expected) in [
            ("", (false, false)),
            ("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n", (true, false)),
            ("mime-version:1.0\r\ncontent-transfer-encoding:BINARY\r\n", (true, false)),
            ("MIME-Version : 1.0\nContent-Transfer-Encoding\t: 8bit (x)\n", (true, false)),
            ("Content-Transfer-Encoding:\r\n 8bit\r\nMIME-Version:\r\n\t1.0", (true, false)),
            // The white space of a fold stays, and only a fold continues a field.
            ("MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8\r\n bit\r\n", (false, false)),
            ("MIME-Version: 1.0\r\nContent-Transfer-Encoding:\r\n8bit\r\n", (false, false)),
            ("X: y\r\n MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\n", (false, false)),
            ("Content-Transfer-Encoding: 8bit\r\n", (false, false)),
            ("MIME-Version: 1.0\r\nContent-Transfer-Encoding: base64\r\n", (false, false)),
            ("TLS-Required: No\r\n", (false, true)),
            ("Subject: x\r\ntls-required :\r\n\tNO\r\n", (false, true)),
            ("TLS-Required: Yes\r\nX-TLS-Required: No\r\nTLS-Required\r\n", (false, false)),
            ("TLS-Required: Nobody\r\n", (false, false)),
            (&long, (false, false)),
        ] {
            let octets = header.as_bytes();
            assert_eq!(found(&[octets]), expected, "{header:?}");
            for cut in 0..octets.len() {
                let (one, two) = octets.split_at(cut);
                assert_eq!(found(&[one, two]), expected, "{header:?} at {cut}");
            }
        }
    }
}
