//! Servers that Cargo builds: ours (sink, tls-sink, mta), the floors, `mailin-embedded`.
//!
//! * **In**: a target's name. **Out**: the path of its release binary.
//! * **Promises**: the path is the one Cargo reports, so a moved target directory is no matter.
//! * **Limits**: [`BUILD_LIMIT`] per build. **Panics**: never.
//! * **Spec**: `cargo build --message-format=json` ("executable" of a compiler-artifact message).

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use super::{Address, Launch, Peer, PrepareError};
use crate::places::Places;
use crate::process::Errand;

/// A first build compiles C code of a TLS library, on whatever machine this is.
const BUILD_LIMIT: Duration = Duration::from_secs(30 * 60);

/// Our sink: `given`, or `examples/sink` as this package builds it.
///
/// # Errors
/// [`PrepareError`] if there is no such file, or it does not build.
pub(crate) fn sink(places: &Places, given: Option<&Path>) -> Result<PathBuf, PrepareError> {
    match given {
        // Absolute, or a bare name would be looked up on `PATH`.
        Some(path) => path.canonicalize().map_err(|_| PrepareError::Missing(path.to_owned())),
        None => own(places, "sink"),
    }
}

/// Our mail transfer agent for local mail: no limit of size, and its data in [`mta_data`].
///
/// # Errors
/// [`PrepareError`] if it does not build.
pub(crate) fn mta_for_maildirs(places: &Places) -> Result<Launch, PrepareError> {
    let parameters = ["mydestination=sink.example", "message_size_limit=0"];
    mta(places, &mta_data(places, Peer::Mta), &parameters.map(str::to_owned))
}

/// Our mail transfer agent with mail of this machine for other hosts.
///
/// # Errors
/// [`PrepareError`] if it does not build.
pub(crate) fn mta_for_relaying(
    places: &Places,
    data: &Path,
    parameters: &[String],
) -> Result<Launch, PrepareError> {
    let common = ["mydestination=mta.example", "mynetworks=127.0.0.0/8"].map(str::to_owned);
    mta(places, data, &[&common, parameters].concat())
}

/// Where `peer`, one of the two, keeps its mail; to be cleared before every measurement.
pub(crate) fn mta_data(places: &Places, peer: Peer) -> PathBuf {
    places.peers.join(format!("{}-data", peer.name()))
}

fn mta(places: &Places, data: &Path, parameters: &[String]) -> Result<Launch, PrepareError> {
    let program = build(places, &places.main, "mta")?;
    let words = ["--smtp", "127.0.0.1:0", "--submission", "off", "--submissions", "off", "--data"];
    let mut arguments: Vec<OsString> = words.map(OsString::from).to_vec();
    arguments.push(data.into());
    arguments.extend(parameters.iter().flat_map(|one| ["-o".into(), one.into()]));
    Ok(Launch { program, arguments, environment: Vec::new(), address: Address::Printed })
}

/// A binary of this package, which `cargo run` alone would not build.
///
/// # Errors
/// [`PrepareError`] if it does not build.
pub(crate) fn own(places: &Places, name: &'static str) -> Result<PathBuf, PrepareError> {
    build(places, &places.package, name)
}

fn build(places: &Places, workspace: &Path, name: &'static str) -> Result<PathBuf, PrepareError> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(workspace).args(["build", "--release", "--bin", name]);
    command.arg("--message-format=json-render-diagnostics");
    let log = places.log(&format!("build-{name}"));
    let finished = Errand { name: "cargo build", command, log, limit: BUILD_LIMIT }.run()?;
    let messages = fs::read_to_string(finished.output)
        .map_err(|source| PrepareError::Io { what: "the messages of cargo", source })?;
    messages
        .lines()
        .rev()
        .find_map(executable)
        .filter(|path| path.file_name().is_some_and(|file| file == name))
        .ok_or(PrepareError::NoExecutable(name))
}

/// The path in a line like `{"reason":"compiler-artifact",...,"executable":"/t/release/floor",...}`.
/// A path with a backslash or a quote would be escaped, and is not found.
fn executable(message: &str) -> Option<PathBuf> {
    let (_, rest) = message.split_once("\"executable\":\"")?;
    let (path, _) = rest.split_once('"')?;
    (!path.contains('\\')).then(|| PathBuf::from(path))
}

#[cfg(test)]
mod tests {
    use super::executable;
    use std::path::Path;

    #[test]
    fn executable_is_read_from_the_message() {
        let message = r#"{"reason":"compiler-artifact","executable":"/t/floor","fresh":true}"#;
        assert_eq!(executable(message).as_deref(), Some(Path::new("/t/floor")));
        assert_eq!(executable(r#"{"reason":"x","executable":null}"#), None);
    }
}
