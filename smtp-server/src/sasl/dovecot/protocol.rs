//! The lines that are exchanged with Dovecot.
//!
//! * **In**: steps of an exchange, lines of the server. **Out**: lines, answers. **Promises**: a value of the client cannot end
//!   a line or a field: it is in base64 or escaped. **Limits**: none. **Panics**: never.
//! * **Spec**: Dovecot authentication protocol, version 1: fields end at tabs; `CPID` has to differ between connections.

use std::collections::hash_map::RandomState;
use std::fmt::Write;
use std::hash::BuildHasher;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::info::SessionInfo;

/// Those that are passed on, strongest first.
const MECHANISMS: [&str; 7] =
    ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN", "LOGIN", "CRAM-MD5", "OAUTHBEARER", "XOAUTH2"];

/// Each connection has one request.
const REQUEST: &str = "1";

pub(super) enum Answer {
    Continue(Vec<u8>),
    Right { user: String },
    Wrong { user: String },
    Unavailable,
}

pub(super) fn greeting() -> String {
    static CONNECTIONS: AtomicU32 = AtomicU32::new(0);
    let number = CONNECTIONS.fetch_add(1, Ordering::Relaxed);
    // Other programs choose their process number, which is small; another server like this one, something else.
    let unique = RandomState::new().hash_one(number) | 0x4000_0000;
    format!("VERSION\t1\t1\nCPID\t{}\n", unique & 0x7fff_ffff)
}

/// The mechanisms that the greeting names and we know.
pub(super) fn mechanisms(greeting: &[String]) -> Vec<&'static str> {
    let offers = |name: &str| {
        greeting.iter().filter_map(|line| line.strip_prefix("MECH\t")).any(|mechanism| {
            mechanism.split('\t').next().is_some_and(|offered| offered.eq_ignore_ascii_case(name))
        })
    };
    MECHANISMS.into_iter().filter(|name| offers(name)).collect()
}

pub(super) fn check_version(greeting: &[String]) -> io::Result<()> {
    let is_ours = greeting.iter().any(|line| line.starts_with("VERSION\t1\t"));
    if is_ours { Ok(()) } else { Err(wrong("it does not speak version 1 of the protocol")) }
}

/// The first line of an exchange.
pub(super) fn auth(
    mechanism: &str,
    response: Option<&[u8]>,
    info: &SessionInfo,
) -> Zeroizing<String> {
    let mut line = format!("AUTH\t{REQUEST}\t{mechanism}\tservice=smtp");
    if info.tls.is_some() {
        line.push_str("\tsecured");
    }
    for (end, ip, port) in [(info.peer.local, "lip", "lport"), (info.peer.remote, "rip", "rport")] {
        if let Some(end) = end {
            // Writing to a string cannot fail.
            let _ = write!(line, "\t{ip}={}\t{port}={}", end.ip().to_canonical(), end.port());
        }
    }
    if let Some(response) = response {
        // The last one by definition.
        let _ = write!(line, "\tresp={}", *Zeroizing::new(STANDARD.encode(response)));
    }
    line.push('\n');
    Zeroizing::new(line)
}

/// A further line of an exchange.
pub(super) fn cont(response: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(format!("CONT\t{REQUEST}\t{}\n", *Zeroizing::new(STANDARD.encode(response))))
}

pub(super) fn answer(line: &str) -> io::Result<Answer> {
    let mut fields = line.split('\t');
    let (verb, request) = (fields.next(), fields.next());
    if request != Some(REQUEST) {
        return Err(wrong("its answer is to another request"));
    }
    let (mut user, mut is_temporary, mut first) = (String::new(), false, None);
    for field in fields {
        match field.split_once('=') {
            Some(("user", name)) => user = unescaped(name),
            Some(("code", "temp_fail")) => is_temporary = true,
            None if field == "temp" => is_temporary = true,
            _ => {}
        }
        first.get_or_insert(field);
    }
    match verb {
        Some("CONT") => {
            let challenge = STANDARD.decode(first.unwrap_or_default());
            Ok(Answer::Continue(challenge.map_err(|_| wrong("its challenge is not base64"))?))
        }
        Some("OK") if !user.is_empty() => Ok(Answer::Right { user }),
        Some("FAIL") if is_temporary => Ok(Answer::Unavailable),
        Some("FAIL") => Ok(Answer::Wrong { user }),
        _ => Err(wrong("its answer is none")),
    }
}

pub(super) fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// An octet 1 stands before what is not itself.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        let escaped = if character == '\x01' { characters.next() } else { None };
        plain.push(match escaped {
            None => character,
            Some('0') => '\0',
            Some('1') => '\x01',
            Some('t') => '\t',
            Some('r') => '\r',
            Some('n') => '\n',
            Some(other) => other,
        });
    }
    plain
}
