//! Running a client program.
//!
//! * **In**: a program's name and arguments, or a letter. **Out**: its exit code and what it said.
//! * **Promises**: a program that is not there is a failure with a clear line; one that hangs is ended.
//! * **Limits**: [`SECONDS_MAX`] per process. **Panics**: if the program is missing or cannot be run.
//! * **Spec**: timeout(1) of coreutils.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use super::site::{PASSWORD, Site, USER};
use super::{Way, text};

/// A program is ended after this time: a client that hangs, or the server of a test that was killed. The slowest of the
/// clients sends 20 MB in a few seconds, but a server lasts for its whole test.
pub(crate) const SECONDS_MAX: u32 = 600;

/// Characters of a transcript that a panic shows.
const SHOWN: usize = 6000;

/// What a client process left.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    /// Standard output, then standard error.
    pub(crate) said: String,
}

impl Outcome {
    /// Panics with the transcript unless the client ended with `code`.
    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "the client ended so:\n{}", self.transcript());
        self
    }

    /// Panics with the transcript unless `needle` is in it.
    #[track_caller]
    pub(crate) fn expect_said(self, needle: &str) -> Self {
        assert!(self.said.contains(needle), "{needle:?} is not in:\n{}", self.transcript());
        self
    }

    /// Panics with the transcript if `needle` is in it.
    #[track_caller]
    pub(crate) fn expect_unsaid(self, needle: &str) -> Self {
        assert!(!self.said.contains(needle), "{needle:?} is in:\n{}", self.transcript());
        self
    }

    fn transcript(&self) -> String {
        let skipped = self.said.chars().count().saturating_sub(SHOWN);
        self.said.chars().skip(skipped).collect()
    }
}

/// A command that runs the installed program `name`.
#[track_caller]
pub(crate) fn installed(name: &str) -> Command {
    let path = env::var_os("PATH").unwrap_or_default();
    match env::split_paths(&path).map(|directory| directory.join(name)).find(|file| file.is_file())
    {
        Some(program) => at(&program),
        None => panic!("{name} is not installed: run scripts/test"),
    }
}

/// A command that runs the program at a path.
pub(crate) fn at(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(SECONDS_MAX.to_string()).arg(program);
    // The user's own settings are no part of the test.
    command.env("LC_ALL", "C.UTF-8").env_remove("HOME");
    command
}

/// What `scripts/install-peers` put below `TARGET/peers`.
#[track_caller]
pub(crate) fn peer(name: &str) -> PathBuf {
    let above = Path::new(env!("CARGO_BIN_EXE_mta")).ancestors();
    match above.map(|above| above.join("peers").join(name)).find(|path| path.exists()) {
        Some(path) => path,
        None => panic!("{name} is not there: run scripts/test"),
    }
}

/// Adds what every small program of these tests is told: how and where to send which file, and to whom.
pub(super) fn add_letter(
    command: &mut Command,
    site: &Site,
    way: Way,
    recipient: &str,
    file: &Path,
) {
    let kind = match way {
        Way::Clear => "clear",
        Way::StartTls | Way::Submission => "starttls",
        Way::Submissions => "tls",
    };
    command.args([kind, &site.address(way).port().to_string(), text(site.certificate())]);
    command.args(["ann@example.org", recipient, text(file)]);
    if way.authenticates() {
        command.env("SMTP_USER", USER).env("SMTP_PASSWORD", PASSWORD);
    }
}

/// Runs to the end, without input.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> Outcome {
    run_with_input(command, b"")
}

/// Runs to the end, with `input` on standard input.
#[track_caller]
pub(crate) fn run_with_input(command: &mut Command, input: &[u8]) -> Outcome {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("timeout(1) runs");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    let output = thread::scope(|scope| {
        // A client that refuses its input closes the pipe: its exit code tells.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("the client can be waited for")
    });
    let said = [output.stdout, output.stderr].concat();
    Outcome { code: output.status.code(), said: String::from_utf8_lossy(&said).into_owned() }
}
