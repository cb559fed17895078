//! A client on a socket that blocks.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::PATIENCE;

pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    /// Connects, and takes the greeting.
    pub(super) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self(BufReader::new(stream));
        assert!(client.reply().starts_with("220 "));
        client
    }

    pub(super) fn write(&mut self, octets: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(octets.as_ref()).unwrap();
    }

    /// All lines of a reply; empty if the server closed.
    pub(super) fn reply(&mut self) -> String {
        let mut reply = String::new();
        loop {
            let begin = reply.len();
            self.0.read_line(&mut reply).unwrap();
            if reply.as_bytes().get(begin + 3) != Some(&b'-') {
                return reply;
            }
        }
    }

    pub(super) fn ask(&mut self, command: &str) -> String {
        self.write(format!("{command}\r\n"));
        self.reply()
    }

    /// Up to 354.
    pub(super) fn begin(&mut self, from: &str, to: &[&str]) {
        assert!(self.ask("EHLO client.test").starts_with("250"));
        assert!(self.ask(&format!("MAIL FROM:<{from}>")).starts_with("250 "));
        for recipient in to {
            assert!(self.ask(&format!("RCPT TO:<{recipient}>")).starts_with("250 "));
        }
        assert!(self.ask("DATA").starts_with("354 "));
    }

    /// Sends a message, in which no line begins with a dot; gives its queue id.
    pub(super) fn send(&mut self, from: &str, to: &[&str], content: impl AsRef<[u8]>) -> String {
        self.begin(from, to);
        self.write([content.as_ref(), b"\r\n.\r\n"].concat());
        let reply = self.reply();
        let id = reply.trim_end().rsplit(' ').next().unwrap();
        assert!(reply.starts_with("250 2.0.0 "), "{reply}");
        id.to_owned()
    }

    /// What is there to be read, without waiting for more.
    pub(super) fn at_once(&mut self) -> String {
        self.0.get_mut().set_nonblocking(true).unwrap();
        let mut there = [0; 1000];
        let bytes = self.0.read(&mut there).unwrap();
        String::from_utf8(there[..bytes].to_vec()).unwrap()
    }

    /// Reads until the server ends the connection, politely or not.
    pub(super) fn is_cut(&mut self) -> bool {
        match self.0.read_to_end(&mut Vec::new()) {
            Ok(_) => true,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }
}
