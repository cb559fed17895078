//! Transparency undone for many short lines at a time.
//!
//! * **In**: a block of content. **Out**: the block without the dots of transparency, and its
//!   flaws.
//! * **Promises**: agrees with the table, or declines and changes nothing.
//! * **Limits**: whole blocks of [`BLOCK_BYTES`], and three octets after a block are looked at;
//!   never allocates; lines of four octets cost no more than others. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.2.

use super::Flaws;
use super::clean::window;
use super::table::State;

/// Octets of a block: two that a line break may take up, and then those that may be dots.
pub(super) const BLOCK_BYTES: usize = HEAD_BYTES + BODY_BYTES;

const HEAD_BYTES: usize = 2;
const BODY_BYTES: usize = 128;
/// Two dots of transparency are never as close as this: there is at least an octet and CRLF
/// between them.
const WORD_BYTES: usize = 4;

type Body = [u8; BODY_BYTES];

/// What became of a block.
pub(super) struct Unstuffed {
    /// Octets of content, at the target.
    pub(super) content: usize,
    /// The state after the block.
    pub(super) state: State,
    /// The flaws of the block.
    pub(super) flaws: Flaws,
}

/// Removes the dots of transparency from the block at `start` and moves it down to `target`.
///
/// [`super::clean::may_begin`] must allow the octet at `start`, and `target` is at most `start`.
/// Gives None if a dot may belong to an end of data, or if the input is too short to tell.
pub(super) fn unstuff(input: &mut [u8], start: usize, target: usize) -> Option<Unstuffed> {
    let rest = input.get(start..)?;
    let head: [u8; HEAD_BYTES] = *window(rest, 0)?;
    let body: Body = *window(rest, HEAD_BYTES)?;
    let after = window(rest, HEAD_BYTES + 1)?;
    let dots = dots_of(window(rest, 0)?, window(rest, 1)?, &body);
    if may_end(&dots, after) {
        return None;
    }
    let flaws = flaws_of(&head, window(rest, 1)?) | flaws_of(&body, after);
    let out = input.get_mut(target..)?.first_chunk_mut::<BLOCK_BYTES>()?;
    let content = compact(&head, &body, &dots, out);
    let state = match body {
        [.., b'\r'] => State::Cr,
        [.., b'\r', b'\n'] => State::LineStart,
        // Also after a dot of transparency: no CR follows it, or it might end the data.
        _ => State::Text,
    };
    Some(Unstuffed { content, state, flaws })
}

/// Writes `head` and what of `body` is not marked in `dots` to `out`. Gives how much that is.
///
/// A word at a time, of which at most one octet goes.
fn compact(
    head: &[u8; HEAD_BYTES],
    body: &Body,
    dots: &Body,
    out: &mut [u8; BLOCK_BYTES],
) -> usize {
    let mut content = HEAD_BYTES;
    out[..HEAD_BYTES].copy_from_slice(head);
    let (words, _) = body.as_chunks::<WORD_BYTES>();
    let (marks, _) = dots.as_chunks::<WORD_BYTES>();
    for (word, mark) in words.iter().zip(marks) {
        let (word, mark) = (u32::from_le_bytes(*word), u32::from_le_bytes(*mark));
        // All octets below the one marked, or all octets if none is.
        let below = mark.wrapping_sub(1);
        let kept = (word & below) | (word >> 8 & !below);
        let Some(slot) = out.get_mut(content..).and_then(<[u8]>::first_chunk_mut) else { break };
        *slot = kept.to_le_bytes();
        content += WORD_BYTES - usize::from(mark != 0);
    }
    content
}

/// Marks with 1 the dots at a line start in `body`, given the octets two and one before.
fn dots_of(second_before: &Body, before: &Body, body: &Body) -> Body {
    let mut dots = [0; BODY_BYTES];
    for i in 0..BODY_BYTES {
        let starts_line = (second_before[i] == b'\r') & (before[i] == b'\n');
        dots[i] = u8::from(starts_line & (body[i] == b'.'));
    }
    dots
}

/// Whether one of the `dots` is followed by a CR, given the octets one further.
fn may_end(dots: &Body, after: &Body) -> bool {
    dots.iter()
        .zip(after)
        .fold(false, |found, (dot, octet)| found | ((*dot != 0) & (*octet == b'\r')))
}

/// The flaws of `block`, given the octets one further.
fn flaws_of<const N: usize>(block: &[u8; N], next: &[u8; N]) -> Flaws {
    let (mut bare_lf, mut bare_cr, mut nul) = (false, false, false);
    for i in 0..N {
        let (is_cr, is_lf_next) = (block[i] == b'\r', next[i] == b'\n');
        bare_cr |= is_cr & !is_lf_next;
        bare_lf |= is_lf_next & !is_cr;
        nul |= block[i] == 0;
    }
    Flaws { bare_lf, bare_cr, nul }
}
