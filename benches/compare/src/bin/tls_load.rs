//! A load over STARTTLS, as `smtp-source` gives one in clear: it takes the same options.
//!
//! * **In**: `[-d] -s SESSIONS -m MESSAGES -l BYTES ADDR`. **Out**: nothing; success means that every message
//!   was accepted.
//! * **Promises**: waits for every reply; one thread per session; messages are divided among the sessions.
//!   With `-d` a session sends all its messages over one connection, else each has one of its own.
//!   EHLO, STARTTLS and EHLO again begin each connection, QUIT ends it, and no TLS session is resumed.
//! * **Limits**: those of [`smtp_compare::client`]. **Panics**: never. **Spec**: RFC 3207, smtp-source(1).

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use lexopt::{Arg, ValueExt as _};
use rustls::ClientConfig;
use smtp_compare::client::{self, Client, ENVELOPE};

fn main() -> Result<(), Box<dyn Error>> {
    let load = Load::from_arguments(lexopt::Parser::from_env())?;
    let results: Vec<io::Result<()>> = thread::scope(|scope| {
        let sessions: Vec<_> = (0..load.sessions)
            .map(|session| {
                let load = &load;
                scope.spawn(move || load.run_session(session))
            })
            .collect();
        let ended = |_| Err(io::Error::other("a session panicked"));
        sessions.into_iter().map(|session| session.join().unwrap_or_else(ended)).collect()
    });
    results.into_iter().collect::<io::Result<()>>()?;
    Ok(())
}

struct Load {
    address: SocketAddr,
    sessions: u32,
    messages: u32,
    reuse_connections: bool,
    content: Vec<u8>,
    tls: Arc<ClientConfig>,
}

impl Load {
    fn from_arguments(mut parser: lexopt::Parser) -> Result<Self, Box<dyn Error>> {
        let (mut sessions, mut messages, mut bytes) = (1, 1, 4_096);
        let (mut reuse_connections, mut address) = (false, None);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Short('s') => sessions = parser.value()?.parse()?,
                Arg::Short('m') => messages = parser.value()?.parse()?,
                Arg::Short('l') => bytes = parser.value()?.parse()?,
                Arg::Short('d') => reuse_connections = true,
                Arg::Value(value) => address = Some(value.parse()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let address = address.ok_or("no address")?;
        let (content, tls) = (client::content(bytes), client::tls_config()?);
        Ok(Self { address, sessions, messages, reuse_connections, content, tls })
    }

    fn run_session(&self, session: u32) -> io::Result<()> {
        let share = self.messages / self.sessions;
        let messages = share + u32::from(session < self.messages % self.sessions);
        if messages == 0 {
            return Ok(());
        }
        if self.reuse_connections {
            return self.run_connection(messages);
        }
        (0..messages).try_for_each(|_| self.run_connection(1))
    }

    fn run_connection(&self, messages: u32) -> io::Result<()> {
        let mut client = Client::connect(self.address)?;
        client.read_reply()?;
        client.ask(b"EHLO client.example\r\n")?;
        client.ask(b"STARTTLS\r\n")?;
        let mut client = client.secure(&self.tls)?;
        client.ask(b"EHLO client.example\r\n")?;
        for _ in 0..messages {
            for line in ENVELOPE {
                client.ask(line)?;
            }
            client.ask(&self.content)?;
        }
        client.ask(b"QUIT\r\n")
    }
}
