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

/// Encodes one message for DATA.
#[derive(Clone, Debug, Default)]
pub struct DataEncoder {
    state: State,
}

/// What was emitted last, or is withheld.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    LineStart,
    Text,
    /// A CR was put in and not yet emitted: an LF may follow.
    Cr,
}

impl DataEncoder {
    /// An encoder at the beginning of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::LineStart }
    }

    /// Appends the encoded `content` to `out`. A bare LF becomes CRLF, a bare CR a space.
    pub fn encode(&mut self, content: &[u8], out: &mut BytesMut) {
        for &octet in content {
            if self.state == State::Cr && octet != b'\n' {
                out.put_u8(b' ');
                self.state = State::Text;
            }
            self.state = match octet {
                b'\r' => State::Cr,
                b'\n' => {
                    out.put_slice(b"\r\n");
                    State::LineStart
                }
                _ => {
                    if octet == b'.' && self.state == State::LineStart {
                        out.put_u8(b'.');
                    }
                    out.put_u8(octet);
                    State::Text
                }
            };
        }
    }

    /// Appends the end of data, after a CRLF if the content lacks its last one.
    pub fn finish(mut self, out: &mut BytesMut) {
        if self.state == State::Cr {
            out.put_u8(b' ');
            self.state = State::Text;
        }
        if self.state == State::Text {
            out.put_slice(b"\r\n");
        }
        out.put_slice(b".\r\n");
    }
}
