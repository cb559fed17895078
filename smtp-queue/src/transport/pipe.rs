//! Into the standard input of a program.
//!
//! * **In**: a job. **Out**: the program run once for each recipient, and its exit status as an outcome.
//! * **Promises**: no shell; nothing of an address becomes an option or a second argument; the program never runs
//!   as root. Lines end in LF. **Limits**: a time, after which the program and what it started are ended and the
//!   message waits; 4096 octets of output are kept. **Panics**: never.
//! * **Spec**: Postfix pipe(8); sysexits.h; RFC 3463.

mod arguments;
mod exit;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smtp_server::delivery::{ReturnPaths, UnixLines};
use smtp_server::trace;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};

use super::{Feedback, Job, Outcomes, Transport, local};
use crate::content::{Content, ContentBody};
use crate::entry::{QueueEntry, QueuedRecipient};
use crate::status::Outcome;

use arguments::Argument;

pub use arguments::PipeError;

const OUTPUT_BYTES_MAX: usize = 4096;
/// How long what a program wrote last is waited for when it has ended.
const OUTPUT_GRACE: Duration = Duration::from_secs(1);

/// Delivers to a program.
///
/// In the arguments `${recipient}`, `${original_recipient}`, `${user}`, `${extension}`, `${mailbox}`, `${domain}`,
/// `${sender}`, `${nexthop}`, `${size}` and `${queue_id}` stand for what they say, `$$` for a dollar.
///
/// ```
/// use std::time::Duration;
/// use smtp_queue::transport::Pipe;
///
/// let pipe = Pipe::new("filter", ["/usr/local/bin/filter", "-f", "${sender}", "--", "${recipient}"])?
///     .as_user(1001, 1001)
///     .with_timeout(Duration::from_secs(300))
///     .with_return_path();
/// # Ok::<(), smtp_queue::transport::PipeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pipe {
    name: Arc<str>,
    program: String,
    arguments: Arc<[Argument]>,
    user: Option<(u32, u32)>,
    timeout: Duration,
    return_path: bool,
    delivered_to: bool,
}

impl Pipe {
    /// Runs `argv`, a program and its arguments; log lines name the transport `name`. The time limit is 1000 s.
    ///
    /// # Errors
    /// [`PipeError`] for an empty program, one that depends on the message, and unknown macros.
    pub fn new<S: AsRef<str>>(
        name: impl Into<Arc<str>>,
        argv: impl IntoIterator<Item = S>,
    ) -> Result<Self, PipeError> {
        let mut argv = argv.into_iter();
        let program = argv.next().map(|program| program.as_ref().to_owned()).unwrap_or_default();
        if program.is_empty() || program.contains('$') {
            return Err(PipeError::Program);
        }
        let arguments =
            argv.map(|word| Argument::parse(word.as_ref())).collect::<Result<_, _>>()?;
        Ok(Self {
            name: name.into(),
            program,
            arguments,
            user: None,
            timeout: Duration::from_secs(1000),
            return_path: false,
            delivered_to: false,
        })
    }

    /// The same as another user and group, which only root can do; needed if we are root.
    #[must_use]
    pub fn as_user(self, user_id: u32, group_id: u32) -> Self {
        Self { user: Some((user_id, group_id)), ..self }
    }

    /// The same with another time limit.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The same with a field `Return-Path` on top, in place of those that the message brought along.
    #[must_use]
    pub fn with_return_path(self) -> Self {
        Self { return_path: true, ..self }
    }

    /// The same with a field `Delivered-To` on top; a message that has it already is a loop and fails.
    #[must_use]
    pub fn with_delivered_to(self) -> Self {
        Self { delivered_to: true, ..self }
    }

    async fn deliver(&self, job: &Job, index: u32) -> Result<Outcome, Box<Outcome>> {
        let recipient = local::recipient(job, index)?;
        let user = self.user.map(|(user, _)| user);
        let user = user.unwrap_or_else(|| rustix::process::geteuid().as_raw());
        if user == 0 {
            return Ok(local::deferred((4, 3, 5), "a program for delivery never runs as root"));
        }
        if self.delivered_to {
            let (content, address) = (job.content.clone(), recipient.address());
            let is_loop = local::blocking(move || local::is_loop(&content, &address)).await?;
            if is_loop.map_err(|error| local::io_failure("pipe", &error))? {
                let text = format!("mail forwarding loop for {}", recipient.address());
                return Ok(local::failed((5, 4, 6), text));
            }
        }
        let arguments = self
            .arguments
            .iter()
            .map(|argument| argument.expand(job, recipient))
            .collect::<Result<Vec<_>, _>>()?;
        let fields = self.fields(&job.entry, recipient);
        let mut child =
            self.command(arguments).spawn().map_err(|error| local::io_failure("pipe", &error))?;
        let mut output = Vec::new();
        let return_paths = self.return_path.then(ReturnPaths::default);
        let message = Message { fields, content: &job.content, return_paths };
        let running = run(&mut child, message, &mut output);
        let ended = tokio::time::timeout(self.timeout, running).await;
        let output = exit::one_line(&output);
        let problem = match ended {
            Ok(Ok(status)) => return Ok(exit::outcome(status, &self.name, &output)),
            Ok(Err(error)) => error.to_string(),
            Err(_) => exit::with_output("Command time limit exceeded", &output),
        };
        end(&mut child).await;
        Ok(local::deferred((4, 3, 0), problem))
    }

    fn command(&self, arguments: Vec<String>) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // So that what it starts can be ended with it.
            .process_group(0)
            .kill_on_drop(true);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    fn fields(&self, entry: &QueueEntry, recipient: &QueuedRecipient) -> String {
        let mut fields = String::new();
        if self.return_path {
            fields.push_str(&trace::return_path(&entry.reverse_path).to_string());
        }
        if self.delivered_to {
            fields.push_str(&trace::delivered_to(&recipient.recipient.path).to_string());
        }
        fields
    }
}

#[async_trait]
impl Transport for Pipe {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        local::each(job, outcomes, |index| self.deliver(job, index)).await
    }
}

/// What a program is fed.
struct Message<'a> {
    fields: String,
    content: &'a Content,
    /// For those in the content, if there is one among the fields.
    return_paths: Option<ReturnPaths>,
}

/// Feeds the program and hears what it says until it ends.
async fn run(
    child: &mut Child,
    message: Message<'_>,
    output: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let mut feeding = std::pin::pin!(feed(stdin, message));
    let status = {
        let mut listening = std::pin::pin!(listen(stdout, stderr, output));
        let (mut is_fed, mut is_silent) = (false, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status?,
                fed = &mut feeding, if !is_fed => {
                    fed?;
                    is_fed = true;
                }
                () = &mut listening, if !is_silent => is_silent = true,
            }
        };
        if !is_silent {
            // Something that it started may keep the pipe open.
            let _ = tokio::time::timeout(OUTPUT_GRACE, listening).await;
        }
        status
    };
    Ok(status)
}

/// Writes the message. That the program does not want all of it is for its exit status to judge.
async fn feed(stdin: Option<ChildStdin>, message: Message<'_>) -> io::Result<()> {
    let Message { fields, content, mut return_paths } = message;
    let Some(mut stdin) = stdin else { return Ok(()) };
    let mut lines = UnixLines::default();
    let mut converted = Vec::new();
    let mut offset = 0;
    lines.convert(fields.as_bytes(), &mut converted);
    lines.convert(&content.fields, &mut converted);
    // Every turn moves on, and content has an end.
    loop {
        let piece = read_piece(content, offset).await?;
        if offset == 0 && matches!(piece.first(), Some(b' ' | b'\t')) {
            // It would continue the last of the fields above.
            converted.push(b'\n');
        }
        match &mut return_paths {
            Some(return_paths) if piece.is_empty() => {
                lines.convert(&return_paths.finish(), &mut converted);
            }
            Some(return_paths) => lines.convert(&return_paths.filter(&piece), &mut converted),
            None => lines.convert(&piece, &mut converted),
        }
        if piece.is_empty() {
            lines.finish(&mut converted);
        }
        match stdin.write_all(&converted).await {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            written => written?,
        }
        if piece.is_empty() {
            return Ok(());
        }
        offset += piece.len() as u64;
        converted.clear();
    }
}

/// At most 64 KiB from `offset` on; nothing at the end.
async fn read_piece(content: &Content, offset: u64) -> io::Result<bytes::Bytes> {
    match &content.body {
        ContentBody::Memory(body) => {
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(body.len());
            let end = (start + local::PIECE_BYTES).min(body.len());
            Ok(body.slice(start..end))
        }
        ContentBody::Stored(body) => {
            let body = body.clone();
            let read = move || {
                let mut piece = vec![0; local::PIECE_BYTES];
                let length = local::fill(&*body, &mut piece, offset)?;
                piece.truncate(length);
                Ok(piece.into())
            };
            tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
        }
    }
}

/// Keeps the beginning of what the program writes, and lets it write as much as it likes.
async fn listen(
    stdout: Option<impl AsyncRead + Unpin>,
    stderr: Option<impl AsyncRead + Unpin>,
    output: &mut Vec<u8>,
) {
    let (Some(mut stdout), Some(mut stderr)) = (stdout, stderr) else { return };
    let (mut from_stdout, mut from_stderr) = ([0; 1024], [0; 1024]);
    let (mut stdout_open, mut stderr_open) = (true, true);
    while stdout_open || stderr_open {
        let (octets, open) = tokio::select! {
            read = stdout.read(&mut from_stdout), if stdout_open => {
                (from_stdout.get(..read.unwrap_or(0)), &mut stdout_open)
            }
            read = stderr.read(&mut from_stderr), if stderr_open => {
                (from_stderr.get(..read.unwrap_or(0)), &mut stderr_open)
            }
        };
        let octets = octets.unwrap_or_default();
        *open = !octets.is_empty();
        let room = OUTPUT_BYTES_MAX - output.len();
        output.extend_from_slice(octets.get(..room).unwrap_or(octets));
    }
}

/// Ends the program and all that it started.
async fn end(child: &mut Child) {
    let id =
        child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = id {
        // It may have ended by itself meanwhile.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait().await;
}
