//! Compares SMTP sinks: the same load, in turn, against each of them; or measures what the project promises.
//!
//! * **In**: command-line options, servers found or built by [`peers`], Postfix's `smtp-source`.
//!   **Out**: a table on standard output, progress on standard error.
//! * **Promises**: a server that does not run is named with its reason; every process started here
//!   is ended here, by its own pid; no traffic leaves the loopback interface.
//! * **Limits**: every wait has one, see [`process`] and [`load`]. **Panics**: never.
//!   **Spec**: README.md beside this package.

// In reading order: what is asked, what is compared, how it is driven, what is counted.
mod crowd;
mod figures;
mod idle;
mod live;
mod load;
mod measure;
mod options;
mod peers;
mod places;
mod process;
mod report;
mod rounds;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use idle::Sessions;
use load::Load;
use options::{Options, Request};
use peers::Prepared;
use peers::postfix::Tools;
use places::Places;
use process::Wrapping;
use report::Report;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("smtp-compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why there is no table at all. Trouble with one peer is not here: it becomes a line of the report.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Options(#[from] options::OptionsError),
    #[error("no directory for the peers: {0}")]
    Places(#[from] places::PlacesError),
    #[error("no load generator: {0}")]
    Tools(#[from] peers::PrepareError),
    #[error("cannot raise the limit of open files: {0}")]
    OpenFiles(#[from] crowd::OpenFilesError),
    #[error("cannot print: {0}")]
    Print(#[from] io::Error),
}

fn run() -> Result<(), RunError> {
    let options = match Options::from_arguments()? {
        Request::Run(options) => options,
        Request::Help => return Ok(io::stdout().write_all(options::USAGE.as_bytes())?),
    };
    let places = Places::find()?;
    crowd::allow_open_files(options.idle)?;
    let tools = Tools::find_or_fetch(&places)?;
    let wrapping = Wrapping::find(options.pin);
    let mut stdout = io::stdout().lock();
    if !options.figures.is_empty() {
        return Ok(figures::run(&places, &tools, &options, wrapping, &mut stdout)?);
    }
    let prepared: Vec<Prepared> =
        options.peers.iter().map(|&peer| Prepared::new(peer, &places, &tools, &options)).collect();

    let load = Load::new(&tools, &places, &options, wrapping);
    let machine = report::Machine::describe();
    let series = if options.rounds == 0 {
        Vec::new()
    } else {
        rounds::run(&prepared, &load, &places, &options, wrapping)
    };
    let held = if options.idle == 0 {
        Vec::new()
    } else {
        let sessions = Sessions { count: options.idle, tls: None };
        idle::run(&prepared, &places, sessions, wrapping)
    };
    let report = Report { machine: &machine, options: &options, series: &series, held: &held };
    report.write(&mut stdout)?;
    Ok(())
}

/// Says what is going on, on standard error: a full run takes minutes.
fn progress(what: impl Display) {
    eprintln!("{what}");
}
