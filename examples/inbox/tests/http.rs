//! Requests, as octets: nothing between the test and the program.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

use crate::harness::{Inbox, PATIENCE};

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl Inbox {
    /// A request as a client that is no browser makes it.
    pub(crate) fn ask(&self, method: &str, path: &str, body: &str) -> Answer {
        ask(self.http(), method, path, &[("Host", &self.http().to_string())], body.as_bytes())
    }

    /// The JSON that `GET` gives, which has to be 200.
    pub(crate) fn fetch(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, "");
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.json()
    }

    /// The subjects that a search finds, newest first.
    pub(crate) fn subjects(&self, query: &str) -> Vec<String> {
        let found = self.fetch(&format!("/api/v1/search?query={}", encoded(query)));
        let messages = found["messages"].as_array().expect("a list");
        messages
            .iter()
            .map(|message| message["Subject"].as_str().expect("text").to_owned())
            .collect()
    }
}

/// A request with these header fields.
pub(crate) fn ask(
    http: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut stream = TcpStream::connect(http).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time");
    // The answer to a request of HTTP/1.0 ends with the connection, and comes in one piece.
    let mut request = format!("{method} {path} HTTP/1.0\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        request += &format!("{name}: {value}\r\n");
    }
    request += "\r\n";
    stream.write_all(request.as_bytes()).expect("a request is taken");
    // One that is refused for its head need not be read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").expect("a head");
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    let headers = head.lines().skip(1).filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        Some((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Answer { status, headers: headers.collect(), body: answer[end + 4..].to_vec() }
}

/// For a place behind the question mark.
pub(crate) fn encoded(text: &str) -> String {
    text.bytes().map(|octet| format!("%{octet:02X}")).collect()
}
