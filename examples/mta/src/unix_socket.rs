//! A socket in the file system.
//!
//! * **In**: a path. **Out**: a bound socket.
//! * **Promises**: a socket that a program left behind is replaced; one that is listened on, and a file of any
//!   other kind, are not touched. Everybody may connect who may enter the directory, as with
//!   Postfix's own: the directory's permissions are the ones to set; [`bind_for_owner`] is for this user alone.
//! * **Limits**: about 100 octets of path, which is the system's. **Panics**: never. **Spec**: unix(7).

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;

use tokio::net::{UnixListener, UnixStream};

/// Binds a socket at `path`.
pub(crate) async fn bind(path: &Path) -> io::Result<UnixListener> {
    /// Connecting is writing; our umask would leave it to ourselves.
    const EVERYBODY: u32 = 0o666;
    bind_with_mode(path, EVERYBODY).await
}

/// Binds a socket at `path` to which only this user connects.
pub(crate) async fn bind_for_owner(path: &Path) -> io::Result<UnixListener> {
    const OWNER_ALONE: u32 = 0o600;
    bind_with_mode(path, OWNER_ALONE).await
}

async fn bind_with_mode(path: &Path, mode: u32) -> io::Result<UnixListener> {
    let socket = match UnixListener::bind(path) {
        Err(error) if error.kind() == ErrorKind::AddrInUse && is_left_behind(path).await => {
            fs::remove_file(path)?;
            UnixListener::bind(path)?
        }
        bound => bound?,
    };
    fs::set_permissions(path, Permissions::from_mode(mode))?;
    Ok(socket)
}

/// Whether it is a socket on which nobody listens any more.
async fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = |error: io::Error| error.kind() == ErrorKind::ConnectionRefused;
    is_socket && UnixStream::connect(path).await.is_err_and(refused)
}
