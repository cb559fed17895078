//! Content as a client sends it after DATA.
//!
//! * **In**: content in any split. **Out**: the same content with CRLF line endings and dots
//!   stuffed, then the end of data.
//! * **Promises**: the output does not depend on the split and holds neither a bare CR nor a
//!   bare LF; a dot is stuffed after every line break that is emitted, so no content can end
//!   the data early.
//! * **Limits**: a byte of state; the output grows by what is put in. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.2, 2.3.8.

use bytes::{BufMut, BytesMut};

use super::clean::{clean_bytes, may_begin};
use super::table::State;

/// Encodes one message for DATA.
///
/// What is put in may have line endings of any kind: a bare LF becomes CRLF, a bare CR a space.
#[derive(Clone, Debug, Default)]
pub struct DataEncoder {
    /// Never one of the states after a dot: they are for what is received.
    state: State,
}

impl DataEncoder {
    /// An encoder at the beginning of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::LineStart }
    }

    /// Appends the encoded `content`, which continues what was encoded before, to `out`.
    ///
    /// A CR at the end of `content` is appended with what follows it.
    pub fn encode(&mut self, content: &[u8], out: &mut BytesMut) {
        out.reserve(content.len());
        let mut rest = content;
        while let Some(&next) = rest.first() {
            if may_begin(self.state, next) {
                rest = self.pass_clean(rest, out);
            }
            rest = self.pass_line(rest, out);
        }
    }

    /// Appends the end of data, after a CRLF if the content lacks its last one.
    pub fn finish(mut self, out: &mut BytesMut) {
        self.settle_cr(out);
        if self.state != State::LineStart {
            out.put_slice(b"\r\n");
        }
        out.put_slice(b".\r\n");
    }

    /// Appends the clean prefix of `content`. Gives the rest.
    fn pass_clean<'a>(&mut self, content: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        let (mut clean, rest) = content.split_at(clean_bytes::<true>(content));
        if let Some(&last) = clean.last() {
            self.state = State::after(last);
        }
        if let [but_last @ .., b'\r'] = clean {
            clean = but_last;
        }
        out.put_slice(clean);
        rest
    }

    /// Appends `content` up to its first CR or LF. Gives the rest.
    fn pass_line<'a>(&mut self, content: &'a [u8], out: &mut BytesMut) -> &'a [u8] {
        let end = memchr::memchr2(b'\r', b'\n', content).unwrap_or(content.len());
        let (text, rest) = content.split_at(end);
        if let [first, ..] = text {
            self.settle_cr(out);
            if self.state == State::LineStart && *first == b'.' {
                out.put_u8(b'.');
            }
            out.put_slice(text);
            self.state = State::Text;
        }
        let Some((ending, rest)) = rest.split_first() else { return rest };
        if *ending == b'\n' {
            out.put_slice(b"\r\n");
            self.state = State::LineStart;
        } else {
            self.settle_cr(out);
            self.state = State::Cr;
        }
        rest
    }

    /// Appends a space for a CR that no LF follows.
    fn settle_cr(&mut self, out: &mut BytesMut) {
        if self.state == State::Cr {
            out.put_u8(b' ');
            self.state = State::Text;
        }
    }
}
