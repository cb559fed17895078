//! Concurrency: how many deliveries a site gets at once.
//!
//! * **In**: whether each one reached the site. **Out**: a window, and whether the site seems dead.
//! * **Promises**: a full window of successes opens it by one, a full window of failures closes it by one (feedback
//!   1/N), at the beginning of a run of failures and at the end of a run of successes. As many failures in a row as the
//!   window is wide, and the site counts as dead. **Limits**: 1 to a limit. **Panics**: never.

/// One step of the window, in the parts that successes and failures add up in.
const WHOLE: u32 = 1 << 20;

#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    width: u32,
    gained: u32,
    lost: u32,
    failed: u32,
}

impl Window {
    pub(super) fn new(width: u32) -> Self {
        Self { width: width.max(1), gained: 0, lost: 0, failed: 0 }
    }

    pub(super) fn width(&self) -> u32 {
        self.width
    }

    /// A delivery reached the site. The window opens to `limit` at most, and no further than is used with `ahead` to
    /// spare.
    pub(super) fn reached(&mut self, in_flight: u32, ahead: u32, limit: u32) {
        self.failed = 0;
        self.lost = 0;
        if self.width >= limit || self.width >= in_flight.saturating_add(ahead) {
            return;
        }
        self.gained += WHOLE.div_ceil(self.width);
        if self.gained >= WHOLE {
            self.gained -= WHOLE;
            self.width += 1;
        }
    }

    /// A delivery did not. `true` if a whole window of them failed in a row.
    pub(super) fn missed(&mut self) -> bool {
        let step = WHOLE.div_ceil(self.width);
        self.gained = 0;
        self.failed += step;
        if self.lost == 0 {
            self.width = (self.width - 1).max(1);
        }
        self.lost = if self.lost + step >= WHOLE { 0 } else { self.lost + step };
        self.failed >= WHOLE
    }
}
