//! The log.
//!
//! * **In**: `tracing` records. **Out**: lines on standard error.
//! * **Promises**: the program goes on when nobody reads them. **Limits**: `RUST_LOG`, else `info`.
//! * **Panics**: never. **Spec**: the directives of tracing-subscriber's `EnvFilter`.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

const VARIABLE: &str = "RUST_LOG";

/// Starts it.
pub(crate) fn start() -> Result<(), Failure> {
    let directives = std::env::var(VARIABLE).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(directives)
        .map_err(|error| Failure::usage(format!("the variable {VARIABLE} is wrong: {error}")))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(false)
        // It would be written with a macro that panics when standard error is closed.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| Failure::configuration(format!("cannot start the log: {error}")))
}
