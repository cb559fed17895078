//! The report: a table of figures, the noise, a table of memory, and who did not run.
//!
//! * **In**: the measured series. **Out**: text that is also Markdown.
//! * **Promises**: a ratio compares values of the same round; every peer that was asked for is in
//!   the text, with its figures or with its reason.
//! * **Limits**: none. **Panics**: never. **Spec**: README.md, "How to read it".

use std::io::{self, Write};
use std::{fs, thread};

use smtp_compare::stats::Spread;

use crate::idle::{Growth, Held};
use crate::measure::CpuSource;
use crate::options::{Connections, Options};
use crate::peers::Peer;
use crate::rounds::{Sample, Series};

/// What is printed at the end.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    /// Where it ran.
    pub(crate) machine: &'a Machine,
    /// What was asked for.
    pub(crate) options: &'a Options,
    /// The rounds, empty if there were none.
    pub(crate) series: &'a [Series],
    /// The idle sessions, empty if there were none.
    pub(crate) held: &'a [Held],
}

/// Where it ran.
#[derive(Debug)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    kernel: String,
    load_average: String,
}

impl Machine {
    /// Asks the system; what it does not tell is left out.
    pub(crate) fn describe() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let processors = read("/proc/cpuinfo");
        let model = processors.lines().find(|line| line.starts_with("model name"));
        let model = model.and_then(|line| line.split_once(": ")).map(|(_, name)| name);
        let average = read("/proc/loadavg");
        Self {
            processor: model.unwrap_or("unknown processor").to_owned(),
            cores: thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_average: average.split(' ').next().unwrap_or_default().to_owned(),
        }
    }
}

impl Report<'_> {
    /// Prints it.
    ///
    /// # Errors
    /// What `out` says.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        self.write_conditions(out)?;
        if self.options.rounds > 0 {
            self.write_figures(out)?;
            self.write_noise(out)?;
        }
        if self.options.idle > 0 {
            self.write_memory(out)?;
        }
        self.write_troubles(out)
    }

    /// The ratio of a peer to the floor, round by round.
    pub(crate) fn ratio_to_floor(&self, peer: Peer, value: fn(&Sample) -> f64) -> Option<Spread> {
        self.to_floor(self.series.iter().find(|series| series.peer == peer)?, value)
    }

    /// The ratio of one peer to another, round by round.
    pub(crate) fn ratio(&self, peer: Peer, to: Peer, value: fn(&Sample) -> f64) -> Option<Spread> {
        let series = |peer| self.series.iter().find(|series| series.peer == peer);
        ratio(series(peer)?, series(to)?, value)
    }

    /// By how much one idle session made a peer grow.
    pub(crate) fn kibibytes_per_session(&self, peer: Peer) -> Option<f64> {
        let held = self.held.iter().find(|held| held.peer == peer)?;
        Some(self.per_session(held.outcome.as_ref().ok()?))
    }

    fn write_conditions(&self, out: &mut impl Write) -> io::Result<()> {
        let Machine { processor, cores, kernel, load_average } = self.machine;
        writeln!(
            out,
            "{processor}, {cores} cores, Linux {kernel}, load average at the start {load_average}"
        )?;
        let options = self.options;
        let connections = match options.connections {
            Connections::Reused => "reused connections",
            Connections::PerMessage => "a connection per message",
        };
        let pinned = if options.pin { "server on core 0, load on core 1" } else { "not pinned" };
        writeln!(
            out,
            "rounds {}, messages {}, bytes {}, sessions {}, {connections}, {pinned}\n",
            options.rounds,
            options.messages(),
            options.message_bytes,
            options.sessions
        )
    }

    fn write_figures(&self, out: &mut impl Write) -> io::Result<()> {
        let ran = self.series.iter().filter(|series| series.samples.iter().any(Option::is_some));
        let header = [
            "server",
            "messages/s",
            "to floor",
            "CPU us/message",
            "to floor",
            "RSS MiB",
            "CPU from",
        ];
        write_table(out, header, ran.map(|series| self.figures(series)))
    }

    fn figures(&self, series: &Series) -> [String; 7] {
        let median = |value: fn(&Sample) -> f64| {
            Spread::of(series.samples.iter().flatten().map(value)).map(|spread| spread.median)
        };
        let by_ticks = |sample: &Sample| sample.cpu_source == CpuSource::Stat;
        let source =
            if series.samples.iter().flatten().any(by_ticks) { "stat" } else { "schedstat" };
        [
            series.peer.name().to_owned(),
            or_dash(median(messages_per_sec), |rate| format!("{rate:.0}")),
            or_dash(self.to_floor(series, messages_per_sec), |ratio| ratio.to_string()),
            or_dash(median(cpu_micros), |micros| format!("{micros:.1}")),
            or_dash(self.to_floor(series, cpu_micros), |ratio| ratio.to_string()),
            or_dash(series.resident_bytes, |bytes| format!("{:.1}", kibibytes(bytes) / 1024.0)),
            source.to_owned(),
        ]
    }

    /// The ratio to the floor, round by round.
    fn to_floor(&self, series: &Series, value: fn(&Sample) -> f64) -> Option<Spread> {
        let is_floor = |series: &&Series| matches!(series.peer, Peer::Floor | Peer::RelayFloor);
        ratio(series, self.series.iter().find(is_floor)?, value)
    }

    fn write_noise(&self, out: &mut impl Write) -> io::Result<()> {
        let ratio = |value| self.ratio_to_floor(Peer::Floor2, value);
        match (ratio(messages_per_sec), ratio(cpu_micros)) {
            (Some(rate), Some(cpu)) => writeln!(
                out,
                "noise, floor2 to floor: messages/s {rate}, CPU {cpu}; a ratio inside is no difference\n"
            ),
            _ => writeln!(out, "noise: unknown, it needs both floor and floor2\n"),
        }
    }

    fn write_memory(&self, out: &mut impl Write) -> io::Result<()> {
        let sessions = self.options.idle;
        writeln!(
            out,
            "memory with {sessions} idle sessions, after EHLO and a message of 64 KiB:\n"
        )?;
        let rows = self.held.iter().filter_map(|held| {
            let growth = held.outcome.as_ref().ok()?;
            let [before, after] = [growth.bytes_before, growth.bytes_after].map(kibibytes);
            let per_session = self.per_session(growth);
            Some([
                held.peer.name().to_owned(),
                format!("{per_session:.2}"),
                format!("{:.1}", before / 1024.0),
                format!("{:.1}", after / 1024.0),
            ])
        });
        write_table(out, ["server", "KiB/session", "RSS MiB before", "RSS MiB with"], rows)
    }

    fn per_session(&self, growth: &Growth) -> f64 {
        let [before, after] = [growth.bytes_before, growth.bytes_after].map(kibibytes);
        (after - before) / f64::from(self.options.idle)
    }

    fn write_troubles(&self, out: &mut impl Write) -> io::Result<()> {
        let during = self
            .series
            .iter()
            .filter_map(|series| series.trouble.clone().map(|trouble| (series.peer, trouble)));
        let idle = self.held.iter().filter_map(|held| {
            held.outcome.as_ref().err().map(|trouble| (held.peer, trouble.clone()))
        });
        let mut lines: Vec<String> = during
            .chain(idle)
            .map(|(peer, trouble)| format!("{}: {trouble}", peer.name()))
            .collect();
        // A peer that could not be prepared is reported by both halves, in the same words.
        lines.sort();
        lines.dedup();
        lines.iter().try_for_each(|line| writeln!(out, "{line}"))
    }
}

/// One series to another, round by round.
fn ratio(series: &Series, to: &Series, value: fn(&Sample) -> f64) -> Option<Spread> {
    let pairs = series.samples.iter().zip(&to.samples);
    Spread::of(pairs.filter_map(|(sample, to)| Some(value(sample.as_ref()?) / value(to.as_ref()?))))
}

/// What a ratio can be of: the rate.
pub(crate) const fn messages_per_sec(sample: &Sample) -> f64 {
    sample.messages_per_sec
}

/// What a ratio can be of: the server's CPU time.
pub(crate) const fn cpu_micros(sample: &Sample) -> f64 {
    sample.cpu_micros_per_message
}

fn kibibytes(bytes: u64) -> f64 {
    bytes as f64 / 1024.0
}

fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| String::from("-"), show)
}

/// A Markdown table that can also be read as it is: names left, figures right.
///
/// # Errors
/// What `out` says.
pub(crate) fn write_table<const N: usize>(
    out: &mut impl Write,
    header: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> io::Result<()> {
    let rows: Vec<[String; N]> = [header.map(str::to_owned)].into_iter().chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.len().max(*width);
        }
    }
    for (index, row) in rows.iter().enumerate() {
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            if column == 0 {
                write!(out, "| {cell:<width$} ")?;
            } else {
                write!(out, "| {cell:>width$} ")?;
            }
        }
        writeln!(out, "|")?;
        if index == 0 {
            for (column, width) in widths.iter().enumerate() {
                let end = if column == 0 { "-" } else { ":" };
                write!(out, "|{}{end}", "-".repeat(width + 1))?;
            }
            writeln!(out, "|")?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::{Machine, Report};
    use crate::idle::{Growth, Held};
    use crate::measure::CpuSource;
    use crate::options::Options;
    use crate::peers::Peer;
    use crate::rounds::{Sample, Series};

    fn series(peer: Peer, figures: &[Option<(f64, f64)>]) -> Series {
        let sample = |(messages_per_sec, cpu_micros_per_message)| Sample {
            messages_per_sec,
            cpu_micros_per_message,
            cpu_source: CpuSource::Schedstat,
        };
        let samples = figures.iter().map(|figure| figure.map(sample)).collect();
        Series { peer, samples, resident_bytes: Some(3 * 1024 * 1024), trouble: None }
    }

    #[test]
    fn ratios_are_by_round_and_nobody_is_left_out() {
        let machine = Machine {
            processor: String::from("processor"),
            cores: 2,
            kernel: String::from("6"),
            load_average: String::from("0.1"),
        };
        let mut sink = series(Peer::Sink, &[Some((50.0, 30.0)), Some((160.0, 20.0)), None]);
        sink.trouble = Some(String::from("stopped after 2 rounds: reason"));
        let mut absent = series(Peer::Mailin, &[]);
        absent.trouble = Some(String::from("not run: no compiler"));
        let floor = [Some((100.0, 10.0)), Some((200.0, 10.0)), Some((1.0, 1.0))];
        let series = [sink, series(Peer::Floor, &floor), series(Peer::Floor2, &floor), absent];
        let growth = Growth { bytes_before: 1024 * 1024, bytes_after: 5 * 1024 * 1024 };
        let held = [
            Held { peer: Peer::Sink, outcome: Ok(growth) },
            Held { peer: Peer::Mailin, outcome: Err(String::from("not run: no compiler")) },
        ];
        let options = Options { idle: 1024, ..Options::default() };
        let report = Report { machine: &machine, options: &options, series: &series, held: &held };
        let mut out = Vec::new();
        report.write(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for expected in [
            "| sink   |        105 | 0.65 (0.50..0.80) |           25.0 | 2.50 (2.00..3.00) |     3.0 ",
            "messages/s 1.00 (1.00..1.00), CPU 1.00 (1.00..1.00)",
            "| sink   |        4.00 |            1.0 |          5.0 |",
            "mailin-embedded: not run: no compiler\nsink: stopped after 2 rounds: reason\n",
        ] {
            assert!(text.contains(expected), "{expected}\nnot in\n{text}");
        }
        assert_eq!(text.matches("no compiler").count(), 1);
    }
}
