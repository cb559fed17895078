//! `mta passwd FILE USER`: a password in, a line in the file.
//!
//! * **In**: one line with the password, the file. **Out**: the file with the user's line replaced or added.
//! * **Promises**: the file is old or new at every moment, also after power loss; only its owner can read it;
//!   what else stands in it stays; of two changes at once none is lost.
//! * **Limits**: a password has 1 to 1024 octets. **Panics**: never.
//! * **Spec**: argon2id with the parameters of the `argon2` crate (OWASP's first choice: 19 MiB, 2 passes).

use std::fs::{self, File};
use std::io::{self, BufRead, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use argon2::Argon2;
use argon2::password_hash::rand_core::OsRng;
use argon2::password_hash::{PasswordHasher, SaltString};
use rustix::fs::{FlockOperation, flock};
use zeroize::Zeroizing;

use super::format;
use crate::failure::Failure;

/// Longer than what anybody types, shorter than what PLAIN can carry.
const PASSWORD_BYTES_MAX: usize = 1024;

/// Reads a password from `input` and stores its hash.
pub(crate) fn change(file: &Path, user: &str, input: impl BufRead) -> Result<(), Failure> {
    format::check_user(user).map_err(Failure::usage)?;
    let password = read_password(input)?;
    let failed = |error: &io::Error| {
        Failure::temporary(format!("cannot write the passwords in {}: {error}", file.display()))
    };
    let hash = hash(&password)?;
    // A symbolic link stays one.
    let file = fs::canonicalize(file).unwrap_or_else(|_| file.to_owned());
    let directory = directory_of(&file);
    let lock = File::open(&directory).map_err(|error| failed(&error))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(|error| failed(&error.into()))?;
    let old = read_file(&file)?;
    let new = with_line(&file, old.as_deref().unwrap_or_default(), user, &hash)?;
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

fn hash(password: &str) -> Result<String, Failure> {
    let salt = SaltString::generate(&mut OsRng);
    Argon2::default()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|error| Failure::temporary(format!("cannot hash the password: {error}")))
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
        Err(error) => {
            let path = file.display();
            Err(Failure::unreadable(format!("cannot read the passwords in {path}: {error}")))
        }
    }
}

/// `text` with the user's line replaced, or added at the end.
fn with_line(file: &Path, text: &str, user: &str, hash: &str) -> Result<String, Failure> {
    let entries = format::entries(file, text)?;
    let replaced = entries.iter().find(|entry| entry.user == user).map(|entry| entry.line);
    let new = format!("{user}:{hash}");
    let mut lines: Vec<&str> = text.lines().collect();
    match replaced {
        Some(line) => lines[line] = &new,
        None => lines.push(&new),
    }
    Ok(lines.join("\n") + "\n")
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
    use super::super::format::tests::HASH;
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
    fn a_line_is_replaced_or_added() {
        let kim = format!("kim:{HASH}");
        let lee = format!("lee:{HASH}");
        for (text, user, expected) in [
            (String::new(), "kim", "kim:NEW\n".to_owned()),
            (format!("# c\n{kim}\n\n{lee}\n"), "kim", format!("# c\nkim:NEW\n\n{lee}\n")),
            (format!("{kim}\n{lee}"), "lee", format!("{kim}\nlee:NEW\n")),
            (kim.clone(), "ki", format!("{kim}\nki:NEW\n")),
        ] {
            let new = with_line(Path::new("users"), &text, user, "NEW").unwrap();
            assert_eq!(new, expected, "{text:?} {user}");
        }
        let bad = with_line(Path::new("users"), "kim:x\n", "lee", "NEW").expect_err("a bad line");
        assert!(bad.to_string().starts_with("users:1: "), "{bad}");
    }

    #[test]
    fn what_was_hashed_is_right_and_different_each_time() {
        let (first, second) = (hash("secret").unwrap(), hash("secret").unwrap());
        assert_ne!(first, second);
        for text in [first, second] {
            let line = format!("kim:{text}");
            assert_eq!(format::entries(Path::new("users"), &line).unwrap().len(), 1);
        }
    }
}
