//! A client that does one step at a time, so that one thread can lead thousands of sessions.
//!
//! * **In**: an address, commands. **Out**: positive replies, or why there were none.
//! * **Promises**: blocking sockets of std and rustls, nothing else; the certificate of the server is not
//!   checked, since it is made for the occasion and the server is on loopback.
//! * **Limits**: [`WAIT_LIMIT`] per read and write, [`REPLY_BYTES_MAX`] per reply. **Panics**: never.
//! * **Spec**: RFC 5321 4.2.1 (replies), RFC 3207 (STARTTLS).

mod trust;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

pub use trust::tls_config;

/// How long one read or write may take.
pub const WAIT_LIMIT: Duration = Duration::from_secs(30);
/// Octets of a reply, more is an error.
pub const REPLY_BYTES_MAX: usize = 4_096;

/// One connection.
#[derive(Debug)]
pub struct Client(Stream);

#[derive(Debug)]
enum Stream {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Client {
    /// Connects; the greeting is still to be read.
    ///
    /// # Errors
    /// What the system says.
    pub fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, WAIT_LIMIT)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT_LIMIT))?;
        stream.set_write_timeout(Some(WAIT_LIMIT))?;
        Ok(Self(Stream::Clear(stream)))
    }

    /// Sends `octets`, all of them.
    ///
    /// # Errors
    /// What the system says, and [`io::ErrorKind::TimedOut`].
    pub fn send(&mut self, octets: &[u8]) -> io::Result<()> {
        let stream = self.stream();
        stream.write_all(octets).and_then(|()| stream.flush()).map_err(timed_out)
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// If it is not positive (2xx, 3xx), too long, or does not come.
    pub fn read_reply(&mut self) -> io::Result<()> {
        let mut reply = Vec::new();
        let mut buffer = [0; 512];
        // Ends: every turn reads something, and a reply has a largest size.
        while reply.len() < REPLY_BYTES_MAX && !is_complete(&reply) {
            let count = self.stream().read(&mut buffer).map_err(timed_out)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reply.extend_from_slice(buffer.get(..count).unwrap_or_default());
        }
        if matches!(reply.first(), Some(b'2' | b'3')) && is_complete(&reply) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&reply);
        Err(io::Error::other(format!("it said {:?}", text.lines().next().unwrap_or_default())))
    }

    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// As [`Client::send`] and [`Client::read_reply`].
    pub fn ask(&mut self, line: &[u8]) -> io::Result<()> {
        self.send(line)?;
        self.read_reply()
    }

    /// The handshake, after the reply to STARTTLS.
    ///
    /// # Errors
    /// What rustls or the system says.
    pub fn secure(self, config: &Arc<ClientConfig>) -> io::Result<Self> {
        let Stream::Clear(mut stream) = self.0 else {
            return Err(io::Error::other("it is TLS already"));
        };
        let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
        // Ends: `complete_io` returns when the handshake is done, or with an error.
        while tls.is_handshaking() {
            tls.complete_io(&mut stream).map_err(timed_out)?;
        }
        Ok(Self(Stream::Tls(Box::new(StreamOwned::new(tls, stream)))))
    }

    /// Whether the other side has closed. Never waits; data that waits to be read is no close.
    ///
    /// # Errors
    /// What the system says.
    pub fn is_closed(&self) -> io::Result<bool> {
        let socket = match &self.0 {
            Stream::Clear(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        };
        socket.set_nonblocking(true)?;
        let peeked = socket.peek(&mut [0]);
        socket.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(true),
            other => Ok(other? == 0),
        }
    }

    fn stream(&mut self) -> &mut dyn ReadWrite {
        match &mut self.0 {
            Stream::Clear(stream) => stream,
            Stream::Tls(stream) => stream.as_mut(),
        }
    }
}

trait ReadWrite: Read + Write {}

impl<S: Read + Write> ReadWrite for S {}

/// A mail transaction before its content: each line waits for its reply.
pub const ENVELOPE: [&[u8]; 3] =
    [b"MAIL FROM:<sender@client.example>\r\n", b"RCPT TO:<rcpt@sink.example>\r\n", b"DATA\r\n"];

/// A header section, about `bytes` octets in lines of 76 columns, and the end of data.
#[must_use]
pub fn content(bytes: usize) -> Vec<u8> {
    const LINE: &[u8] =
        b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/abcdefghijkl\r\n";
    let body = LINE.repeat(bytes.div_ceil(LINE.len()));
    [b"From: <sender@client.example>\r\nSubject: load\r\n\r\n", body.as_slice(), b".\r\n"].concat()
}

/// How Linux spells a timeout of a blocking socket.
fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        return io::ErrorKind::TimedOut.into();
    }
    error
}

/// Whether the last line ends the reply: a space, not a hyphen, behind the code (RFC 5321 4.2.1).
fn is_complete(reply: &[u8]) -> bool {
    let Some(lines) = reply.strip_suffix(b"\r\n") else { return false };
    let last = lines.rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    last.get(3).is_none_or(|&byte| byte == b' ')
}

#[cfg(test)]
mod tests {
    use super::{content, is_complete};

    #[test]
    fn a_reply_ends_with_a_line_without_hyphen() {
        for (reply, complete) in [
            ("", false),
            ("220 a", false),
            ("220 a\r\n", true),
            ("220\r\n", true),
            ("250-a\r\n", false),
            ("250-a\r\n250 b", false),
            ("250-a\r\n250 b\r\n", true),
        ] {
            assert_eq!(is_complete(reply.as_bytes()), complete, "{reply:?}");
        }
    }

    #[test]
    fn content_has_its_size_and_one_end() {
        for bytes in [1, 4_096, 65_536] {
            let content = content(bytes);
            assert!((bytes..bytes + 200).contains(&content.len()), "{bytes}");
            let text = String::from_utf8(content).unwrap();
            assert_eq!(text.find("\r\n.\r\n"), Some(text.len() - 5));
            assert!(text.lines().all(|line| line.len() <= 76));
        }
    }
}
