//! Who may log in: the file of passwords, and `mta passwd FILE USER`, which changes it.
//!
//! * **In**: one line with the password, the file. **Out**: the users; the file with the user's line replaced or added.
//! * **Promises**: the file is old or new at every moment, also after power loss; only its owner can read it;
//!   what else stands in it stays; of two changes at once none is lost. A password is never stored, printed or
//!   logged. **Limits**: a password has 1 to 1024 octets. **Panics**: never.
//! * **Spec**: the format is that of the library's `PasswordFile`.

use std::fs::{self, File};
use std::io::{self, BufRead, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use smtp_server::sasl::{HashKind, PasswordFile, PasswordFileError};
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Longer than what anybody types, shorter than what PLAIN can carry.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Reads the file of those who may log in.
pub(crate) fn load(file: &Path) -> Result<PasswordFile, Failure> {
    let text = fs::read_to_string(file).map_err(|error| unreadable(file, &error))?;
    text.parse().map_err(|error| unusable(file, &error))
}

/// Reads a password from `input` and stores its hash.
pub(crate) fn change(
    file: &Path,
    user: &str,
    kind: HashKind,
    input: impl BufRead,
) -> Result<(), Failure> {
    let password = read_password(input)?;
    let failed = |error: &io::Error| {
        Failure::temporary(format!("cannot write the passwords in {}: {error}", file.display()))
    };
    // A symbolic link stays one.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let directory = directory_of(&file);
    let lock = File::open(&directory).map_err(|error| failed(&error))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(&error.into()))?;
    let old = read_file(&file)?;
    let new =
        PasswordFile::with_password(old.as_deref().unwrap_or_default(), user, &password, kind)
            .map_err(|error| unusable(&file, &error))?;
    replace(&file, &directory, &new).map_err(|error| failed(&error))
}

/// The first line, without its end.
fn read_password(input: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    // Room for one octet too many and for the line's end, so that nothing is moved about in memory.
    let mut line = Zeroizing::new(Vec::with_capacity(PASSWORD_BYTES_MAX + 2));
    let mut input = input.take(PASSWORD_BYTES_MAX as u64 + 2);
    input
        .read_until(b'\n', &mut line)
        .map_err(|error| Failure::unreadable(format!("cannot read the password: {error}")))?;
    let password = line.strip_suffix(b"\n").unwrap_or(&line);
    let password = password.strip_suffix(b"\r").unwrap_or(password);
    if password.is_empty() {
        return Err(Failure::usage("the password is empty: write one to standard input"));
    }
    if PASSWORD_BYTES_MAX < password.len() {
        let limit = format!("the password is longer than {PASSWORD_BYTES_MAX} octets");
        return Err(Failure::usage(limit));
    }
    match std::str::from_utf8(password) {
        Ok(text) if !text.contains('\0') => Ok(Zeroizing::new(text.to_owned())),
        _ => Err(Failure::usage(
            "the password is not UTF-8 or has a NUL, so that no client could send it",
        )),
    }
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// `None` if there is no such file yet.
fn read_file(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(file, &error)),
    }
}

fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::unreadable(format!("cannot read the passwords in {}: {error}", file.display()))
}

fn unusable(file: &Path, error: &PasswordFileError) -> Failure {
    match error {
        PasswordFileError::Line { line, wrong } => Failure::unreadable(format!(
            "{}:{line}: {wrong}: mta passwd FILE USER writes such lines",
            file.display()
        )),
        PasswordFileError::Hashing => Failure::temporary(error.to_string()),
        other => Failure::usage(other.to_string()),
    }
}

/// Writes a new file beside the old one and puts it in its place.
fn replace(file: &Path, directory: &Path, text: &str) -> io::Result<()> {
    let name = file.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let partial = directory.join(format!(".{name}.partial"));
    // We hold the lock, so this is what a crash left behind.
    let _ = fs::remove_file(&partial);
    let written = write(&partial, file, text).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        // What remains of it is no use to anybody.
        let _ = fs::remove_file(&partial);
    }
    written?;
    File::open(directory)?.sync_all()
}

fn write(partial: &Path, file: &Path, text: &str) -> io::Result<()> {
    const OWNER_ALONE: u32 = 0o600;
    let mut new = File::options().write(true).create_new(true).mode(OWNER_ALONE).open(partial)?;
    // Root may do this for the user as whom the server runs, who must be able to read it afterwards.
    if let Ok(old) = fs::metadata(file) {
        let owner = new.metadata()?;
        if (old.uid(), old.gid()) != (owner.uid(), owner.gid()) {
            fchown(&new, Some(old.uid()), Some(old.gid()))?;
        }
    }
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_is_read() {
        for (input, expected) in [
            ("secret", Ok("secret")),
            ("secret\n", Ok("secret")),
            ("secret\r\nmore\n", Ok("secret")),
            (" a b \n", Ok(" a b ")),
            ("пароль\n", Ok("пароль")),
            ("", Err("empty")),
            ("\n", Err("empty")),
            ("\r\nsecret\n", Err("empty")),
            ("a\0b\n", Err("NUL")),
        ] {
            check(input.as_bytes(), expected);
        }
        check(b"\xff\n", Err("UTF-8"));
        let longest = "x".repeat(PASSWORD_BYTES_MAX);
        check(format!("{longest}\r\n").as_bytes(), Ok(&longest));
        check(format!("{longest}x\n").as_bytes(), Err("longer"));
        check(format!("{longest}{longest}").as_bytes(), Err("longer"));
    }

    fn check(input: &[u8], expected: Result<&str, &str>) {
        match (read_password(input), expected) {
            (Ok(password), Ok(expected)) => assert_eq!(*password, expected),
            (Err(failure), Err(part)) => {
                let message = failure.to_string();
                assert!(message.contains(part) && message.ends_with("(64)"), "{message}");
            }
            (Ok(_), Err(part)) => panic!("accepted, and not refused as {part}"),
            (Err(failure), Ok(_)) => panic!("{failure}"),
        }
    }

    #[test]
    fn what_is_wrong_with_a_file_is_told_with_its_place() {
        let message = load(Path::new("/missing/users")).unwrap_err().to_string();
        assert!(message.contains("/missing/users") && message.ends_with("(66)"), "{message}");
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "#\nkim:secret\n").unwrap();
        for failure in [
            load(file.path()).unwrap_err(),
            change(file.path(), "lee", HashKind::ScramSha256, &b"x"[..]).unwrap_err(),
        ] {
            let message = failure.to_string();
            let place = format!("{}:2: ", file.path().display());
            assert!(message.starts_with(&place) && message.ends_with("(66)"), "{message}");
            assert!(message.contains("mta passwd") && !message.contains("secret"), "{message}");
        }
    }
}
