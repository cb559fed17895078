//! Servers in Python and JavaScript, installed below the target directory.
//!
//! * **In**: version pins in `peers/`. **Out**: a [`Launch`] of an interpreter on a script.
//! * **Promises**: nothing outside the target directory changes; what is installed already, with
//!   the same pins, is used again without asking a registry.
//! * **Limits**: [`INSTALL_LIMIT`] per step. **Panics**: never.
//! * **Spec**: Python `venv`, pip `-r`, npm `install --prefix`.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Address, Launch, PrepareError};
use crate::places::Places;
use crate::process::Errand;
use crate::progress;

const INSTALL_LIMIT: Duration = Duration::from_secs(10 * 60);

/// `aiosmtpd` with uvloop, in a virtual environment.
///
/// # Errors
/// [`PrepareError`] without Python or its packages.
pub(crate) fn aiosmtpd(places: &Places) -> Result<Launch, PrepareError> {
    let directory = places.peers.join("venv");
    let pins = places.script("requirements.txt");
    once(&directory, &pins, || {
        progress("installing aiosmtpd and uvloop into a virtual environment");
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv"]).arg(&directory);
        errand(places, "python3 -m venv", venv).run()?;
        let mut pip = Command::new(directory.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "-r"]).arg(&pins);
        errand(places, "pip install", pip).run()?;
        Ok(())
    })?;
    let script = places.script("aiosmtpd_sink.py");
    Ok(launch(directory.join("bin/python"), script, Vec::new()))
}

/// npm's `smtp-server`.
///
/// # Errors
/// [`PrepareError`] without Node.js or the package.
pub(crate) fn smtp_server(places: &Places) -> Result<Launch, PrepareError> {
    let directory = places.peers.join("node");
    let pins = places.script("package.json");
    once(&directory, &pins, || {
        progress("installing smtp-server with npm");
        let unwritable = |source| PrepareError::Io { what: "the directory for npm", source };
        fs::create_dir_all(&directory).map_err(unwritable)?;
        fs::copy(&pins, directory.join("package.json")).map_err(unwritable)?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix"]);
        npm.arg(&directory);
        errand(places, "npm install", npm).run()?;
        Ok(())
    })?;
    let modules = directory.join("node_modules").into_os_string();
    let script = places.script("smtp_server_sink.cjs");
    Ok(launch(PathBuf::from("node"), script, vec![("NODE_PATH", modules)]))
}

/// Runs `install` unless it ran to its end before with the same pins.
fn once(
    directory: &Path,
    pins: &Path,
    install: impl FnOnce() -> Result<(), PrepareError>,
) -> Result<(), PrepareError> {
    let wanted = fs::read(pins)
        .map_err(|source| PrepareError::Io { what: "the version pins of a peer", source })?;
    let stamp = directory.join("installed-pins");
    if fs::read(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(stamp, wanted)
        .map_err(|source| PrepareError::Io { what: "the record of an installation", source })
}

fn launch(program: PathBuf, script: PathBuf, environment: Vec<(&'static str, OsString)>) -> Launch {
    let arguments = vec![script.into_os_string()];
    Launch { program, arguments, environment, address: Address::Printed }
}

fn errand(places: &Places, name: &'static str, command: Command) -> Errand {
    Errand { name, command, log: places.log("install"), limit: INSTALL_LIMIT }
}
