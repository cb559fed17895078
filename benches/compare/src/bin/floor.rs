//! The floor: the least work a tokio server can do and still let an SMTP client finish.
//!
//! It answers by the first letter of a command and finds the end of data with one substring
//! search. It checks nothing, keeps nothing, and is no mail server: it only tells what sockets,
//! the runtime and one pass over the bytes cost, so that the rest of a real server's figure can be
//! called its own.
//!
//! * **In**: an address to listen on, as the only argument. **Out**: `listening smtp ADDR` and
//!   `ready` on standard output, then replies.
//! * **Promises**: one reply per command, in order, however the input is cut (RFC 2920); replies
//!   to commands that arrived together leave in one write.
//! * **Limits**: a command line of at most [`INPUT_BYTES_MAX`] bytes, else the connection is closed.
//! * **Panics**: never. **Spec**: RFC 5321 4.1.1 (as far as a sink needs it), 4.5.2.

use std::io::{self, Write};
use std::sync::LazyLock;

use memchr::memmem::{self, Finder};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| String::from("127.0.0.1:0"));
    // The same runtime as `#[tokio::main]` gives: many threads, all drivers.
    tokio::runtime::Runtime::new()?.block_on(listen(&address))
}

async fn listen(address: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    announce(&listener)?;
    // Ends with the process: a sink has no other end.
    loop {
        // A connection that failed before it was accepted concerns nobody here.
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream));
    }
}

fn announce(listener: &TcpListener) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening smtp {}", listener.local_addr()?)?;
    writeln!(stdout, "ready")?;
    stdout.flush()
}

/// Most bytes read and not yet answered.
const INPUT_BYTES_MAX: usize = 64 * 1024;

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 floor.example ESMTP\r\n").await?;
    let mut conversation = Conversation::default();
    let mut input = Vec::with_capacity(INPUT_BYTES_MAX);
    let mut replies = Vec::new();
    // Ends when the client leaves or quits, or sends a line that does not fit.
    while !conversation.closing && input.len() < INPUT_BYTES_MAX {
        if stream.read_buf(&mut input).await? == 0 {
            break;
        }
        let consumed = conversation.advance(&input, &mut replies);
        input.drain(..consumed);
        if !replies.is_empty() {
            stream.write_all(&replies).await?;
            replies.clear();
        }
    }
    Ok(())
}

static END_OF_DATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n.\r\n"));

/// What one connection must remember between two reads.
#[derive(Default)]
struct Conversation {
    receiving: bool,
    closing: bool,
}

impl Conversation {
    /// Answers everything that is complete in `input` and returns how many bytes are done with.
    fn advance(&mut self, input: &[u8], replies: &mut Vec<u8>) -> usize {
        let mut at = 0;
        // Every turn consumes input or returns.
        while !self.closing {
            let rest = input.get(at..).unwrap_or_default();
            let taken = if self.receiving {
                self.content(rest, replies)
            } else {
                self.command(rest, replies)
            };
            match taken {
                Taken::All(bytes) => at += bytes,
                Taken::NeedMore(bytes) => return at + bytes,
            }
        }
        at
    }

    fn content(&mut self, rest: &[u8], replies: &mut Vec<u8>) -> Taken {
        let Some(end) = END_OF_DATA.find(rest) else {
            // The last four bytes may be the beginning of the end of data.
            return Taken::NeedMore(rest.len().saturating_sub(4));
        };
        self.receiving = false;
        replies.extend_from_slice(b"250 2.0.0 Ok\r\n");
        Taken::All(end + 5)
    }

    fn command(&mut self, rest: &[u8], replies: &mut Vec<u8>) -> Taken {
        let Some(end) = memmem::find(rest, b"\r\n") else { return Taken::NeedMore(0) };
        match rest.first().map(u8::to_ascii_uppercase) {
            Some(b'D') => {
                self.receiving = true;
                replies.extend_from_slice(b"354 Go ahead\r\n");
                // The CRLF stays: before an empty message it is the first half of the end of data.
                return Taken::All(end);
            }
            Some(b'Q') => {
                self.closing = true;
                replies.extend_from_slice(b"221 2.0.0 Bye\r\n");
            }
            Some(b'E') => {
                replies.extend_from_slice(b"250-floor.example\r\n250 PIPELINING\r\n");
            }
            _ => replies.extend_from_slice(b"250 2.0.0 Ok\r\n"),
        }
        Taken::All(end + 2)
    }
}

enum Taken {
    /// This many bytes were answered; look at the rest.
    All(usize),
    /// This many bytes are done with; the rest waits for more input.
    NeedMore(usize),
}

#[cfg(test)]
mod tests {
    use super::Conversation;

    const TURN: &[u8] = b"EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\n\
        DATA\r\nSubject: x\r\n\r\n..\r\nDATA\r\n\r\n.\r\nDATA\r\n.\r\nRSET\r\nQUIT\r\nNOOP\r\n";
    const REPLIES: &[&str] =
        &["250", "250", "250", "250", "354", "250", "354", "250", "250", "221"];

    /// Feeds `parts` as reads would, keeping what was not consumed.
    fn codes(parts: &[&[u8]]) -> Vec<String> {
        let mut conversation = Conversation::default();
        let (mut input, mut replies) = (Vec::new(), Vec::new());
        for part in parts {
            input.extend_from_slice(part);
            let consumed = conversation.advance(&input, &mut replies);
            input.drain(..consumed);
        }
        let text = String::from_utf8(replies).unwrap();
        text.lines().map(|line| line[..3].to_owned()).collect()
    }

    #[test]
    fn one_reply_per_command_at_every_cut() {
        assert_eq!(codes(&[TURN]), REPLIES);
        for cut in 0..=TURN.len() {
            assert_eq!(codes(&[&TURN[..cut], &TURN[cut..]]), REPLIES, "cut at {cut}");
        }
        assert_eq!(codes(&TURN.chunks(1).collect::<Vec<_>>()), REPLIES);
    }

    #[test]
    fn content_is_not_kept() {
        let mut conversation = Conversation::default();
        let mut replies = Vec::new();
        let input = [b"DATA\r\n".as_slice(), &[b'x'; 5000]].concat();
        assert_eq!(conversation.advance(&input, &mut replies), input.len() - 4);
    }
}
