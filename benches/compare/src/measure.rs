//! What a server used: CPU time and resident memory, read from /proc.
//!
//! * **In**: a pid. **Out**: [`CpuReading`]s, whose difference is a [`CpuTime`]; resident bytes.
//! * **Promises**: a sum over all threads of the process and of its descendants. Nanoseconds from
//!   `schedstat` as long as every thread is seen in both readings; if one ended in between, clock
//!   ticks from `stat`, which keep the time of threads and children that are gone. Which of the
//!   two it was is part of the result.
//! * **Limits**: [`PROCESSES_MAX`] processes per server. **Panics**: never.
//! * **Spec**: proc(5): `task/*/schedstat`, `task/*/children`, `stat`, `status`.

use std::collections::BTreeMap;
use std::{fs, io};

/// More descendants than this are not followed.
const PROCESSES_MAX: usize = 256;
/// `stat` rounds user and system time down, in both readings, and a timer tick may be under way:
/// more than this beyond `schedstat` means that a thread came and went unseen.
const TICKS_OF_DOUBT: u64 = 5;

/// The CPU time of a server up to now.
#[derive(Debug, Default)]
pub(crate) struct CpuReading {
    /// Nanoseconds by thread.
    threads: BTreeMap<u32, u64>,
    /// User and system time, with that of ended threads and of children that were waited for.
    ticks: u64,
}

/// CPU time between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuTime {
    /// How much.
    pub(crate) nanos: u64,
    /// Where the figure is from.
    pub(crate) source: CpuSource,
}

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CpuSource {
    /// Nanoseconds, by thread.
    Schedstat,
    /// Clock ticks (usually 10 ms), by process.
    Stat,
}

/// Why there is no figure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeasureError {
    /// Not readable, or the process is gone.
    #[error("/proc/{pid}/{file}: {source}")]
    Read {
        /// The process.
        pid: u32,
        /// Which file.
        file: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Not in the documented format.
    #[error("/proc/{pid}/{file} has an unknown format")]
    Format {
        /// The process.
        pid: u32,
        /// Which file.
        file: &'static str,
    },
}

impl CpuReading {
    /// Reads all threads of `root` and its descendants.
    ///
    /// # Errors
    /// [`MeasureError`] if `root` is gone or /proc is not as documented.
    pub(crate) fn take(root: u32) -> Result<Self, MeasureError> {
        let mut reading = Self::default();
        let mut pending = vec![root];
        let mut seen = 0;
        while let Some(pid) = pending.pop() {
            seen += 1;
            if seen > PROCESSES_MAX {
                break;
            }
            match reading.add(pid, &mut pending) {
                // A child that ended meanwhile is in its parent's ticks.
                Err(MeasureError::Read { .. }) if pid != root => {}
                other => other?,
            }
        }
        Ok(reading)
    }

    /// The time between `earlier` and this reading.
    pub(crate) fn since(&self, earlier: &Self) -> CpuTime {
        let nanos: u64 = self
            .threads
            .iter()
            .map(|(id, now)| now.saturating_sub(earlier.threads.get(id).copied().unwrap_or(0)))
            .sum();
        let tick_nanos = 1_000_000_000 / rustix::param::clock_ticks_per_second().max(1);
        let ticks = self.ticks.saturating_sub(earlier.ticks);
        let lost_one = earlier.threads.keys().any(|id| !self.threads.contains_key(id));
        let unseen = ticks.saturating_sub(TICKS_OF_DOUBT) * tick_nanos > nanos;
        if lost_one || unseen {
            CpuTime { nanos: ticks * tick_nanos, source: CpuSource::Stat }
        } else {
            CpuTime { nanos, source: CpuSource::Schedstat }
        }
    }

    fn add(&mut self, pid: u32, pending: &mut Vec<u32>) -> Result<(), MeasureError> {
        let directory = format!("/proc/{pid}/task");
        let tasks = fs::read_dir(directory).map_err(|source| MeasureError::Read {
            pid,
            file: "task",
            source,
        })?;
        let ids = tasks.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        for id in ids {
            let id: u32 = id;
            // A thread that ends meanwhile is missed here and found missing by `since`.
            let Ok(text) = fs::read_to_string(format!("/proc/{pid}/task/{id}/schedstat")) else {
                continue;
            };
            let nanos = text.split_whitespace().next().and_then(|field| field.parse().ok());
            let nanos = nanos.ok_or(MeasureError::Format { pid, file: "schedstat" })?;
            self.threads.insert(id, nanos);
            // Absent in a kernel built without it; then only the server itself is measured.
            let children = fs::read_to_string(format!("/proc/{pid}/task/{id}/children"));
            let children = children.unwrap_or_default();
            pending.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
        }
        let text = fs::read_to_string(format!("/proc/{pid}/stat"))
            .map_err(|source| MeasureError::Read { pid, file: "stat", source })?;
        self.ticks += ticks(&text).ok_or(MeasureError::Format { pid, file: "stat" })?;
        Ok(())
    }
}

/// Memory of the process that is in RAM now.
///
/// # Errors
/// [`MeasureError`] if it is gone or /proc is not as documented.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64, MeasureError> {
    memory_bytes(pid, "VmRSS:")
}

/// The most that [`resident_bytes`] has been since the process began.
///
/// # Errors
/// As [`resident_bytes`].
pub(crate) fn peak_resident_bytes(pid: u32) -> Result<u64, MeasureError> {
    memory_bytes(pid, "VmHWM:")
}

fn memory_bytes(pid: u32, field: &str) -> Result<u64, MeasureError> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))
        .map_err(|source| MeasureError::Read { pid, file: "status", source })?;
    let line = text.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes =
        line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.map(|count| count * 1024).ok_or(MeasureError::Format { pid, file: "status" })
}

/// utime + stime + cutime + cstime, fields 14 to 17. The name in field 2 may hold anything.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let times: Vec<u64> =
        fields.split(' ').skip(11).take(4).map_while(|field| field.parse().ok()).collect();
    (times.len() == 4).then(|| times.iter().sum())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{CpuReading, CpuSource, CpuTime, peak_resident_bytes, resident_bytes, ticks};

    fn reading(threads: &[(u32, u64)], ticks: u64) -> CpuReading {
        CpuReading { threads: threads.iter().copied().collect::<BTreeMap<_, _>>(), ticks }
    }

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "12 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 100 20 3 4 20 0 1 0 99";
        assert_eq!(ticks(stat), Some(127));
        assert_eq!(ticks("12 (short) S 1 2"), None);
    }

    #[test]
    fn schedstat_counts_while_every_thread_is_seen() {
        let before = reading(&[(1, 50), (2, 10)], 0);
        let after = reading(&[(1, 150), (2, 10), (3, 5)], 0);
        let expected = CpuTime { nanos: 105, source: CpuSource::Schedstat };
        assert_eq!(after.since(&before), expected);
    }

    #[test]
    fn stat_counts_when_a_thread_is_gone_or_was_never_seen() {
        let before = reading(&[(1, 0), (2, 0)], 10);
        for after in [reading(&[(1, 100)], 30), reading(&[(1, 100), (2, 0)], 30)] {
            let time = after.since(&before);
            assert_eq!(time.source, CpuSource::Stat);
            assert_eq!(time.nanos, 20 * 1_000_000_000 / rustix::param::clock_ticks_per_second());
        }
    }

    #[test]
    fn this_process_can_be_read() {
        let pid = std::process::id();
        let reading = CpuReading::take(pid).unwrap();
        assert!(reading.threads.contains_key(&pid));
        assert!(resident_bytes(pid).unwrap() > 100_000);
        assert!(peak_resident_bytes(pid).unwrap() > 100_000);
    }
}
