//! From a command to a line.
//!
//! * **In**: [`Command`]. **Out**: one line with its CRLF. **Promises**: whatever the command holds,
//!   it is one line. **Limits**: none; whoever makes a command bounds it. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1, and as [`command`](super).

use core::fmt::{self, Write as _};

use bytes::{BufMut, BytesMut};

use super::Command;
use crate::chunk::Chunk;
use crate::class;
use crate::query::Query;

pub(super) fn encode(command: &Command<'_>, out: &mut BytesMut) {
    if let Some(verb) = command.verb() {
        out.put_slice(verb.as_str().as_bytes());
    }
    match command {
        Command::Ehlo(name) | Command::Helo(name) | Command::Lhlo(name) => {
            put_word(name.as_str(), out);
        }
        Command::Mail { from, params } => {
            out.put_slice(b" FROM:");
            from.encode(out);
            params.encode(out);
        }
        Command::Rcpt { to, params } => {
            out.put_slice(b" TO:");
            to.encode(out);
            params.encode(out);
        }
        Command::Bdat(Chunk { bytes, last }) => {
            put_display(format_args!(" {bytes}"), out);
            if *last {
                out.put_slice(b" LAST");
            }
        }
        Command::Auth { mechanism, initial_response } => {
            put_word(mechanism.as_str(), out);
            if let Some(response) = initial_response {
                put_word(response.as_str(), out);
            }
        }
        Command::Vrfy(Query { argument, smtputf8 })
        | Command::Expn(Query { argument, smtputf8 }) => {
            out.put_u8(b' ');
            put_text(argument, out);
            if *smtputf8 {
                put_word("SMTPUTF8", out);
            }
        }
        Command::Help(Some(topic)) => {
            out.put_u8(b' ');
            put_text(topic, out);
        }
        Command::Etrn(argument) => {
            out.put_u8(b' ');
            out.put_slice(argument.option().as_bytes());
            put_text(argument.as_str(), out);
        }
        Command::XClient(client) => client.encode(out),
        Command::XForward(client) => client.encode(out),
        Command::Other { verb, argument } => {
            put_text(verb, out);
            if !argument.is_empty() {
                out.put_u8(b' ');
                put_text(argument, out);
            }
        }
        Command::Data
        | Command::Rset
        | Command::Noop
        | Command::Quit
        | Command::StartTls
        | Command::Help(None) => {}
    }
    out.put_slice(b"\r\n");
}

/// Appends what `value` displays.
pub(crate) fn put_display(value: impl fmt::Display, out: &mut BytesMut) {
    // A buffer that grows takes any text, so there is no error to pass on.
    let _ = write!(out, "{value}");
}

fn put_word(word: &str, out: &mut BytesMut) {
    out.put_u8(b' ');
    out.put_slice(word.as_bytes());
}

fn put_text(text: &str, out: &mut BytesMut) {
    match class::find_control(text) {
        None => out.put_slice(text.as_bytes()),
        Some(_) => {
            put_display(text.replace(char::is_control, "?"), out);
        }
    }
}
