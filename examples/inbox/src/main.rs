//! `inbox`: a test inbox, a thin program over `smtp-server` with its feature `testing`.
//!
//! * **In**: a command line (`inbox --help`), variables of the environment, mail. **Out**: a page and an HTTP interface;
//!   on standard output `listening smtp ADDR`, `listening http ADDR`, `ready`; on standard error everything else.
//! * **Promises**: no mail leaves but what a user releases, where the command line allows it. Whatever prevents it from
//!   serving costs one line that says what to do, and an exit code of its own: 64 bad option, 66 unreadable file, 69
//!   port taken or inbox not there, 75 directory in use or not writable, 78 options that do not fit together. Asked to
//!   end it exits with 0. `inbox wait` exits with 0 for a message and with 1 for none.
//! * **Limits**: `--max-messages`, `--max-bytes`, `--max-age`. **Panics**: never.
//! * **Spec**: RFC 5321; mailpit's API v1.

// What the user says.
mod failure;
mod options;

// Messages.
mod message;
mod moment;
mod query;
mod receive;
mod store;

// Who looks at them.
mod http;
mod page;
mod sanitize;
mod webhook;

// How it runs.
mod client;
mod serve;
mod signals;
mod tls;
mod waiting;

use std::io::{self, Write};
use std::process::ExitCode;

use failure::Failure;
use options::{Invocation, help};

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match Invocation::parse(arguments, std::env::vars_os()).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(invocation: Invocation) -> Result<(), Failure> {
    let runtime = || {
        tokio::runtime::Runtime::new()
            .map_err(|error| Failure::temporary(format!("cannot start threads: {error}")))
    };
    match invocation {
        Invocation::Help => print(&help::text()),
        Invocation::Version => print(concat!("inbox ", env!("CARGO_PKG_VERSION"), "\n")),
        Invocation::Serve(options) => return runtime()?.block_on(serve::serve(*options)),
        Invocation::Wait(wanted) => print(&runtime()?.block_on(waiting::wait(&wanted))?),
    }
    Ok(())
}

fn print(text: &str) {
    // Nobody is left to tell when it cannot be written.
    let _ = io::stdout().write_all(text.as_bytes());
}
