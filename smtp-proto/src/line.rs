//! Lines of a command stream.
//!
//! * **In**: the unread octets of a connection, in any split. **Out**: where the next line ends.
//! * **Promises**: the outcome does not depend on the split (only the sizes of the pieces to
//!   discard do); a bare CR ends nothing; an octet is looked at once, however slowly it arrives.
//! * **Limits**: `bytes_max` of the caller, ending included; never allocates. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.8, 4.5.3.1.4.

/// Finds the end of one line after another.
///
/// The caller owns the buffer: it removes the octets called `consumed` from its front before the
/// next call and appends what it reads to its end. A new buffer needs a new decoder.
#[derive(Debug, Default)]
pub struct LineDecoder {
    /// Octets at the front of the next input that hold no LF.
    scanned_bytes: usize,
    /// The current line was too long already; its rest is dropped up to the next LF.
    discarding: bool,
}

/// What stands at the front of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// No line ends here yet: read more, then call again with the same octets in front.
    Incomplete,
    /// A line.
    Complete {
        /// Octets of the line without its ending.
        bytes: usize,
        /// Octets of the line with its ending.
        consumed: usize,
        /// What ended the line.
        ending: LineEnding,
    },
    /// A piece of a line over the limit. The caller drops it, counts it, and goes on.
    Discard {
        /// Octets to drop.
        consumed: usize,
    },
    /// The end of a line over the limit, LF included. The next octet begins a new line.
    TooLong {
        /// Octets to drop.
        consumed: usize,
    },
}

/// The octets that ended a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnding {
    /// CR and LF, the only line ending of SMTP (RFC 5321 2.3.8).
    CrLf,
    /// An LF without a CR before it. Whether such a line counts is for the caller to decide.
    BareLf,
}

impl LineDecoder {
    /// Looks for the end of the line that begins at the front of `input`.
    ///
    /// `bytes_max` is the longest line allowed in octets, its ending included. It may change
    /// from call to call, but once a line was found too long, it stays so.
    #[must_use = "the octets named in the outcome have to be removed from the input"]
    pub fn decode(&mut self, input: &[u8], bytes_max: usize) -> Line {
        let scanned_bytes = self.scanned_bytes.min(input.len());
        let (_, fresh) = input.split_at(scanned_bytes);
        match memchr::memchr(b'\n', fresh) {
            Some(at) => self.end_line(input, scanned_bytes + at, bytes_max),
            None if input.is_empty() => Line::Incomplete,
            // Not even an LF in the next octet could make this line short enough.
            None if self.discarding || bytes_max <= input.len() => {
                *self = Self { scanned_bytes: 0, discarding: true };
                Line::Discard { consumed: input.len() }
            }
            None => {
                self.scanned_bytes = input.len();
                Line::Incomplete
            }
        }
    }

    /// The line of `input` whose LF stands at `line_feed`.
    fn end_line(&mut self, input: &[u8], line_feed: usize, bytes_max: usize) -> Line {
        let consumed = line_feed + 1;
        let too_long = self.discarding || bytes_max < consumed;
        *self = Self::default();
        if too_long {
            return Line::TooLong { consumed };
        }
        match input.split_at(line_feed).0 {
            [line @ .., b'\r'] => {
                Line::Complete { bytes: line.len(), consumed, ending: LineEnding::CrLf }
            }
            line => Line::Complete { bytes: line.len(), consumed, ending: LineEnding::BareLf },
        }
    }
}
