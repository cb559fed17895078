//! `mta`: a minimal mail transfer agent, a thin program over `smtp-server`.
//!
//! * **In**: a command line (`mta --help`), mail. **Out**: Maildirs; on standard output one line
//!   `listening SERVICE ADDR` per listener, `ready`, a hint; on standard error everything else.
//! * **Promises**: whatever prevents it from serving costs exactly one line that says what to do, and an exit
//!   code of its own: 64 unknown option or name or bad value, 66 unreadable file, 69 port or socket taken
//!   or not permitted, 75 data directory in use, not writable or disk full, 78 options that do not fit together.
//!   Asked to end it exits with 0.
//! * **Limits**: those of `smtp-server`, set with Postfix's names. **Panics**: never.
//! * **Spec**: RFC 5321, 6409, 8314, 2033; Postfix postconf(5).

// What the user says.
mod failure;
mod options;
mod settings;

// What the server is made of.
mod access;
mod accounts;
mod authentication;
mod client_certificates;
mod data_directory;
mod delivery;
mod explain;
mod listeners;
mod message_checks;
mod outbound;
mod passwd;
mod queue;
mod recipients;
mod sender_logins;
mod signing;
mod text_table;
mod tls;
mod unix_socket;

// How it runs.
mod control;
mod hint;
mod log;
mod metrics;
mod reload;
mod serve;
mod signals;

use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use smtp_server::ShutdownReport;

use failure::{Failure, say};
use options::{Invocation, Options, help};
use serve::End;
use settings::Settings;

fn main() -> ExitCode {
    // Mail, keys and passwords are for this user alone, whatever the shell's mask.
    umask(Mode::RWXG | Mode::RWXO);
    match Invocation::parse(std::env::args_os().skip(1)).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

fn run(invocation: Invocation) -> Result<(), Failure> {
    match invocation {
        Invocation::Help => print(&help::text()),
        Invocation::Version => print(concat!("mta ", env!("CARGO_PKG_VERSION"), "\n")),
        Invocation::ChangePassword { file, user, kind } => {
            return passwd::change(&file, &user, kind, io::stdin().lock());
        }
        Invocation::Queue(asked) => return control::run(*asked),
        Invocation::Explain { options, facts } => {
            let (settings, _) = Settings::load(*options)?;
            print(&explain::explain(settings, *facts)?);
        }
        Invocation::Serve(options) => return serve(*options),
    }
    Ok(())
}

fn serve(options: Options) -> Result<(), Failure> {
    /// For writing to disk that outlived its connection.
    const LAST_WRITES_MAX: Duration = Duration::from_secs(5);
    let (settings, queue) = Settings::load(options)?;
    let log = log::start()?;
    raise_open_files();
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::temporary(format!("cannot start threads: {error}")))?;
    let end = runtime.block_on(serve::serve(settings, queue))?;
    match end {
        End::InPhases(ShutdownReport { finished, cut }) => {
            runtime.shutdown_timeout(LAST_WRITES_MAX);
            log.end();
            say(&format!(
                "ended: {finished} open connections finished, {cut} were cut at the deadline"
            ));
        }
        End::AtOnce => {
            runtime.shutdown_background();
            log.end();
            say("ended at once, as a second signal asked");
        }
    }
    Ok(())
}

/// Each connection is an open file, and the usual limit of 1024 is there for programs that use select(2).
fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // What is not granted shows as connections that wait.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

fn print(text: &str) {
    // Nobody is left to tell when it cannot be written.
    let _ = io::stdout().write_all(text.as_bytes());
}
