//! Fields `Return-Path` that a message brought along.
//!
//! * **In**: content, cut anywhere. **Out**: the same without them, so that final delivery writes the only one.
//! * **Promises**: the result does not depend on the cuts. The header section ends at the first line that is no field, and
//!   nothing behind it is left out. **Limits**: holds the beginning of a line, [`LINE_BYTES_MAX`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.4; RFC 5322 4.5.3 (white space before the colon).

use std::borrow::Cow;

use memchr::memchr;

/// The longest beginning of a line without a colon that may still be a field's.
const LINE_BYTES_MAX: usize = 1000;

/// Leaves out the fields `Return-Path`.
///
/// ```
/// use smtp_server::delivery::ReturnPaths;
///
/// let mut return_paths = ReturnPaths::default();
/// let kept = return_paths.filter(b"Return-Path: <a@example.net>\r\nSubject: hello\r\n\r\n");
/// assert_eq!(&kept[..], b"Subject: hello\r\n\r\n");
/// assert!(return_paths.finish().is_empty());
/// ```
#[derive(Clone, Debug, Default)]
pub struct ReturnPaths {
    place: Place,
    /// Whether the field that a fold would continue is left out.
    is_left_out: bool,
    /// The line so far, as long as there is no colon in it.
    held: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// At the start of a line, or in front of its colon.
    #[default]
    Name,
    /// Behind the colon.
    Value,
    /// Behind the header section.
    Over,
}

impl ReturnPaths {
    /// What is kept of the next octets, with what was held before.
    pub fn filter<'a>(&mut self, octets: &'a [u8]) -> Cow<'a, [u8]> {
        if self.place == Place::Over {
            return Cow::Borrowed(octets);
        }
        let mut kept = Vec::with_capacity(self.held.len() + octets.len());
        let mut rest = octets;
        // Each turn takes at least one octet off the rest.
        while let Some((octet, behind)) = rest.split_first() {
            rest = match self.place {
                Place::Name => {
                    self.read_name(*octet, &mut kept);
                    behind
                }
                Place::Value => self.read_value(rest, &mut kept),
                Place::Over => {
                    kept.extend_from_slice(rest);
                    break;
                }
            };
        }
        Cow::Owned(kept)
    }

    /// What was held; nothing follows.
    pub fn finish(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    fn read_name(&mut self, octet: u8, kept: &mut Vec<u8>) {
        let is_fold = self.held.is_empty() && matches!(octet, b' ' | b'\t');
        match octet {
            _ if is_fold => self.place = Place::Value,
            b':' => {
                self.is_left_out = self.held.trim_ascii_end().eq_ignore_ascii_case(b"Return-Path");
                self.place = Place::Value;
            }
            b'\n' => self.place = Place::Over,
            _ if LINE_BYTES_MAX <= self.held.len() => self.place = Place::Over,
            _ => {}
        }
        self.held.push(octet);
        if self.place != Place::Name {
            if self.place == Place::Over || !self.is_left_out {
                kept.extend_from_slice(&self.held);
            }
            self.held.clear();
        }
    }

    /// To the end of the line.
    fn read_value<'a>(&mut self, octets: &'a [u8], kept: &mut Vec<u8>) -> &'a [u8] {
        let end = memchr(b'\n', octets).map(|at| at + 1);
        let (line, behind) = octets.split_at(end.unwrap_or(octets.len()));
        if !self.is_left_out {
            kept.extend_from_slice(line);
        }
        if end.is_some() {
            self.place = Place::Name;
        }
        behind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(pieces: &[&[u8]]) -> String {
        let mut return_paths = ReturnPaths::default();
        let mut all = Vec::new();
        pieces.iter().for_each(|piece| all.extend_from_slice(&return_paths.filter(piece)));
        all.extend(return_paths.finish());
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn fields_are_left_out_however_they_are_cut() {
        let long = format!("{}\r\nReturn-Path: <a>\r\n", "x".repeat(LINE_BYTES_MAX + 1));
        for (content, expected) in [
            ("", ""),
            ("Return-Path: <a>\r\n", ""),
            ("Return-Path: <a>\r\nA: b\r\nRETURN-path:<c>\r\n\r\nd\r\n", "A: b\r\n\r\nd\r\n"),
            ("A: b\nReturn-Path \t: <a>\n\tc\n d\nE: f\n g\n\nh", "A: b\nE: f\n g\n\nh"),
            ("A: b\r\n\r\nReturn-Path: <a>\r\n", "A: b\r\n\r\nReturn-Path: <a>\r\n"),
            ("\r\nReturn-Path: <a>\r\n", "\r\nReturn-Path: <a>\r\n"),
            ("hello there\r\nReturn-Path: <a>\r\n", "hello there\r\nReturn-Path: <a>\r\n"),
            (
                "X-Return-Path: <a>\r\nReturn-Paths: b\r\n",
                "X-Return-Path: <a>\r\nReturn-Paths: b\r\n",
            ),
            (" Return-Path: <a>\r\nA: b\r\n", " Return-Path: <a>\r\nA: b\r\n"),
            ("A: b\r\nReturn-Pat", "A: b\r\nReturn-Pat"),
            (&long, &long),
        ] {
            let octets = content.as_bytes();
            assert_eq!(kept(&[octets]), expected, "{content:?}");
            let single = octets.chunks(1).collect::<Vec<_>>();
            assert_eq!(kept(&single), expected, "{content:?} octet by octet");
            for cut in 0..octets.len() {
                let (one, two) = octets.split_at(cut);
                assert_eq!(kept(&[one, two]), expected, "{content:?} cut at {cut}");
            }
        }
    }
}
