//! `mta queue` itself: asks the `mta` that runs, or looks where none does.
//!
//! * **In**: a request, ids on standard input. **Out**: output, or why not, in one line. **Promises**: output is what the
//!   `mta` sent, up to where it stopped; whoever stops reading it early is no failure.
//! * **Limits**: those of [the protocol](super). **Panics**: never. **Spec**: [the protocol](super).

use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Read, StdoutLock, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{
    ANSWER_BYTES_MAX, Answer, IDS_MAX, Operation, PATIENCE, Refusal, Request, SOCKET, Why, offline,
    print,
};
use crate::data_directory;
use crate::failure::Failure;

/// In place of ids: they are on standard input, one a line.
const ON_STANDARD_INPUT: &str = "-";

/// What to ask, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) data: PathBuf,
    /// Where the queue lies if it is not asked for.
    pub(crate) queue_directory: PathBuf,
    pub(crate) request: Request,
}

/// Standard output.
pub(super) struct Printer(BufWriter<StdoutLock<'static>>);

/// Why it ends early.
#[derive(Debug)]
pub(super) enum Trouble {
    Failed(Failure),
    /// Nobody reads any more.
    Unheard,
}

/// Asks, and prints the answer.
pub(crate) fn run(asked: Asked) -> Result<(), Failure> {
    let mut out = Printer(BufWriter::new(io::stdout().lock()));
    let answered = ask_all(asked, &mut out).and_then(|()| out.flush());
    match answered {
        Ok(()) | Err(Trouble::Unheard) => Ok(()),
        Err(Trouble::Failed(failure)) => {
            // What was printed before it failed is worth reading.
            let _ = out.flush();
            Err(failure)
        }
    }
}

fn ask_all(asked: Asked, out: &mut Printer) -> Result<(), Trouble> {
    let Asked { data, queue_directory, mut request } = asked;
    let mut count = 0;
    let mut refused = None;
    let is_on_input = request.operation.ids_mut().is_some_and(|ids| *ids == [ON_STANDARD_INPUT]);
    let mut input = is_on_input.then(|| io::stdin().lock());
    loop {
        if let Some(input) = &mut input {
            let ids = read_ids(input)?;
            if ids.is_empty() {
                break;
            }
            request.operation.ids_mut().into_iter().for_each(|all| all.clone_from(&ids));
        }
        match connect(&data)? {
            Some(stream) => match ask(&stream, &request, &mut count, out)? {
                Some(refusal) if refusal.why != Why::Missing => return Err(refused_with(refusal)),
                refusal => refused = refused.or(refusal),
            },
            None if request.operation.reads() => offline::look(&queue_directory, &request, out)?,
            None => return Err(nobody_runs(&data).into()),
        }
        if input.is_none() {
            break;
        }
    }
    if let Some(past) = request.operation.past() {
        let unit = if matches!(request.operation, Operation::Flush(_)) { "row" } else { "message" };
        out.text(&print::changed(request.json, past, unit, count))?;
    }
    refused.map_or(Ok(()), |refusal| Err(refused_with(refusal)))
}

/// As many ids as a request names.
fn read_ids(input: &mut impl BufRead) -> Result<Vec<String>, Failure> {
    let mut ids = Vec::new();
    while ids.len() < IDS_MAX {
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let read = read.map_err(|error| {
            Failure::unreadable(format!("cannot read queue ids on standard input: {error}"))
        })?;
        if read == 0 {
            break;
        }
        ids.extend(Some(line.trim().to_owned()).filter(|id| !id.is_empty()));
    }
    Ok(ids)
}

/// The `mta` that runs, if one does.
fn connect(data: &Path) -> Result<Option<UnixStream>, Failure> {
    let path = data.join(SOCKET);
    let failed = |error: io::Error| {
        Failure::unavailable(match error.kind() {
            ErrorKind::PermissionDenied => format!(
                "{} is not permitted: only the user that mta runs as may ask it",
                path.display()
            ),
            _ => format!("cannot ask mta on {}: {error}", path.display()),
        })
    };
    match UnixStream::connect(&path) {
        Ok(stream) => {
            let limits =
                [stream.set_read_timeout(Some(PATIENCE)), stream.set_write_timeout(Some(PATIENCE))];
            limits.into_iter().collect::<io::Result<()>>().map_err(failed)?;
            Ok(Some(stream))
        }
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            match data_directory::is_in_use(data) {
                Ok(false) => Ok(None),
                Ok(true) => Err(Failure::temporary(format!(
                    "the mta of {} begins or ends just now: ask again",
                    data.display()
                ))),
                Err(error) => Err(failed(error)),
            }
        }
        Err(error) => Err(failed(error)),
    }
}

/// Prints the answer; why it was refused, if it was.
fn ask(
    stream: &UnixStream,
    request: &Request,
    count: &mut u64,
    out: &mut Printer,
) -> Result<Option<Refusal>, Trouble> {
    let mut line = serde_json::to_vec(request)
        .map_err(|error| Failure::usage(format!("this cannot be asked: {error}")))?;
    line.push(b'\n');
    // A request that is refused before it was read is answered all the same.
    let _ = (&*stream).write_all(&line);
    let mut answers = BufReader::new(stream);
    loop {
        line.clear();
        let read = answers.by_ref().take(ANSWER_BYTES_MAX as u64).read_until(b'\n', &mut line);
        if read.is_err() || line.last() != Some(&b'\n') {
            return Err(
                Failure::temporary("mta ended or stopped in the middle of its answer").into()
            );
        }
        let not_understood = |_| {
            Failure::temporary("mta gave an answer that is not understood: is it another version?")
        };
        match serde_json::from_slice(&line).map_err(not_understood)? {
            Answer::Text(text) => out.text(&text)?,
            Answer::Octets(octets) => {
                out.octets(&STANDARD.decode(octets).unwrap_or_default())?;
            }
            Answer::Count(more) => *count += more,
            Answer::Failed(refusal) => return Ok(Some(refusal)),
            Answer::Done => return Ok(None),
        }
    }
}

fn refused_with(refusal: Refusal) -> Trouble {
    Trouble::Failed(refusal.into())
}

fn nobody_runs(data: &Path) -> Failure {
    Failure::unavailable(format!(
        "no mta runs with --data {}: start it; without one there are only list, show, stats, shape and fsck",
        data.display()
    ))
}

impl Printer {
    pub(super) fn text(&mut self, text: &str) -> Result<(), Trouble> {
        self.octets(text.as_bytes())
    }

    pub(super) fn octets(&mut self, octets: &[u8]) -> Result<(), Trouble> {
        Ok(self.0.write_all(octets)?)
    }

    fn flush(&mut self) -> Result<(), Trouble> {
        Ok(self.0.flush()?)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::Unheard,
            _ => Failure::temporary(format!("cannot write to standard output: {error}")).into(),
        }
    }
}
