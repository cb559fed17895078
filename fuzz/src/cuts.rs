//! Ways to cut an input in pieces.
//!
//! * **In**: a length, a seed. **Out**: lengths of pieces that add up to it. **Promises**: the same for the same seed.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

/// How an input arrives.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cuts {
    /// At once.
    Whole,
    /// Octet by octet.
    Octets,
    /// In two pieces, the first of this length.
    At(usize),
    /// In pieces of 1 to 16 octets, by this seed.
    Seed(u64),
}

impl Cuts {
    /// The next piece of `rest`, and what is left after it.
    pub(crate) fn split<'a>(&mut self, rest: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let length = match self {
            Self::Whole => rest.len(),
            Self::Octets => 1,
            Self::At(at) => {
                let length = *at;
                *self = Self::Whole;
                length
            }
            Self::Seed(seed) => {
                *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                1 + (*seed >> 60) as usize
            }
        };
        rest.split_at(length.min(rest.len()))
    }

    /// Every cut of a short input, some of a long one.
    pub(crate) fn of(octets: usize) -> impl Iterator<Item = Self> {
        const ALL_UP_TO: usize = 128;
        let places = if octets <= ALL_UP_TO { octets } else { 0 };
        let places = (1..places).map(Self::At);
        places.chain([Self::Whole, Self::Octets]).chain((0..4).map(Self::Seed))
    }
}
