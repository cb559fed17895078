//! Servers that insist on places and users of their own, in a root directory of theirs.
//!
//! * **In**: unpacked packages. **Out**: a directory that chroot(1) can enter, with the libraries that their programs need.
//! * **Promises**: nothing outside it is touched. **Limits**: for root only, as chroot(2) is. **Panics**: without root, and if a
//!   library is missing. **Spec**: chroot(1), ldd(1).

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::getuid;
use tempfile::TempDir;

use super::open_directory;
use crate::clients::{text, tool};

/// Whose the mail is, beside root the only one who owns files there.
pub(super) const MAIL: u32 = 3;

pub(super) struct RootDirectory {
    directory: TempDir,
    /// Where the packages keep libraries of their own.
    libraries: &'static [&'static str],
}

impl RootDirectory {
    /// `programs` are paths in it, or outside of it if they have to come along; `users` have lines of passwd(5), beside root
    /// and `vmail`, whose mail is below `/mail`.
    pub(super) fn new(
        packages: &[&str],
        libraries: &'static [&'static str],
        programs: &[&str],
        users: &[&str],
    ) -> Self {
        assert!(getuid().is_root(), "chroot(2) is for root only");
        let root = Self { directory: open_directory(), libraries };
        for package in packages {
            let mut from = tool::peer(package).into_os_string();
            from.push("/.");
            let copied = Command::new("cp").arg("-a").arg(from).arg(root.directory.path()).status();
            assert!(copied.is_ok_and(|status| status.success()), "cp {package}");
        }
        for directory in ["bin", "dev", "etc", "mail", "run", "tmp", "var"] {
            fs::create_dir_all(root.at(directory)).expect("a directory");
        }
        // It swallows what is written to it, which is all that these servers want of it.
        fs::write(root.at("dev/null"), b"").expect("a file");
        fs::set_permissions(root.at("dev/null"), Permissions::from_mode(0o666)).expect("a mode");
        chown(root.at("mail"), Some(MAIL), Some(MAIL)).expect("a new owner");
        let known = ["root:x:0:0::/:/bin/sh", &format!("vmail:x:{MAIL}:{MAIL}::/mail:/bin/sh")];
        let mut lines: Vec<&str> = known.into();
        lines.extend(users);
        root.write("etc/passwd", &(lines.join("\n") + "\n"));
        let group = |line: &&str| {
            let mut fields = line.split(':');
            let (name, id) = (fields.next().expect("a name"), fields.nth(2).expect("a group"));
            format!("{name}:x:{id}:\n")
        };
        root.write("etc/group", &lines.iter().map(group).collect::<String>());
        programs.iter().for_each(|program| root.add_program(program));
        root
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(super) fn write(&self, name: &str, content: &str) {
        fs::write(self.at(name), content).expect("a file");
    }

    /// A command that runs the program at a path in it.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = tool::at(Path::new("chroot"));
        command.arg(self.directory.path()).arg(program);
        command.env("LD_LIBRARY_PATH", self.libraries.join(":"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn add_program(&self, program: &str) {
        let inside = self.at(program.trim_start_matches('/'));
        if !inside.exists() {
            fs::copy(program, &inside).expect("a program");
        }
        let mut ldd = Command::new("ldd");
        let libraries = self.libraries.iter().map(|place| self.at(place.trim_start_matches('/')));
        let libraries = std::env::join_paths(libraries).expect("no colon in it");
        ldd.env("LD_LIBRARY_PATH", libraries).arg(&inside);
        let listed = ldd.output().expect("ldd runs").stdout;
        let listed = String::from_utf8(listed).expect("names of libraries");
        assert!(!listed.contains("not found"), "{program}:\n{listed}");
        for library in listed.split_whitespace().filter(|word| word.starts_with('/')) {
            if library.starts_with(text(self.directory.path())) {
                continue;
            }
            let to = self.at(library.trim_start_matches('/'));
            fs::create_dir_all(to.parent().expect("a file is somewhere")).expect("a directory");
            fs::copy(library, to).expect("a library");
        }
    }
}
