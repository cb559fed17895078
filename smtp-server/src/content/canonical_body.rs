//! The body of a message as DKIM hashes it.
//!
//! * **In**: a body, in any split, whose lines end in CRLF. **Out**: its canonical form, in pieces.
//! * **Promises**: the result does not depend on the split, and its own canonical form is itself. Lines of white space
//!   at the end are empty lines at the end, which `mail-auth` 0.13 does not see.
//! * **Limits**: constant memory but for the piece that is worked on. **Panics**: never.
//! * **Spec**: RFC 6376 3.4.3, 3.4.4.

const CRLF: &[u8] = b"\r\n";
/// How much is collected before it is handed on.
const PIECE_BYTES: usize = 8192;

/// A body on its way into a hash.
#[derive(Debug)]
pub(crate) struct CanonicalBody {
    relaxed: bool,
    /// Line endings since the last octet that counts.
    breaks: u64,
    /// White space since then, on the same line.
    space: bool,
    is_empty: bool,
}

impl CanonicalBody {
    /// The relaxed form, or else the simple one.
    pub(crate) fn new(relaxed: bool) -> Self {
        Self { relaxed, breaks: 0, space: false, is_empty: true }
    }

    /// Takes the next piece of the body, and hands on what is sure to count.
    pub(crate) fn write(&mut self, chunk: &[u8], mut sink: impl FnMut(&[u8])) {
        let relaxed = self.relaxed;
        let is_plain = |octet: &u8| match octet {
            b'\r' | b'\n' => false,
            b' ' | b'\t' => !relaxed,
            _ => true,
        };
        let mut piece = Vec::with_capacity(chunk.len().min(PIECE_BYTES));
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            let length = rest.iter().position(|octet| !is_plain(octet)).unwrap_or(rest.len());
            if length == 0 {
                self.note(*first);
                rest = rest.get(1..).unwrap_or_default();
                continue;
            }
            let (run, behind) = rest.split_at(length);
            while 0 < self.breaks {
                piece.extend_from_slice(CRLF);
                self.breaks -= 1;
                if PIECE_BYTES < piece.len() {
                    sink(&piece);
                    piece.clear();
                }
            }
            if std::mem::take(&mut self.space) {
                piece.push(b' ');
            }
            piece.extend_from_slice(run);
            self.is_empty = false;
            rest = behind;
        }
        sink(&piece);
    }

    /// What stands at the end.
    pub(crate) fn finish(self) -> &'static [u8] {
        if self.relaxed && self.is_empty { &[] } else { CRLF }
    }

    fn note(&mut self, octet: u8) {
        match octet {
            b'\n' => {
                self.breaks += 1;
                self.space = false;
            }
            b' ' | b'\t' => self.space = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(relaxed: bool, pieces: &[&[u8]]) -> String {
        let mut octets = Vec::new();
        let mut body = CanonicalBody::new(relaxed);
        for piece in pieces {
            body.write(piece, |part| octets.extend_from_slice(part));
        }
        octets.extend_from_slice(body.finish());
        String::from_utf8(octets).unwrap()
    }

    #[test]
    fn however_it_is_cut() {
        for (body, simple, relaxed) in [
            ("", "\r\n", ""),
            ("\r\n\r\n", "\r\n", ""),
            (" \r\n\t\r\n", " \r\n\t\r\n", ""),
            ("a", "a\r\n", "a\r\n"),
            ("a \t b \r\n\r\n \r\n", "a \t b \r\n\r\n \r\n", "a b\r\n"),
            (" a\r\n \r\n\tb\r\n", " a\r\n \r\n\tb\r\n", " a\r\n\r\n b\r\n"),
            (" C \r\nD \t E\r\n\r\n\r\n", " C \r\nD \t E\r\n", " C\r\nD E\r\n"),
        ] {
            for (is_relaxed, expected) in [(false, simple), (true, relaxed)] {
                let octets = body.as_bytes();
                let single = octets.chunks(1).collect::<Vec<_>>();
                assert_eq!(canonical(is_relaxed, &[octets]), expected, "{body:?}");
                assert_eq!(canonical(is_relaxed, &single), expected, "{body:?} octet by octet");
                assert_eq!(canonical(is_relaxed, &[expected.as_bytes()]), expected, "{body:?}");
            }
        }
        let many = format!("{}a", "\r\n".repeat(20_000));
        assert_eq!(canonical(true, &[many.as_bytes()]), format!("{many}\r\n"));
    }
}
