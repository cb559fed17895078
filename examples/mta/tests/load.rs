//! Clients that send numbered messages until the connection breaks, and remember what they were told.
//!
//! * **In**: an address. **Out**: the numbers that got a 250, and the refusals. **Promises**: each number is sent once.
//! * **Limits**: [`PATIENCE`] for each reply. **Panics**: on what is neither a 250, nor a refusal for now, nor a broken connection.
//! * **Spec**: RFC 5321 4.1, RFC 2920.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use crate::harness::PATIENCE;
use crate::sink::content;

const CONNECTIONS: usize = 8;

/// To whom all of it goes.
const RECIPIENT: &str = "kim@elsewhere.example";

/// The numbers, which go on from one load to the next.
#[derive(Clone, Default)]
pub(crate) struct Numbers(Arc<AtomicU32>);

/// What a client was told of one message.
#[derive(Debug)]
pub(crate) enum Told {
    Accepted(u32),
    /// With this reply, after which the client ends.
    Refused(u32, String),
}

/// Eight clients at work.
pub(crate) struct Load {
    clients: Vec<JoinHandle<()>>,
    told: Receiver<Told>,
}

impl Load {
    pub(crate) fn start(address: SocketAddr, numbers: &Numbers) -> Self {
        let (sender, told) = channel();
        let clients = (0..CONNECTIONS).map(|_| {
            let (numbers, sender) = (numbers.clone(), sender.clone());
            thread::spawn(move || {
                // A server that is killed breaks the connection anywhere.
                let _ = send_all(address, &numbers, &sender);
            })
        });
        Self { clients: clients.collect(), told }
    }

    /// What one of the clients is told next.
    pub(crate) fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("a client is told something")
    }

    /// Waits for the end of all clients, and returns what they were told that nobody asked for yet.
    pub(crate) fn rest(self) -> Vec<Told> {
        for client in self.clients {
            client.join().expect("the client was told what it can understand");
        }
        self.told.into_iter().collect()
    }
}

fn send_all(address: SocketAddr, numbers: &Numbers, told: &Sender<Told>) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let (mut replies, mut commands) = (BufReader::new(&stream), &stream);
    reply(&mut replies)?;
    commands.write_all(b"EHLO client.example\r\n")?;
    reply(&mut replies)?;
    loop {
        let number = numbers.0.fetch_add(1, Ordering::Relaxed);
        let envelope =
            format!("MAIL FROM:<ann@client.example>\r\nRCPT TO:<{RECIPIENT}>\r\nDATA\r\n");
        commands.write_all(envelope.as_bytes())?;
        let answers = [reply(&mut replies)?, reply(&mut replies)?, reply(&mut replies)?];
        let refused = answers.iter().find(|reply| !reply.starts_with(['2', '3']));
        let last = match refused {
            Some(refused) => refused.clone(),
            None => {
                commands.write_all(&[&content(number), &b".\r\n"[..]].concat())?;
                reply(&mut replies)?
            }
        };
        let is_accepted = last.starts_with("250 ");
        assert!(is_accepted || last.starts_with('4'), "{last}");
        let answer = if is_accepted { Told::Accepted(number) } else { Told::Refused(number, last) };
        // Whoever does not ask any more has what he wanted.
        if told.send(answer).is_err() || !is_accepted {
            return Ok(());
        }
    }
}

/// The last line of a reply.
fn reply(replies: &mut impl BufRead) -> io::Result<String> {
    loop {
        let mut line = String::new();
        replies.read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if line.as_bytes().get(3) != Some(&b'-') {
            return Ok(line);
        }
    }
}
