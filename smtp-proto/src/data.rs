//! Content as DATA transfers it: transparency and the end of data.
//!
//! * **In**: octets after the reply 354, in any split. **Out**: content without the dots of
//!   transparency, in place, then the end.
//! * **Promises**: the content, its flaws and its end do not depend on the split.
//! * **Limits**: a byte of state; never allocates. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.2, 2.3.8.

mod clean;
mod encoder;
mod flaws;
mod scanner;
mod stuffed;
mod table;
#[cfg(test)]
mod tests;

pub use encoder::DataEncoder;
pub use flaws::Flaws;
pub use scanner::ContentScanner;

use clean::{clean_bytes, may_begin};
use stuffed::{BLOCK_BYTES, Unstuffed, unstuff};
use table::{State, Step, step};

/// Removes the dots of transparency and finds the end of data.
///
/// The decoder serves one message after another: after the end it stands at a line start again.
#[derive(Clone, Debug, Default)]
pub struct DataDecoder {
    state: State,
}

/// What a decoder made of its input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Octets of content, now at the front of the input.
    pub content: usize,
    /// Octets of the input that are dealt with. The caller removes them; it keeps the others
    /// (at most a CR, unless the end was found) in front of what it reads next.
    pub consumed: usize,
    /// Whether the octets consumed reach the end of the data, or of the chunk.
    pub end: bool,
    /// What is wrong with the octets consumed.
    pub flaws: Flaws,
}

impl DataDecoder {
    /// A decoder at the beginning of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::LineStart }
    }

    /// Decodes `input` in place, up to the end of data or of the input.
    ///
    /// The content found is at the front of `input`, and from `consumed` on `input` is as it was;
    /// what stands between the two means nothing. Nothing is held back but a CR after a dot at
    /// a line start: it is not consumed, and an input that is only this CR makes no progress
    /// until an octet follows it. A CR anywhere else is passed on at once, and is found to be
    /// bare by the call that sees what follows it.
    #[must_use = "the octets named in the outcome have to be removed from the input"]
    pub fn decode(&mut self, input: &mut [u8]) -> Decoded {
        let mut decoded = Decoded::default();
        while let Some(&next) = input.get(decoded.consumed)
            && !decoded.end
        {
            if may_begin(self.state, next) {
                self.pass_clean(input, &mut decoded);
                self.pass_odd(input, &mut decoded);
            } else {
                self.walk(input, decoded.consumed + 1, &mut decoded);
            }
        }
        // A CR that may begin the end of data is not passed on before its LF is seen.
        if self.state == State::DotCr {
            self.state = State::Dot;
            decoded.consumed -= 1;
        }
        decoded
    }

    /// Passes on the clean prefix of the octets from `decoded.consumed`.
    fn pass_clean(&mut self, input: &mut [u8], decoded: &mut Decoded) {
        let start = decoded.consumed;
        let end = start + clean_bytes::<true>(input.split_at(start).1);
        let Some(&last) = input.get(start..end).and_then(<[u8]>::last) else { return };
        if decoded.content < start {
            input.copy_within(start..end, decoded.content);
        }
        decoded.content += end - start;
        decoded.consumed = end;
        self.state = State::after(last);
    }

    /// Decodes some of the octets from `decoded.consumed`, which are not clean.
    fn pass_odd(&mut self, input: &mut [u8], decoded: &mut Decoded) {
        let start = decoded.consumed;
        let unstuffed = match input.get(start) {
            Some(&next) if may_begin(self.state, next) => unstuff(input, start, decoded.content),
            _ => None,
        };
        if let Some(Unstuffed { content, state, flaws }) = unstuffed {
            decoded.content += content;
            decoded.consumed += BLOCK_BYTES;
            decoded.flaws |= flaws;
            self.state = state;
        } else {
            self.walk(input, input.len().min(start + BLOCK_BYTES), decoded);
        }
    }

    /// Decodes the octets from `decoded.consumed` to `until`, or to the end of data, as the
    /// table says.
    fn walk(&mut self, input: &mut [u8], until: usize, decoded: &mut Decoded) {
        while decoded.consumed < until && !decoded.end {
            let octet = input[decoded.consumed];
            let before = self.state;
            let (state, what) = step(before, octet);
            self.state = state;
            decoded.consumed += 1;
            match what {
                Step::Keep => decoded.keep(input, octet),
                Step::Drop | Step::Hold => {}
                Step::Bare => {
                    if before == State::DotCr {
                        decoded.keep(input, b'\r');
                    }
                    decoded.flaws.bare_lf |= octet == b'\n';
                    decoded.flaws.bare_cr |= octet != b'\n';
                    decoded.keep(input, octet);
                }
                Step::End => decoded.end = true,
            }
        }
    }
}

impl Decoded {
    /// Appends `octet` to the content, where an octet that is consumed has stood.
    fn keep(&mut self, input: &mut [u8], octet: u8) {
        input[self.content] = octet;
        self.content += 1;
        self.flaws.nul |= octet == 0;
    }
}
