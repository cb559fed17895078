//! What has to be known of content before it can be offered to a next hop.
//!
//! * **In**: content in any split. **Out**: [`ContentFacts`].
//! * **Promises**: the facts do not depend on the split. **Limits**: one pass; a few octets of state.
//! * **Panics**: never. **Spec**: RFC 1870 5 (size), RFC 5321 2.3.8 (lines) and 2.4 (MIME), RFC 6531 3.2 (header),
//!   RFC 8689 3 (TLS).

use smtp_proto::{ContentScanner, Flaws};

use super::header_fields::HeaderFields;

/// What is true of a message's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentFacts {
    /// Octets as they are stored.
    pub bytes: u64,
    /// Octets with a CRLF at the end of each line, the last one included; no dots of transparency.
    pub wire_bytes: u64,
    /// The header section has octets above 127.
    pub eight_bit_header: bool,
    /// There are octets above 127 anywhere.
    pub eight_bit: bool,
    /// The header section says that it is MIME with an encoding of `8bit` or `binary`.
    pub eight_bit_mime: bool,
    /// The header section has `TLS-Required: No`.
    pub tls_waived: bool,
    /// All lines end in CRLF, the last one included, and no CR or LF stands alone.
    pub canonical: bool,
}

/// Looks at content as it comes.
#[derive(Debug)]
pub struct ContentScan {
    facts: ContentFacts,
    scanner: ContentScanner,
    flaws: Flaws,
    header: Header,
    fields: HeaderFields,
    last_two: [u8; 2],
    bare_line_feeds: u64,
}

/// Where in the header section the next octet stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    LineStart,
    CarriageReturn,
    InLine,
    Over,
}

impl Default for ContentScan {
    fn default() -> Self {
        Self {
            facts: ContentFacts::default(),
            scanner: ContentScanner::new(),
            flaws: Flaws::default(),
            header: Header::LineStart,
            fields: HeaderFields::default(),
            last_two: *b"\r\n",
            bare_line_feeds: 0,
        }
    }
}

impl ContentScan {
    /// Takes the next octets.
    pub fn feed(&mut self, octets: &[u8]) {
        let [.., before] = self.last_two;
        let flaws = self.scanner.scan(octets);
        self.flaws |= flaws;
        if flaws.bare_lf {
            self.bare_line_feeds += bare_line_feeds(before, octets);
        }
        let is_ascii = octets.is_ascii();
        if self.header != Header::Over {
            let header = self.header_bytes(octets);
            let header = octets.get(..header).unwrap_or_default();
            self.facts.eight_bit_header |= !header.is_ascii();
            self.fields.feed(header);
        }
        self.facts.eight_bit |= !is_ascii;
        self.facts.bytes += octets.len() as u64;
        self.last_two = match octets {
            [.., one, two] => [*one, *two],
            [one] => [before, *one],
            [] => self.last_two,
        };
    }

    /// There is no more.
    #[must_use]
    pub fn finish(mut self) -> ContentFacts {
        self.flaws |= self.scanner.finish();
        self.fields.finish();
        self.facts.eight_bit_mime = self.fields.is_eight_bit_mime();
        self.facts.tls_waived = self.fields.is_tls_waived;
        let ends_in_line = self.last_two != *b"\r\n";
        let ending = if self.last_two.ends_with(b"\n") { 0 } else { 2 };
        self.facts.wire_bytes = self.facts.bytes + self.bare_line_feeds + ending;
        self.facts.canonical = !ends_in_line && !self.flaws.bare_cr && !self.flaws.bare_lf;
        self.facts
    }

    /// How many of the octets belong to the header section.
    fn header_bytes(&mut self, octets: &[u8]) -> usize {
        for (index, octet) in octets.iter().enumerate() {
            self.header = match (self.header, octet) {
                (Header::LineStart | Header::CarriageReturn, b'\n') => {
                    self.header = Header::Over;
                    return index;
                }
                (Header::LineStart, b'\r') => Header::CarriageReturn,
                (_, b'\n') => Header::LineStart,
                _ => Header::InLine,
            };
        }
        octets.len()
    }
}

/// Line feeds that no carriage return precedes, where `before` is the octet in front of these.
fn bare_line_feeds(before: u8, octets: &[u8]) -> u64 {
    let mut before = before;
    let mut count = 0;
    for octet in octets {
        count += u64::from(*octet == b'\n' && before != b'\r');
        before = *octet;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pieces: &[&[u8]]) -> ContentFacts {
        let mut scan = ContentScan::default();
        pieces.iter().for_each(|piece| scan.feed(piece));
        scan.finish()
    }

    #[test]
    fn facts_do_not_depend_on_the_cut() {
        let clean = ContentFacts { canonical: true, ..ContentFacts::default() };
        let label = "MIME-Version: 1.0\r\nContent-Transfer-Encoding: 8bit\r\nTLS-Required: No\r\n";
        let labelled = format!("{label}\r\nc\r\n");
        let in_the_body = format!("A: b\r\n\r\n{label}");
        let cases: [(&[u8], u64, ContentFacts); 10] = [
            (b"", 0, clean),
            (b"A: b\r\n\r\nc\r\n", 11, clean),
            (
                b"A: \xc3\xbc\r\n\r\nc\r\n",
                12,
                ContentFacts { eight_bit: true, eight_bit_header: true, ..clean },
            ),
            (b"A: b\r\n\r\n\xc3\xbc\r\n", 12, ContentFacts { eight_bit: true, ..clean }),
            (b"A: b\r\n\r\nc", 11, ContentFacts { canonical: false, ..clean }),
            (b"A: b\n\nc\n", 11, ContentFacts { canonical: false, ..clean }),
            (b"A: b\r\n\r\nc\rd\r\n", 13, ContentFacts { canonical: false, ..clean }),
            (b"A: b\n\n\xff", 11, ContentFacts { eight_bit: true, canonical: false, ..clean }),
            (
                labelled.as_bytes(),
                labelled.len() as u64,
                ContentFacts { eight_bit_mime: true, tls_waived: true, ..clean },
            ),
            (in_the_body.as_bytes(), in_the_body.len() as u64, clean),
        ];
        for (content, wire_bytes, expected) in cases {
            let expected = ContentFacts { bytes: content.len() as u64, wire_bytes, ..expected };
            assert_eq!(facts(&[content]), expected, "{content:?}");
            for cut in 0..content.len() {
                let (one, two) = content.split_at(cut);
                assert_eq!(facts(&[one, two]), expected, "{content:?} at {cut}");
            }
        }
    }
}
