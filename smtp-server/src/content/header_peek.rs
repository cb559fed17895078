//! A look at the header section while content streams by.
//!
//! * **In**: content, decoded, in any split. **Out**: how many `Received` fields it has, and whether some
//!   fields are there.
//! * **Promises**: the result does not depend on the split. The header section ends at the first line
//!   that is no field and continues none, so a body is never taken for it. Behind it nothing is looked at.
//! * **Limits**: one name of 11 octets; no allocation. **Panics**: never.
//! * **Spec**: RFC 5322 2.2, 3.6.8 (field names), 4.5.3 (white space before the colon); RFC 5321 6.3 (`Received`).

use memchr::memchr;

/// The longest of the names below, and one more, so that a longer name is none of them.
const NAME_BYTES_MAX: usize = "Message-ID".len() + 1;

/// What the header section holds so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct HeaderPeek {
    /// `Received` fields: one for each host that the message went through.
    pub(crate) hops: u32,
    /// A `Date` field.
    pub(crate) has_date: bool,
    /// A `Message-ID` field.
    pub(crate) has_message_id: bool,
    place: Place,
    name: [u8; NAME_BYTES_MAX],
    name_length: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the start of a line, or inside what stands before its colon.
    #[default]
    Name,
    /// In white space behind a name.
    BeforeColon,
    /// Behind the colon, or in a line that continues the one before it.
    Value,
    /// Behind the header section.
    Over,
}

impl HeaderPeek {
    /// Looks at the next piece of content.
    pub(crate) fn scan(&mut self, content: &[u8]) {
        let mut rest = content;
        while self.place != Place::Over && !rest.is_empty() {
            rest = if self.place == Place::Value { self.skip_value(rest) } else { self.read(rest) };
        }
    }

    /// To the end of the line.
    fn skip_value<'a>(&mut self, content: &'a [u8]) -> &'a [u8] {
        let Some(at) = memchr(b'\n', content) else { return &[] };
        self.place = Place::Name;
        self.name_length = 0;
        content.get(at + 1..).unwrap_or_default()
    }

    /// To the colon, or to where it is clear that none comes.
    fn read<'a>(&mut self, content: &'a [u8]) -> &'a [u8] {
        let in_name = |octet: &u8| octet.is_ascii_graphic() && *octet != b':';
        let length = match self.place {
            Place::Name => content.iter().position(|octet| !in_name(octet)),
            _ => Some(0),
        };
        let (name, rest) = content.split_at(length.unwrap_or(content.len()));
        self.extend_name(name);
        let Some((octet, rest)) = rest.split_first() else { return &[] };
        self.place = match octet {
            b':' if 0 < self.name_length => {
                self.note_field();
                Place::Value
            }
            b' ' | b'\t' if self.name_length == 0 => Place::Value,
            b' ' | b'\t' => Place::BeforeColon,
            _ => Place::Over,
        };
        rest
    }

    fn extend_name(&mut self, octets: &[u8]) {
        let room = self.name.get_mut(self.name_length..).unwrap_or_default();
        let taken = octets.len().min(room.len());
        room.iter_mut().zip(octets).for_each(|(place, octet)| *place = *octet);
        self.name_length += taken;
    }

    fn note_field(&mut self) {
        let name = self.name.get(..self.name_length).unwrap_or_default();
        if name.eq_ignore_ascii_case(b"Received") {
            self.hops = self.hops.saturating_add(1);
        } else if name.eq_ignore_ascii_case(b"Date") {
            self.has_date = true;
        } else if name.eq_ignore_ascii_case(b"Message-ID") {
            self.has_message_id = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peeked(pieces: &[&[u8]]) -> (u32, bool, bool) {
        let mut peek = HeaderPeek::default();
        pieces.iter().for_each(|piece| peek.scan(piece));
        (peek.hops, peek.has_date, peek.has_message_id)
    }

    #[test]
    fn however_it_is_cut() {
        for (content, expected) in [
            ("", (0, false, false)),
            ("\r\nDate: x\r\n", (0, false, false)),
            ("\nDate: x\r\n", (0, false, false)),
            ("Date: x\r\nMESSAGE-id: <x>\r\nreceived: x\r\n\r\nReceived: x\r\n", (1, true, true)),
            ("Received: a\r\n\tReceived: b;\r\n date:\r\nReceived:c\r\n\r\n", (2, false, false)),
            ("Received : a\r\nReceived\t: b\r\nDate x: y\r\nReceived: c\r\n", (2, false, false)),
            ("Received: a\nReceived: b\n\nReceived: c", (2, false, false)),
            // What only begins like a name, or ends like one, is another one.
            ("Received-SPF: a\r\nX-Received: b\r\nMessage-IDs: c\r\n", (0, false, false)),
            ("Message-Identification: <x>\r\nDates: x\r\nDat: e\r\n", (0, false, false)),
            // The header section ends where a line is no field.
            ("From x Mon\r\nReceived: a\r\n", (0, false, false)),
            ("Subject: x\r\nhello there\r\nDate: x\r\n", (0, false, false)),
            ("Subject: x\r\n: y\r\nDate: x\r\n", (0, false, false)),
            ("Subject: x\r\nD\u{e4}te: y\r\nDate: x\r\n", (0, false, false)),
            ("Subject: x\r\nDate\0: y\r\nDate: x\r\n", (0, false, false)),
            ("Subject: x\r\nDate\r: y\r\nDate: x\r\n", (0, false, false)),
            (" folded from nothing\r\nDate: x\r\n", (0, true, false)),
            ("Date", (0, false, false)),
        ] {
            let octets = content.as_bytes();
            assert_eq!(peeked(&[octets]), expected, "{content:?}");
            let single = octets.chunks(1).collect::<Vec<_>>();
            assert_eq!(peeked(&single), expected, "{content:?} octet by octet");
            for at in 0..octets.len() {
                let (first, second) = octets.split_at(at);
                assert_eq!(peeked(&[first, second]), expected, "{content:?} cut at {at}");
            }
        }
    }

    #[test]
    fn counts_without_end() {
        let field = b"Received: from a by b;\r\n";
        assert_eq!(peeked(&vec![field.as_slice(); 5000]), (5000, false, false));
    }
}
