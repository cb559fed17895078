//! Where things lie: this package, the main workspace, and what is installed for the peers.
//!
//! * **In**: the path of this binary. **Out**: [`Places`], with its directories made.
//! * **Promises**: everything that is written lies below `peers/` in the target directory.
//! * **Limits**: none. **Panics**: never. **Spec**: Cargo's layout `target/PROFILE/BINARY`.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// The directories of a run.
#[derive(Debug)]
pub(crate) struct Places {
    /// The main workspace, where our server is built.
    pub(crate) main: PathBuf,
    /// This package.
    pub(crate) package: PathBuf,
    /// Installed peers.
    pub(crate) peers: PathBuf,
    logs: PathBuf,
}

/// Why a directory is missing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlacesError {
    /// This binary does not lie where Cargo puts one.
    #[error("{0} is not in a target directory")]
    Layout(PathBuf),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Places {
    /// Finds them from this binary and makes what is missing.
    ///
    /// # Errors
    /// [`PlacesError`] if the binary was moved, or a directory cannot be made.
    pub(crate) fn find() -> Result<Self, PlacesError> {
        let binary = env::current_exe()?;
        let target = binary.ancestors().nth(2);
        let target = target.ok_or_else(|| PlacesError::Layout(binary.clone()))?;
        let package = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let main = package.ancestors().nth(2).unwrap_or(&package).to_owned();
        let peers = target.join("peers");
        let logs = peers.join("logs");
        fs::create_dir_all(&logs)?;
        Ok(Self { main, package, peers, logs })
    }

    /// The file that takes what `name` says on standard error.
    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(name).with_extension("log")
    }

    /// A source file of a peer that is not written in Rust.
    pub(crate) fn script(&self, name: impl AsRef<Path>) -> PathBuf {
        self.package.join("peers").join(name)
    }
}
