//! The fast path of content: how far it is ordinary.
//!
//! * **In**: content that begins within a line or at a line start. **Out**: how many of its
//!   octets need no closer look.
//! * **Promises**: in a clean prefix every CR has its LF, every LF its CR, and there is no NUL;
//!   where dots count, no line begins with one. This holds across the end of the prefix: if
//!   there is an octet after it, it is an LF where the prefix ends in a CR, and only there.
//! * **Limits**: works in blocks, so the last octets of any input are left to the caller; never
//!   allocates. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.8, 4.5.2.
//!
//! The loops have no branch per octet, so that the compiler makes vector instructions of them: of each
//! kind that the target's processors may have (AVX2, AVX-512), chosen at run time with the feature `simd`.
//! Even one search per line would cost more than all of this together.

use super::table::State;

/// Octets that are looked at together as long as no line ends in them.
const PLAIN_BYTES: usize = 256;
/// Octets that are looked at together where a line was found to end.
const ENDING_BYTES: usize = 64;
/// Octets that are looked at together before what is left is looked at one by one.
const LAST_BYTES: usize = 16;
/// Octets that are looked at together where lines are short.
const DENSE_BYTES: usize = 1024;
/// Stretches with line endings in a row, after which lines are taken to be short.
const DENSE_AFTER: usize = 4;

/// Whether a clean prefix may begin with `octet` in `state`.
pub(super) const fn may_begin(state: State, octet: u8) -> bool {
    match state {
        State::LineStart => octet != b'\n' && octet != b'.',
        State::Text => octet != b'\n',
        State::Cr | State::Dot | State::DotCr => false,
    }
}

/// The length of a clean prefix of `content`, not always the longest.
///
/// With `STUFFED`, a dot after CRLF is not clean. [`may_begin`] must allow the first octet.
pub(super) fn clean_bytes<const STUFFED: bool>(content: &[u8]) -> usize {
    #[cfg(feature = "simd")]
    return fearless_simd::dispatch!(fearless_simd::Level::new(), _ => count_clean::<STUFFED>(content));
    #[cfg(not(feature = "simd"))]
    count_clean::<STUFFED>(content)
}

/// Inlined with all that it calls, or the compiler would make plain instructions of the loops.
#[inline(always)]
fn count_clean<const STUFFED: bool>(content: &[u8]) -> usize {
    let mut rest = content;
    let mut endings = 0;
    while endings < DENSE_AFTER {
        while let Some(after) = after_plain::<PLAIN_BYTES>(rest) {
            rest = after;
            endings = 0;
        }
        // Halve, so that little is left for the closer look at the line ending.
        rest = after_plain::<{ PLAIN_BYTES / 2 }>(rest).unwrap_or(rest);
        rest = after_plain::<{ PLAIN_BYTES / 4 }>(rest).unwrap_or(rest);
        match after_clean::<ENDING_BYTES, STUFFED>(rest) {
            Some(after) => rest = after,
            None => break,
        }
        endings += 1;
    }
    while let Some(after) = after_clean::<DENSE_BYTES, STUFFED>(rest) {
        rest = after;
    }
    while let Some(after) = after_clean::<ENDING_BYTES, STUFFED>(rest) {
        rest = after;
    }
    while let Some(after) = after_clean::<LAST_BYTES, STUFFED>(rest) {
        rest = after;
    }
    content.len() - rest.len()
}

/// What follows the first `N` octets of `content`, if these are clean and no line ends there.
#[inline(always)]
fn after_plain<const N: usize>(content: &[u8]) -> Option<&[u8]> {
    let (block, after) = content.split_first_chunk::<N>()?;
    let least = block.iter().fold(u8::MAX, |least, &octet| least.min(octet));
    // Tabs and other controls are clean, too, but not worth a comparison of their own.
    (b'\r' < least && after.first() != Some(&b'\n')).then_some(after)
}

/// What follows the first `N` octets of `content`, if these are clean.
#[inline(always)]
fn after_clean<const N: usize, const STUFFED: bool>(content: &[u8]) -> Option<&[u8]> {
    let (here, after) = content.split_first_chunk::<N>()?;
    let next = window::<N>(content, 1)?;
    let second = window::<N>(content, 2)?;
    let mut odd = false;
    let mut least = u8::MAX;
    for i in 0..N {
        // `&` and `|`, not `&&` and `||`: no branches.
        let is_cr = here[i] == b'\r';
        odd |= is_cr != (next[i] == b'\n');
        odd |= STUFFED & is_cr & (second[i] == b'.');
        least = least.min(here[i]);
    }
    (!odd && least != 0).then_some(after)
}

/// `N` octets of `content` from `start`.
#[inline(always)]
pub(super) fn window<const N: usize>(content: &[u8], start: usize) -> Option<&[u8; N]> {
    content.get(start..).and_then(<[u8]>::first_chunk)
}
