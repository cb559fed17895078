//! A next hop in this process, which says when a message arrives.
//!
//! * **In**: mail to `cN@live.example`. **Out**: word to client N. **Promises**: the word comes before the reply to the end
//!   of data. **Limits**: one recipient a message, a thread for each connection. **Panics**: never.
//! * **Spec**: RFC 5321, as far as a next hop needs it; it offers no extension.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

/// More that arrived than anybody looked at is nobody's.
const UNSEEN_MAX: usize = 1024;

/// A running next hop. It ends with this process.
#[derive(Debug)]
pub(crate) struct LiveHop {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// For each client, its messages.
    pub(crate) arrivals: Vec<Receiver<()>>,
}

impl LiveHop {
    /// For so many clients.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn start(clients: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (senders, arrivals): (Vec<_>, _) =
            (0..clients).map(|_| sync_channel(UNSEEN_MAX)).unzip();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let senders = senders.clone();
                // A connection that breaks off concerns nobody here.
                thread::spawn(move || serve(&stream, &senders));
            }
        });
        Ok(Self { address, arrivals })
    }
}

/// The address of a client's messages.
pub(crate) fn recipient(client: usize) -> String {
    format!("c{client}@live.example")
}

fn serve(stream: &TcpStream, senders: &[SyncSender<()>]) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut reader, mut writer) = (BufReader::new(stream), stream);
    writer.write_all(b"220 live.example ESMTP\r\n")?;
    let (mut line, mut client, mut is_content) = (Vec::new(), None, false);
    // Ends when the client leaves.
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if is_content && line != b".\r\n" {
            continue;
        }
        let reply: &[u8] = match line.first() {
            Some(b'R') if line.starts_with(b"RCPT") => {
                client = client_of(&line);
                b"250 2.1.5 Ok\r\n"
            }
            Some(b'D') => {
                is_content = true;
                b"354 Go on\r\n"
            }
            Some(b'.') => {
                is_content = false;
                if let Some(sender) = client.take().and_then(|client: usize| senders.get(client)) {
                    // Full when nobody waits for it.
                    let _ = sender.try_send(());
                }
                b"250 2.0.0 Ok\r\n"
            }
            Some(b'Q') => return writer.write_all(b"221 2.0.0 Bye\r\n"),
            _ => b"250 live.example\r\n",
        };
        writer.write_all(reply)?;
    }
}

/// The number in `RCPT TO:<c7@live.example>`.
fn client_of(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let (_, rest) = line.split_once("<c")?;
    rest.split_once('@')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use smtp_compare::client::{Client, content};

    use super::{LiveHop, client_of, recipient};

    #[test]
    fn each_client_hears_of_its_own_messages() {
        let hop = LiveHop::start(2).unwrap();
        let mut client = Client::connect(hop.address).unwrap();
        client.read_reply().unwrap();
        for line in ["EHLO a", "MAIL FROM:<>", &format!("RCPT TO:<{}>", recipient(1)), "DATA"] {
            client.ask(format!("{line}\r\n").as_bytes()).unwrap();
        }
        client.ask(&content(100)).unwrap();
        assert_eq!(hop.arrivals[1].try_iter().count(), 1);
        assert_eq!(hop.arrivals[0].try_iter().count(), 0);
        assert_eq!(client_of(b"RCPT TO:<someone@live.example>\r\n"), None);
    }
}
