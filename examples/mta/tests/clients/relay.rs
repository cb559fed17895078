//! What the mail servers that relay to ours have in common.
//!
//! * **In**: a site, a content. **Out**: a directory that every user of the machine can enter; what the relay makes of the content.
//! * **Promises**: the directory is gone with the value. **Limits**: none. **Panics**: if it cannot be made.
//! * **Spec**: RFC 5322 2.1: a header section, then an empty line, then the body.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::site::Site;
use super::with_final_line_ending;

/// The server's certificate in the directory.
pub(super) const CERTIFICATE: &str = "certificate.pem";

/// A relay gives up being root, and must still reach its files.
pub(super) fn directory(site: &Site) -> TempDir {
    let open = Permissions::from_mode(0o755);
    let directory = tempfile::Builder::new().permissions(open).tempdir().expect("a directory");
    fs::copy(site.certificate(), directory.path().join(CERTIFICATE)).expect("a certificate");
    directory
}

/// A relay puts an empty line above a body that has no header section, and ends the last line.
pub(super) fn sends(content: &[u8]) -> Vec<u8> {
    let first_line = content.split(|octet| *octet == b'\n').next().unwrap_or_default();
    let is_body = !first_line.trim_ascii().is_empty() && !first_line.contains(&b':');
    let separator: &[u8] = if is_body { b"\r\n" } else { b"" };
    with_final_line_ending(&[separator, content].concat())
}
