//! A process that is run to its end: a build, an installation, one round of the load.
//!
//! * **In**: a command, a log file, a limit. **Out**: what it printed, and how long it took.
//! * **Promises**: it has ended when [`Errand::run`] returns. Its input is empty; its output goes to
//!   files, so it never blocks on a full pipe.
//! * **Limits**: [`Errand::limit`]. **Panics**: never. **Spec**: none.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{ProcessError, kill, last_words, wait_for};

/// Something to be done by another program.
#[derive(Debug)]
pub(crate) struct Errand {
    /// What to call it in an error.
    pub(crate) name: &'static str,
    /// The command; its standard streams are set here.
    pub(crate) command: Command,
    /// Takes its standard error; standard output lies beside it.
    pub(crate) log: PathBuf,
    /// How long it may take.
    pub(crate) limit: Duration,
}

/// An errand that succeeded.
#[derive(Debug)]
pub(crate) struct Finished {
    /// The file with its standard output.
    pub(crate) output: PathBuf,
    /// From the start of the process to its end.
    pub(crate) wall: Duration,
}

impl Errand {
    /// Runs it.
    ///
    /// # Errors
    /// [`ProcessError`] if it cannot start, fails, or takes too long (then it is ended).
    pub(crate) fn run(mut self) -> Result<Finished, ProcessError> {
        let program = || self.name.to_owned();
        let follow = |source: io::Error| ProcessError::Follow { program: program(), source };
        let output = self.log.with_extension("out");
        let stdout = File::create(&output).map_err(follow)?;
        let stderr = File::create(&self.log).map_err(follow)?;
        self.command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);

        let started = Instant::now();
        let spawned = self.command.spawn();
        let mut child =
            spawned.map_err(|source| ProcessError::Start { program: program(), source })?;
        let waited = wait_for(&mut child, self.limit);
        let wall = started.elapsed();
        match waited {
            Ok(Some(status)) if status.success() => Ok(Finished { output, wall }),
            Ok(Some(status)) => {
                let said = last_words(&self.log);
                Err(ProcessError::Failed { program: program(), status, said })
            }
            Ok(None) => {
                kill(&mut child);
                Err(ProcessError::TooSlow { program: program(), limit: self.limit })
            }
            Err(source) => {
                kill(&mut child);
                Err(follow(source))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::super::ProcessError;
    use super::Errand;

    fn shell(name: &'static str, script: &str, limit: Duration) -> Errand {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let file = format!("smtp-compare-{}-{name}.log", std::process::id());
        Errand { name, command, log: std::env::temp_dir().join(file), limit }
    }

    #[test]
    fn success_failure_and_delay_are_told_apart() {
        let long = Duration::from_secs(60);
        let finished = shell("good", "echo done", long).run().unwrap();
        assert_eq!(std::fs::read_to_string(&finished.output).unwrap(), "done\n");

        let failed = shell("bad", "echo first >&2; echo 'no disk' >&2; exit 3", long).run();
        assert!(failed.unwrap_err().to_string().ends_with("exit status: 3: no disk"));

        let slow = shell("slow", "exec sleep 60", Duration::from_millis(50)).run();
        assert!(matches!(slow, Err(ProcessError::TooSlow { .. })));
    }
}
