//! Starting the real binary and looking at what it did.
//!
//! * **In**: command-line arguments. **Out**: a running `mta` on ports of its own, in a directory of its own.
//! * **Promises**: it is killed, by its process id, when the value is dropped.
//! * **Limits**: [`PATIENCE`] for each thing waited for. **Panics**: on everything unexpected: these are tests.
//! * **Spec**: the program's contract for its standard output, see `mta --help`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

/// How long a test waits for anything before it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks again after this time.
const PAUSE: Duration = Duration::from_millis(25);

/// A running `mta`.
pub(crate) struct Mta {
    process: Process,
    directory: TempDir,
    stdout: Vec<String>,
    rest_of_stdout: Receiver<String>,
    /// What was read of its standard error so far.
    log: String,
    /// `None` if nobody reads it.
    rest_of_log: Option<Receiver<String>>,
}

/// Ends with the value.
struct Process(Child);

/// What remains of an `mta` that ended.
pub(crate) struct Ended {
    /// The exit code, or `None` if a signal ended it.
    pub(crate) code: Option<i32>,
    /// All that it wrote to its standard output.
    pub(crate) stdout: Vec<String>,
    /// All that it wrote to its standard error.
    pub(crate) stderr: String,
    /// With its data directory `data`.
    pub(crate) directory: TempDir,
}

impl Mta {
    /// Starts `mta` with a fresh data directory and all ports chosen by the system (no LMTP), then `args`,
    /// which may override each of these; waits until it is ready.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary directory"), args)
    }

    /// The same in a directory that the test prepared; `data` in it becomes the data directory.
    pub(crate) fn start_in(directory: TempDir, args: &[&str]) -> Self {
        let data = directory.path().join("data");
        Self::spawn(directory, mta(&data), args).heard(args)
    }

    /// The same where a write that would make a file larger than this fails.
    pub(crate) fn start_with_small_files(directory: TempDir, kib_max: u32, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        // The unit of this shell is half a KiB.
        command
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"", 2 * kib_max));
        command.arg(env!("CARGO_BIN_EXE_mta")).arg("--data").arg(directory.path().join("data"));
        Self::spawn(directory, command, args).heard(args)
    }

    fn heard(mut self, args: &[&str]) -> Self {
        self.rest_of_log = Some(lines(self.process.0.stderr.take().expect("stderr is a pipe")));
        self.wait_until_ready(args);
        self
    }

    /// The same with nobody at the other end of its standard error, once it is ready.
    pub(crate) fn start_unheard(args: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let data = directory.path().join("data");
        let mut mta = Self::spawn(directory, mta(&data), args);
        mta.wait_until_ready(args);
        drop(mta.process.0.stderr.take());
        mta
    }

    /// Ends it and starts another one in the same directory.
    pub(crate) fn restart(self, args: &[&str]) -> Self {
        let Self { process, directory, .. } = self;
        drop(process);
        Self::start_in(directory, args)
    }

    /// The same value once the process that was sent SIGKILL is gone: what it left behind can be looked at.
    pub(crate) fn killed(mut self) -> Self {
        self.process.0.wait().expect("the process ends");
        self
    }

    /// Where the service `smtp` listens.
    pub(crate) fn smtp(&self) -> SocketAddr {
        self.address("smtp")
    }

    /// Where the service `submission` listens.
    pub(crate) fn submission(&self) -> SocketAddr {
        self.address("submission")
    }

    /// Where the service `submissions` listens.
    pub(crate) fn submissions(&self) -> SocketAddr {
        self.address("submissions")
    }

    /// Where the service `lmtp` listens, which it does only if `--lmtp` was given.
    pub(crate) fn lmtp(&self) -> SocketAddr {
        self.address("lmtp")
    }

    /// The lines of standard output up to and including the hint.
    pub(crate) fn stdout(&self) -> &[String] {
        &self.stdout
    }

    /// The data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// Runs `mta queue` on its data directory, with `input` on standard input.
    pub(crate) fn queue(&self, args: &[&str], input: &str) -> Output {
        run_queue(&self.data(), args, input)
    }

    /// Waits until the queue has nothing to do now: what is left is held, or was tried and waits.
    #[track_caller]
    pub(crate) fn settle(&self) {
        wait_until("the queue has nothing to do", || match is_settled(&self.data()) {
            Ok(is_settled) => is_settled,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
            Err(error) => panic!("mta is asked for its queue: {error}"),
        });
    }

    /// The messages in an account's Maildir, in order of arrival, once the queue has [settled](Self::settle).
    pub(crate) fn messages(&self, domain: &str, user: &str) -> Vec<Vec<u8>> {
        self.settle();
        messages_in(&self.data().join("Maildir").join(domain).join(user))
    }

    /// Waits for the next line on its standard error with these words, and returns it.
    pub(crate) fn expect_log(&mut self, words: &str) -> String {
        loop {
            let rest = self.rest_of_log.as_ref().expect("its standard error is read");
            let line = rest.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{words:?} is not in:\n{}", self.log));
            self.log += &format!("{line}\n");
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Sends a signal and does not wait.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.process.0);
        kill_process(pid, signal).expect("the process is there");
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.wait()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> Ended {
        let status = self.process.0.wait().expect("the process ends");
        let mut stdout = std::mem::take(&mut self.stdout);
        stdout.extend(self.rest_of_stdout.iter());
        let stderr = self.whole_log();
        Ended { code: status.code(), stdout, stderr, directory: self.directory }
    }

    /// Reads on until nobody can write to it any more.
    fn whole_log(&mut self) -> String {
        let mut log = std::mem::take(&mut self.log);
        for line in self.rest_of_log.iter().flatten() {
            log += &format!("{line}\n");
        }
        log
    }

    fn spawn(directory: TempDir, mut command: Command, args: &[&str]) -> Self {
        for service in ["--smtp", "--submission", "--submissions"] {
            command.args([service, "127.0.0.1:0"]);
        }
        command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        let rest_of_stdout = lines(child.stdout.take().expect("stdout is a pipe"));
        Self {
            process: Process(child),
            directory,
            stdout: Vec::new(),
            rest_of_stdout,
            log: String::new(),
            rest_of_log: None,
        }
    }

    fn address(&self, service: &str) -> SocketAddr {
        let prefix = format!("listening {service} ");
        let address = self.stdout.iter().find_map(|line| line.strip_prefix(&prefix));
        address.unwrap_or_else(|| panic!("{service} listens")).parse().expect("an address")
    }

    /// Reads standard output up to the line after `ready`, which is the hint.
    fn wait_until_ready(&mut self, args: &[&str]) {
        let mut ready = false;
        loop {
            match self.rest_of_stdout.recv_timeout(PATIENCE) {
                Ok(line) => self.stdout.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("mta {args:?} is not ready in time"),
                Err(RecvTimeoutError::Disconnected) => {
                    let status = self.process.0.wait().expect("the process ends");
                    panic!("mta {args:?} ended with {status}: {}", self.whole_log());
                }
            }
            if ready {
                return;
            }
            ready = self.stdout.last().is_some_and(|line| line == "ready");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way there is nobody left to tell.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs `mta` with a data directory and arguments until it ends by itself.
pub(crate) fn run(data: &Path, args: &[&str]) -> Output {
    run_with_input(mta(data).args(args), "")
}

/// Runs `mta` with these arguments and no others.
pub(crate) fn run_as_is(args: &[&str]) -> Output {
    run_with_input(Command::new(env!("CARGO_BIN_EXE_mta")).args(args), "")
}

/// Runs `mta passwd FILE USER`, which reads `input`.
pub(crate) fn run_passwd(file: &Path, user: &str, input: &str) -> Output {
    run_passwd_with(&[], file, user, input)
}

/// The same with options before the file.
pub(crate) fn run_passwd_with(options: &[&str], file: &Path, user: &str, input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mta"));
    command.arg("passwd").args(options).args([file.as_os_str(), OsStr::new(user)]);
    run_with_input(&mut command, input)
}

/// Runs `mta queue` on a data directory, with `input` on standard input.
pub(crate) fn run_queue(data: &Path, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mta"));
    command.arg("queue").args(args).arg("--data").arg(data);
    run_with_input(&mut command, input)
}

/// Sends these octets to the control socket of a running `mta`, and reads all that it answers.
pub(crate) fn ask_control(data: &Path, request: &[u8]) -> String {
    try_ask_control(data, request).expect("mta listens")
}

fn try_ask_control(data: &Path, request: &[u8]) -> io::Result<String> {
    let mut stream = UnixStream::connect(data.join("control"))?;
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    // It may have refused before all of it was sent.
    let _ = stream.write_all(request).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    // What it did not read it may also say by a reset, after its answer.
    let _ = stream.read_to_end(&mut answer);
    Ok(String::from_utf8(answer).expect("JSON"))
}

/// Whether all messages of the queue are held, or have a reason why they wait and no order to be returned. A listing does
/// not name a message that goes while it is made, nor the report that takes its place, so the counts must agree, too.
fn is_settled(data: &Path) -> io::Result<bool> {
    let counts = || text_of(data, b"{\"json\":true,\"operation\":\"stats\"}\n");
    let before = counts()?;
    let listing = text_of(data, b"{\"json\":true,\"operation\":{\"list\":{}}}\n")?;
    if before != counts()? {
        return Ok(false);
    }
    let json = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let counts = json(before.lines().next().expect("counts"));
    let waits = |entry: &Value| {
        let mut recipients = entry["recipients"].as_array().into_iter().flatten();
        match entry["queue_name"].as_str() {
            Some("hold") => true,
            Some("deferred") => {
                entry["forced_expire"] == false
                    && recipients.all(|one| !one["delay_reason"].is_null())
            }
            _ => false,
        }
    };
    let is_empty = counts["total"] == 0;
    Ok(is_empty == listing.is_empty() && listing.lines().map(json).all(|entry| waits(&entry)))
}

/// What a whole answer says.
fn text_of(data: &Path, request: &[u8]) -> io::Result<String> {
    let answer = try_ask_control(data, request)?;
    if !answer.ends_with("\"done\"\n") {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let json = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    Ok(answer.lines().filter_map(|line| json(line)["text"].as_str().map(str::to_owned)).collect())
}

/// The messages below `new` in a Maildir, in order of arrival.
pub(crate) fn messages_in(maildir: &Path) -> Vec<Vec<u8>> {
    let Ok(entries) = fs::read_dir(maildir.join("new")) else { return Vec::new() };
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a directory entry").path()).collect();
    paths.sort_by_cached_key(|path| numbers_in(text_of_name(path)));
    paths.iter().map(|path| fs::read(path).expect("a message")).collect()
}

fn text_of_name(path: &Path) -> &str {
    path.file_name().and_then(OsStr::to_str).expect("a name of ASCII")
}

/// The seconds, the microseconds and so on: names of Maildirs have them without leading zeros.
fn numbers_in(name: &str) -> Vec<u64> {
    let words = name.split(|character: char| !character.is_ascii_digit());
    words.filter_map(|word| word.parse().ok()).collect()
}

/// Asks until it is so.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let tries_max = PATIENCE.as_millis() / PAUSE.as_millis();
    let came = (0..tries_max).any(|_| {
        let came = is_so();
        if !came {
            std::thread::park_timeout(PAUSE);
        }
        came
    });
    assert!(came, "{what}: not in time");
}

/// An address of this machine that is given to nobody else: what listens there on any port may go and nobody takes its
/// place, and a port that was free is free a moment later.
pub(crate) fn own_ip() -> Ipv4Addr {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 1);
    Ipv4Addr::from_bits(FIRST.to_bits() + GIVEN.fetch_add(1, Ordering::Relaxed))
}

/// An [address of its own](own_ip), and a port that is free there.
pub(crate) fn free_address() -> SocketAddr {
    let listener = TcpListener::bind((own_ip(), 0)).expect("a loopback address");
    listener.local_addr().expect("an address")
}

/// The lines that come out of a pipe, as they come.
pub(crate) fn lines(pipe: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
    receiver
}

fn mta(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mta"));
    command.env_remove("RUST_LOG").arg("--data").arg(data);
    command
}

/// A program that should have ended but listens is killed after [`PATIENCE`].
fn run_with_input(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // Arguments may be refused before any input is read.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let pid = Pid::from_child(&child);
    let (ended, wait) = channel::<()>();
    let guard = std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
    let output = child.wait_with_output().expect("the output is readable");
    drop(ended);
    guard.join().expect("the guard ends");
    output
}
