//! The control socket: one request, one answer.
//!
//! * **In**: connections of processes of the same user. **Out**: answers. **Promises**: whatever a client sends, or does not
//!   read, costs it alone its answer. **Limits**: [`CLIENTS_MAX`] at once, the others wait; those of [the protocol](super).
//! * **Panics**: never. **Spec**: [the protocol](super).

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use smtp_queue::Queue;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::operate::operate;
use super::{Answer, PATIENCE, PIECE_BYTES_MAX, REQUEST_BYTES_MAX, Refusal, Request, SOCKET};
use crate::data_directory::DataDirectory;
use crate::failure::Failure;
use crate::unix_socket;

/// Requests that are answered at once.
const CLIENTS_MAX: usize = 16;

/// Writes the lines of an answer.
pub(super) struct Answers(OwnedWriteHalf);

/// Why an answer stops.
#[derive(Debug)]
pub(super) enum Stop {
    /// The client is told.
    Refused(Refusal),
    /// Nobody is there to be told.
    Gone,
}

/// Makes the socket of this data directory; one that a dead process left behind is replaced.
pub(crate) async fn listen(data: &DataDirectory) -> Result<UnixListener, Failure> {
    let path = data.path().join(SOCKET);
    unix_socket::bind_for_owner(&path).await.map_err(|error| {
        let path = path.display();
        let advice = match error.kind() {
            ErrorKind::AddrInUse => "another program listens there, or it is no socket".to_owned(),
            ErrorKind::InvalidInput => "its path is too long: give --data a shorter one".to_owned(),
            _ => error.to_string(),
        };
        Failure::unavailable(format!("cannot listen on {path}, for mta queue: {advice}"))
    })
}

/// Answers until it is dropped.
pub(crate) async fn serve(listener: UnixListener, queue: Queue) {
    /// Until a file is closed somewhere.
    const OUT_OF_FILES: Duration = Duration::from_millis(100);
    let clients = Arc::new(Semaphore::new(CLIENTS_MAX));
    loop {
        let Ok(client) = clients.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let queue = queue.clone();
                tokio::spawn(async move {
                    answer(stream, &queue).await;
                    drop(client);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "mta queue cannot connect");
                sleep(OUT_OF_FILES).await;
            }
        }
    }
}

async fn answer(stream: UnixStream, queue: &Queue) {
    let (input, output) = stream.into_split();
    let mut answers = Answers(output);
    let answered = match timeout(PATIENCE, read(input)).await {
        Ok(Ok(request)) => operate(queue, request, &mut answers).await,
        Ok(Err(refusal)) => Err(refusal.into()),
        Err(_) => Err(Refusal::usage("the request did not come in time").into()),
    };
    let last = match answered {
        Ok(()) => Answer::Done,
        Err(Stop::Refused(refusal)) => Answer::Failed(refusal),
        Err(Stop::Gone) => return,
    };
    // Nobody is left to tell if this one is gone, too.
    let _ = answers.send(&last).await;
}

async fn read(input: OwnedReadHalf) -> Result<Request, Refusal> {
    let mut line = Vec::new();
    let mut input = BufReader::new(input).take(REQUEST_BYTES_MAX as u64);
    let read = input.read_until(b'\n', &mut line).await;
    read.map_err(|error| Refusal::usage(format!("the request cannot be read: {error}")))?;
    if line.last() != Some(&b'\n') {
        return Err(Refusal::usage(match line.len() {
            REQUEST_BYTES_MAX.. => format!("a request has {REQUEST_BYTES_MAX} octets at most"),
            _ => "the request ends before its line does".to_owned(),
        }));
    }
    serde_json::from_slice(&line)
        .map_err(|error| Refusal::usage(format!("the request is not understood: {error}")))
}

impl Answers {
    /// Output, in as many lines as it takes.
    pub(super) async fn text(&mut self, mut text: &str) -> Result<(), Stop> {
        while !text.is_empty() {
            let (piece, rest) = text.split_at(text.floor_char_boundary(PIECE_BYTES_MAX));
            self.send(&Answer::Text(piece.to_owned())).await?;
            text = rest;
        }
        Ok(())
    }

    /// Output of any kind.
    pub(super) async fn octets(&mut self, octets: &[u8]) -> Result<(), Stop> {
        for piece in octets.chunks(PIECE_BYTES_MAX) {
            self.send(&Answer::Octets(STANDARD.encode(piece))).await?;
        }
        Ok(())
    }

    pub(super) async fn count(&mut self, count: u64) -> Result<(), Stop> {
        self.send(&Answer::Count(count)).await
    }

    async fn send(&mut self, answer: &Answer) -> Result<(), Stop> {
        let mut line = serde_json::to_vec(answer).map_err(|_| Stop::Gone)?;
        line.push(b'\n');
        let written = timeout(PATIENCE, self.0.write_all(&line)).await;
        written.map_err(|_| Stop::Gone)?.map_err(|_| Stop::Gone)
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
