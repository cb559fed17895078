//! Postfix's `smtp-source`, which is the load, and `smtp-sink`, which is a peer or the next hop.
//!
//! * **In**: the machine's installation, or else Debian's package. **Out**: [`Tools`].
//! * **Promises**: nothing is installed or configured and no mail service starts: a downloaded
//!   package is only unpacked below the target directory.
//! * **Limits**: [`FETCH_LIMIT`] per step. **Panics**: never.
//! * **Spec**: smtp-source(1), smtp-sink(1), apt-get(8) `download`, dpkg-deb(1) `-x`.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Address, Launch, PrepareError, free_address};
use crate::options::Options;
use crate::places::Places;
use crate::process::Errand;
use crate::progress;

const FETCH_LIMIT: Duration = Duration::from_secs(5 * 60);

/// Pending connections `smtp-sink` lets the kernel hold, as tokio does.
const BACKLOG: &str = "1024";

/// Where the two programs are.
#[derive(Debug)]
pub(crate) struct Tools {
    directory: PathBuf,
    /// Set when they were unpacked: their shared libraries lie beside them.
    libraries: Option<PathBuf>,
}

impl Tools {
    /// Finds them on `PATH` or in the `sbin` directories, else unpacks Debian's package.
    ///
    /// # Errors
    /// [`PrepareError`] if they are not installed and cannot be fetched.
    pub(crate) fn find_or_fetch(places: &Places) -> Result<Self, PrepareError> {
        if let Some(directory) = installed() {
            return Ok(Self { directory, libraries: None });
        }
        let root = places.peers.join("postfix");
        let tools = Self {
            directory: root.join("usr/sbin"),
            libraries: Some(root.join("usr/lib/postfix")),
        };
        if !tools.smtp_source_path().is_file() {
            fetch(places, &root)?;
        }
        let source = tools.smtp_source_path();
        if source.is_file() { Ok(tools) } else { Err(PrepareError::Missing(source)) }
    }

    /// The load generator, without arguments.
    pub(crate) fn smtp_source(&self) -> (PathBuf, Option<(&'static str, OsString)>) {
        (self.smtp_source_path(), self.environment())
    }

    /// The sink, on a port of its own.
    ///
    /// # Errors
    /// [`PrepareError`] if it is not there or no port is free.
    pub(crate) fn smtp_sink(&self, options: &Options) -> Result<Launch, PrepareError> {
        let program = self.directory.join("smtp-sink");
        if !program.is_file() {
            return Err(PrepareError::Missing(program));
        }
        let address = free_address()
            .map_err(|source| PrepareError::Io { what: "a free port for smtp-sink", source })?;
        // It serves 256 clients unless told otherwise.
        let clients = options.sessions.max(options.idle).saturating_add(16);
        let mut arguments: Vec<OsString> = vec!["-m".into(), clients.to_string().into()];
        if rustix::process::geteuid().is_root() {
            // As root it wants a user to change to. A real change would clear the signal that ends
            // it with its parent, and the other servers run as whoever runs the benchmark, too.
            arguments.extend(["-u".into(), "root".into()]);
        }
        arguments.extend([address.to_string().into(), BACKLOG.into()]);
        let environment = self.environment().into_iter().collect();
        Ok(Launch { program, arguments, environment, address: Address::Told(address) })
    }

    /// What the paths of Debian's package are relative to.
    pub(super) fn root(&self) -> PathBuf {
        self.directory.ancestors().nth(2).unwrap_or(&self.directory).to_owned()
    }

    fn smtp_source_path(&self) -> PathBuf {
        self.directory.join("smtp-source")
    }

    /// What its programs need to find their libraries.
    pub(super) fn environment(&self) -> Option<(&'static str, OsString)> {
        self.libraries.as_ref().map(|path| ("LD_LIBRARY_PATH", path.clone().into_os_string()))
    }
}

fn installed() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .find(|directory| directory.join("smtp-source").is_file())
}

fn fetch(places: &Places, root: &Path) -> Result<(), PrepareError> {
    progress("fetching Debian's package of Postfix (only unpacked, not installed)");
    let unreadable = |source| PrepareError::Io { what: "the downloaded package", source };
    let downloads = places.peers.join("downloads");
    fs::create_dir_all(&downloads).map_err(unreadable)?;
    let mut tried = download(places, &downloads);
    if tried.is_err() {
        // Without package lists apt knows no packages; a machine that just booted has none.
        let mut update = Command::new("apt-get");
        update.args(["--quiet", "update"]);
        errand(places, "apt-get update", update).run()?;
        tried = download(places, &downloads);
    }
    tried?;
    let package = fs::read_dir(&downloads)
        .map_err(unreadable)?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| PrepareError::Missing(downloads.join("postfix.deb")))?;
    let mut unpack = Command::new("dpkg");
    unpack.arg("-x").arg(package).arg(root);
    errand(places, "dpkg -x", unpack).run()?;
    Ok(())
}

fn download(places: &Places, downloads: &Path) -> Result<(), PrepareError> {
    let mut command = Command::new("apt-get");
    command.current_dir(downloads).args(["--quiet", "download", "postfix"]);
    errand(places, "apt-get download postfix", command).run()?;
    Ok(())
}

fn errand(places: &Places, name: &'static str, command: Command) -> Errand {
    Errand { name, command, log: places.log("postfix"), limit: FETCH_LIMIT }
}
