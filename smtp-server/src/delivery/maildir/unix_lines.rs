//! Lines as other programs on a Unix host expect them.
//!
//! * **In**: octets, cut anywhere. **Out**: the same, with LF for CRLF.
//! * **Promises**: a CR that belongs to no CRLF stays, wherever the cuts are. **Limits**: holds one octet.
//! * **Panics**: never. **Spec**: maildir(5), RFC 4155 A.

/// Turns CRLF into LF.
///
/// ```
/// use smtp_server::delivery::UnixLines;
///
/// let (mut lines, mut out) = (UnixLines::default(), Vec::new());
/// lines.convert(b"a\r", &mut out);
/// lines.convert(b"\nb\rc\r", &mut out);
/// lines.finish(&mut out);
/// assert_eq!(out, b"a\nb\rc\r");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct UnixLines {
    /// The last octet was a CR that may belong to a CRLF.
    held_cr: bool,
}

impl UnixLines {
    /// Appends the next octets to `out`.
    pub fn convert(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        let mut rest = octets;
        if rest.is_empty() {
            return;
        }
        if rest.first() != Some(&b'\n') {
            self.finish(out);
        }
        self.held_cr = false;
        while let Some(at) = memchr::memchr(b'\r', rest) {
            out.extend_from_slice(&rest[..at]);
            rest = &rest[at + 1..];
            match rest.first() {
                Some(b'\n') => {}
                Some(_) => out.push(b'\r'),
                None => self.held_cr = true,
            }
        }
        out.extend_from_slice(rest);
    }

    /// Nothing follows.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.held_cr) {
            out.push(b'\r');
        }
    }
}
