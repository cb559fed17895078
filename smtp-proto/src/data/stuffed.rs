//! Transparency undone for many lines at a time.
//!
//! * **In**: a block of content. **Out**: the block without the dots of transparency.
//! * **Promises**: agrees with the table, or declines and changes nothing.
//! * **Limits**: blocks of [`BLOCK_BYTES`], two octets after a block are looked at; never
//!   allocates; as fast for four-octet lines as for long ones. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.2.

use super::clean::{after_clean, window};
use super::table::State;

/// Octets of a block.
pub(super) const BLOCK_BYTES: usize = 128;

/// Removes the dots of transparency from the block at `start` and moves it down to `target`.
///
/// `target` is at most `start`. Gives the octets that are left and the state after them. Gives
/// None if the block has flaws, if a dot in it may belong to an end of data, or if the input is
/// too short to tell. [`super::clean::may_begin`] must allow the octet at `start`.
pub(super) fn unstuff(input: &mut [u8], start: usize, target: usize) -> Option<(usize, State)> {
    let rest = input.get(start..)?;
    after_clean::<BLOCK_BYTES, false>(rest)?;
    let block = *rest.first_chunk::<BLOCK_BYTES>()?;
    if may_end(&block, window(rest, 1)?, window(rest, 2)?) {
        return None;
    }
    let dots = dots_of(&block);
    let out = input.get_mut(target..)?.first_chunk_mut::<BLOCK_BYTES>()?;
    let mut content = 0;
    for (octet, is_dot) in block.iter().zip(dots) {
        // Never out of bounds, and the remainder shows it to the compiler.
        out[content % BLOCK_BYTES] = *octet;
        content += usize::from(!is_dot);
    }
    let [.., last] = block;
    let [.., last_is_dot] = dots;
    Some((content, if last_is_dot { State::Dot } else { State::after(last) }))
}

/// Whether a line of `block` may begin with dot and CR, given the octets one and two further.
fn may_end(
    block: &[u8; BLOCK_BYTES],
    next: &[u8; BLOCK_BYTES],
    second: &[u8; BLOCK_BYTES],
) -> bool {
    let mut found = false;
    for i in 0..BLOCK_BYTES {
        found |= (block[i] == b'\n') & (next[i] == b'.') & (second[i] == b'\r');
    }
    found
}

/// Which octets of a block without flaws are dots at a line start.
fn dots_of(block: &[u8; BLOCK_BYTES]) -> [bool; BLOCK_BYTES] {
    let mut dots = [false; BLOCK_BYTES];
    for i in 1..BLOCK_BYTES {
        dots[i] = (block[i - 1] == b'\n') & (block[i] == b'.');
    }
    dots
}
