//! Flaws of content that is not dot-stuffed.
//!
//! * **In**: octets of content, in any split. **Out**: the flaws found in them.
//! * **Promises**: the union of the flaws does not depend on the split.
//! * **Limits**: a byte of state; never allocates. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.8, RFC 3030 3.

use super::Flaws;
use super::clean::clean_bytes;

/// Octets that are looked at one by one where a clean prefix ends.
const ODD_BYTES: usize = 128;

/// Looks for bare CR, bare LF and NUL in content that comes in chunks.
#[derive(Clone, Debug, Default)]
pub struct ContentScanner {
    /// The last octet was a CR.
    after_cr: bool,
}

impl ContentScanner {
    /// A scanner at the beginning of the content.
    #[must_use]
    pub const fn new() -> Self {
        Self { after_cr: false }
    }

    /// The flaws of `content`, which continues what was scanned before.
    ///
    /// A CR before the end of `content` is judged by the next call or by [`Self::finish`].
    #[must_use = "scanning has no other effect"]
    pub fn scan(&mut self, content: &[u8]) -> Flaws {
        let mut flaws = Flaws::default();
        let mut rest = content;
        while let Some(&next) = rest.first() {
            if !self.after_cr && next != b'\n' {
                let (clean, after) = rest.split_at(clean_bytes::<false>(rest));
                self.after_cr = clean.last() == Some(&b'\r');
                rest = after;
            }
            let (odd, after) = rest.split_at(rest.len().min(ODD_BYTES));
            flaws |= self.walk(odd);
            rest = after;
        }
        flaws
    }

    /// Ends the content: a CR at the very end is bare. The scanner may begin anew.
    #[must_use = "the end of the content may have a flaw"]
    pub fn finish(&mut self) -> Flaws {
        Flaws { bare_cr: core::mem::take(&mut self.after_cr), ..Flaws::default() }
    }

    /// The flaws of `content`, one octet after the other.
    fn walk(&mut self, content: &[u8]) -> Flaws {
        let mut flaws = Flaws::default();
        for &octet in content {
            flaws.bare_cr |= self.after_cr & (octet != b'\n');
            flaws.bare_lf |= !self.after_cr & (octet == b'\n');
            flaws.nul |= octet == 0;
            self.after_cr = octet == b'\r';
        }
        flaws
    }
}
