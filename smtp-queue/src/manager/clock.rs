//! The manager's own time: it goes on when the wall clock is set back.
//!
//! * **In**: readings of the wall clock. **Out**: seconds that never go back.
//! * **Promises**: what is given out is told in the wall clock's time. **Limits**: until the year 2106.
//! * **Panics**: never.

use smtp_server::UnixMillis;

#[derive(Debug, Default)]
pub(super) struct Clock {
    wall: u64,
    /// By how much the wall clock was set back, in all.
    set_back: u64,
}

impl Clock {
    pub(super) fn read(&mut self, now: UnixMillis) {
        self.set_back = self.set_back.saturating_add(self.wall.saturating_sub(now.0));
        self.wall = now.0;
    }

    pub(super) fn wall(&self) -> UnixMillis {
        UnixMillis(self.wall)
    }

    /// The second that goes on.
    pub(super) fn second(&self) -> u32 {
        whole(self.wall.saturating_add(self.set_back) / 1000)
    }

    /// The first second that is not before a time of the wall clock.
    pub(super) fn second_of(&self, time: UnixMillis) -> u32 {
        whole(time.0.saturating_add(self.set_back).div_ceil(1000))
    }

    /// When the wall clock shows a second.
    pub(super) fn wall_of(&self, second: u32) -> UnixMillis {
        UnixMillis((u64::from(second) * 1000).saturating_sub(self.set_back))
    }
}

fn whole(seconds: u64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}
