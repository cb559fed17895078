//! What can be wrong with the octets of content.
//!
//! * **In**: findings of a decoder. **Out**: their union.
//! * **Promises**: a flaw changes no octet; what follows from it is policy.
//! * **Limits**: three flags. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.8 (bare CR and LF), 4.5.2; RFC 5322 4 (NUL).

use core::ops::{BitOr, BitOrAssign};

/// What is wrong with a stretch of content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flaws {
    /// An LF without a CR before it.
    pub bare_lf: bool,
    /// A CR without an LF after it.
    pub bare_cr: bool,
    /// A NUL.
    pub nul: bool,
}

impl Flaws {
    /// Whether there is any flaw.
    #[must_use]
    pub const fn any(self) -> bool {
        self.bare_lf || self.bare_cr || self.nul
    }
}

impl BitOr for Flaws {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self {
            bare_lf: self.bare_lf || other.bare_lf,
            bare_cr: self.bare_cr || other.bare_cr,
            nul: self.nul || other.nul,
        }
    }
}

impl BitOrAssign for Flaws {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}
