//! The log.
//!
//! * **In**: events of sessions and of the queue; `tracing` records of this program. **Out**: lines on standard error.
//! * **Promises**: the program goes on when nobody reads them. Who logs does not write: a thread does, whatever has come
//!   in [`PAUSE`] at once, and at the end what is left. **Limits**: `RUST_LOG`, else `info`, for the records; [`LINES_MAX`]
//!   lines wait, then whoever logs does; [`LAST_LINES_MAX`] at the end. **Panics**: never.
//! * **Spec**: Postfix's log behind a date as RFC 3164 4.1.2 has it, in UTC; the directives of tracing-subscriber's
//!   `EnvFilter`.

use std::convert::Infallible;
use std::io::{self, BufWriter, Stderr, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use smtp_queue::events::{JsonLog, LogLine, PostfixLog};
use smtp_queue::{QueueEvent, QueueObserver};
use smtp_server::{Event, Observer, SessionInfo, UnixMillis};
use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

const VARIABLE: &str = "RUST_LOG";
const DATE: &[BorrowedFormatItem<'_>] =
    format_description!("[month repr:short] [day padding:space] [hour]:[minute]:[second]");

/// What most lines fit into.
const LINE_BYTES: usize = 256;
const LINES_MAX: usize = 4096;
/// Between two calls that write.
const PAUSE: Duration = Duration::from_millis(5);
const BUFFER_BYTES: usize = 64 * 1024;
/// How long the end waits for whoever reads standard error.
const LAST_LINES_MAX: Duration = Duration::from_secs(10);

/// What takes the lines once the log is started; there is but one standard error, too.
static LINES: OnceLock<NonBlocking> = OnceLock::new();

/// How events are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// As Postfix does.
    #[default]
    Postfix,
    /// An object on each line.
    Json,
}

/// Where events go.
#[derive(Clone)]
pub(crate) struct Log {
    format: LogFormat,
    host_name: Arc<str>,
}

/// Observes the server and the queue.
pub(crate) enum LogObserver {
    Postfix(PostfixLog<PostfixSink>),
    Json(JsonLog<Clock, fn(&str)>),
}

type PostfixSink = Box<dyn Fn(&LogLine<'_>) + Send + Sync>;
type Clock = fn() -> UnixMillis;

impl Log {
    pub(crate) fn new(format: LogFormat, host_name: &str) -> Self {
        Self { format, host_name: host_name.into() }
    }

    pub(crate) fn observer(&self) -> LogObserver {
        let (host_name, process_id) = (self.host_name.clone(), std::process::id());
        match self.format {
            LogFormat::Postfix => LogObserver::Postfix(PostfixLog::new(Box::new(move |line| {
                let mut text = Vec::with_capacity(LINE_BYTES);
                // Neither can fail: it is memory, and the date has all its parts.
                let _ = OffsetDateTime::now_utc().format_into(&mut text, DATE);
                let line = line.tagged("postfix", process_id);
                let _ = writeln!(text, " {host_name} {line}");
                write_line(&text);
            }))),
            LogFormat::Json => {
                let write: fn(&str) = |line| write_line(&[line.as_bytes(), b"\n"].concat());
                LogObserver::Json(JsonLog::new(UnixMillis::system, write))
            }
        }
    }
}

impl Observer for LogObserver {
    fn on_event(&self, event: &Event<'_>, info: &SessionInfo) {
        match self {
            Self::Postfix(log) => log.on_event(event, info),
            Self::Json(log) => log.on_event(event, info),
        }
    }
}

impl QueueObserver for LogObserver {
    fn on_queue_event(&self, event: &QueueEvent<'_>) {
        match self {
            Self::Postfix(log) => log.on_queue_event(event),
            Self::Json(log) => log.on_queue_event(event),
        }
    }
}

/// The thread that writes the lines.
pub(crate) struct Writer {
    guard: WorkerGuard,
    ended: Receiver<Infallible>,
}

impl Writer {
    /// Ends it once all lines are written, or after [`LAST_LINES_MAX`].
    pub(crate) fn end(self) {
        // The guard itself waits no longer than a second.
        drop(self.guard);
        let _ = self.ended.recv_timeout(LAST_LINES_MAX);
    }
}

/// Starts the log.
pub(crate) fn start() -> Result<Writer, Failure> {
    let directives = std::env::var(VARIABLE).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(directives)
        .map_err(|error| Failure::usage(format!("the variable {VARIABLE} is wrong: {error}")))?;
    let (end, ended) = channel();
    let standard_error = BufWriter::with_capacity(BUFFER_BYTES, io::stderr());
    let (lines, guard) = NonBlockingBuilder::default()
        .lossy(false)
        .buffered_lines_limit(LINES_MAX)
        .thread_name("log")
        .finish(Unhurried { standard_error, _end: end });
    let lines = LINES.get_or_init(|| lines).clone();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(lines)
        .with_ansi(false)
        // It would be written with a macro that panics when standard error is closed.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| Failure::configuration(format!("cannot start the log: {error}")))?;
    Ok(Writer { guard, ended })
}

/// As a whole, so that lines of several threads do not mix.
fn write_line(line: &[u8]) {
    if let Some(lines) = LINES.get() {
        // Nobody is left to tell when it cannot be written.
        let _ = lines.clone().write_all(line);
    }
}

/// Standard error, which after a call that writes rests a while, so that the next one has more to write.
struct Unhurried {
    standard_error: BufWriter<Stderr>,
    /// Dropped with the thread, which says that it has ended.
    _end: Sender<Infallible>,
}

impl Write for Unhurried {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.standard_error.write(octets)
    }

    /// The thread calls this when nothing more waits.
    fn flush(&mut self) -> io::Result<()> {
        let written = self.standard_error.flush();
        thread::sleep(PAUSE);
        written
    }
}
