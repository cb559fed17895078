//! From a line to a command.
//!
//! * **In**: a line without its ending, a dialect. **Out**: [`Command`], or where and why it is none.
//! * **Promises**: a standard verb never looks at what the dialect registers. **Limits**: as
//!   [`command`](super). **Panics**: never. **Spec**: RFC 5321 4.1.1, and as [`command`](super).

use alloc::borrow::Cow;
use alloc::boxed::Box;

use ascii::AsciiStr;

use super::Command;
use crate::address_syntax::AddressSyntax;
use crate::chunk::Chunk;
use crate::class;
use crate::client_name::ClientName;
use crate::cursor::Cursor;
use crate::dialect::Dialect;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::etrn::EtrnArgument;
use crate::params::{MailParams, RcptParams, parse_size};
use crate::path::{ForwardPath, ReversePath};
use crate::query::Query;
use crate::sasl::{InitialResponse, Mechanism};
use crate::verb::{Verb, first_word, is_unimplemented};
use crate::xclient::XClient;
use crate::xforward::XForward;

pub(crate) fn parse<'a>(line: &'a [u8], dialect: &Dialect) -> Result<Command<'a>, SyntaxError> {
    let Some(verb) = Verb::of(line) else { return parse_other(line, dialect) };
    let line = without_white_space(line);
    let verb_bytes = verb.as_str().len();
    // Most commands are their verb and nothing else.
    let argument =
        if line.len() <= verb_bytes { None } else { parse_text(line)?.get(verb_bytes..) };
    let mut cursor = Cursor::behind(verb_bytes, argument.unwrap_or_default());
    cursor.skip_spaces();
    parse_argument(verb, &mut cursor, dialect.address_syntax())
}

/// A line that begins with none of our verbs.
fn parse_other<'a>(line: &'a [u8], dialect: &Dialect) -> Result<Command<'a>, SyntaxError> {
    let word = first_word(line);
    let registered = core::str::from_utf8(word).ok().and_then(|word| dialect.find_verb(word));
    if registered.is_none() {
        let kind = if is_unimplemented(word) {
            SyntaxErrorKind::NotImplemented
        } else {
            SyntaxErrorKind::UnknownCommand
        };
        return Err(SyntaxError::new(kind, 0));
    }
    let mut cursor = Cursor::new(parse_text(without_white_space(line))?);
    let verb = cursor.take_word();
    cursor.skip_spaces();
    Ok(Command::Other { verb: Cow::Borrowed(verb), argument: Cow::Borrowed(cursor.rest()) })
}

/// The text of a line that is UTF-8 and free of control characters.
fn parse_text(line: &[u8]) -> Result<&str, SyntaxError> {
    // Nearly every line: finding out that it is UTF-8 costs several times as much.
    if class::is_printable_ascii(line)
        && let Ok(text) = AsciiStr::from_ascii(line)
    {
        return Ok(text.as_str());
    }
    let text = core::str::from_utf8(line)
        .map_err(|error| SyntaxError::new(SyntaxErrorKind::NotUtf8, error.valid_up_to()))?;
    match class::find_control(text) {
        Some(offset) => Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset)),
        None => Ok(text),
    }
}

/// A line without the white space at its end.
fn without_white_space(mut line: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = line {
        line = rest;
    }
    line
}

fn parse_argument<'a>(
    verb: Verb,
    cursor: &mut Cursor<'a>,
    syntax: AddressSyntax,
) -> Result<Command<'a>, SyntaxError> {
    match verb {
        Verb::Ehlo => parse_client_name(cursor).map(Command::Ehlo),
        Verb::Helo => parse_client_name(cursor).map(Command::Helo),
        Verb::Lhlo => parse_client_name(cursor).map(Command::Lhlo),
        Verb::Mail => {
            expect_keyword(cursor, "FROM:", SyntaxErrorKind::ReversePath)?;
            parse_mail(cursor, syntax)
        }
        Verb::Rcpt => {
            expect_keyword(cursor, "TO:", SyntaxErrorKind::ForwardPath)?;
            parse_rcpt(cursor, syntax)
        }
        Verb::Bdat => parse_chunk(cursor).map(Command::Bdat),
        Verb::Auth => parse_auth(cursor),
        Verb::Vrfy => parse_query(cursor).map(Command::Vrfy),
        Verb::Expn => parse_query(cursor).map(Command::Expn),
        Verb::Help => {
            let topic = cursor.rest();
            Ok(Command::Help((!topic.is_empty()).then_some(Cow::Borrowed(topic))))
        }
        Verb::Noop => Ok(Command::Noop),
        Verb::Data => expect_end(cursor).map(|()| Command::Data),
        Verb::Rset => expect_end(cursor).map(|()| Command::Rset),
        Verb::Quit => expect_end(cursor).map(|()| Command::Quit),
        Verb::StartTls => expect_end(cursor).map(|()| Command::StartTls),
        Verb::Etrn => {
            expect_argument(cursor)?;
            let argument = EtrnArgument::read(cursor)?;
            expect_end(cursor)?;
            Ok(Command::Etrn(argument))
        }
        Verb::XClient => {
            expect_argument(cursor)?;
            Ok(Command::XClient(Box::new(XClient::read(cursor)?)))
        }
        Verb::XForward => {
            expect_argument(cursor)?;
            Ok(Command::XForward(Box::new(XForward::read(cursor)?)))
        }
    }
}

/// A command is large: it is made where it is returned, hence not inlined, and its parts are read into it.
#[inline(never)]
fn parse_mail<'a>(
    cursor: &mut Cursor<'a>,
    syntax: AddressSyntax,
) -> Result<Command<'a>, SyntaxError> {
    let (from, params) = (ReversePath::Null, MailParams::default());
    let mut command = Ok(Command::Mail { from, params });
    if let Ok(Command::Mail { from, params }) = &mut command
        && let Err(error) = ReversePath::read(cursor, syntax).and_then(|path| {
            *from = path;
            params.read(cursor)
        })
    {
        command = Err(error);
    }
    command
}

/// As [`parse_mail`].
#[inline(never)]
fn parse_rcpt<'a>(
    cursor: &mut Cursor<'a>,
    syntax: AddressSyntax,
) -> Result<Command<'a>, SyntaxError> {
    let (to, params) = (ForwardPath::Postmaster, RcptParams::default());
    let mut command = Ok(Command::Rcpt { to, params });
    if let Ok(Command::Rcpt { to, params }) = &mut command
        && let Err(error) = ForwardPath::read(cursor, syntax).and_then(|path| {
            *to = path;
            params.read(cursor)
        })
    {
        command = Err(error);
    }
    command
}

fn parse_client_name<'a>(cursor: &mut Cursor<'a>) -> Result<ClientName<'a>, SyntaxError> {
    expect_argument(cursor)?;
    let client = ClientName::read(cursor)?;
    if cursor.is_at_end() {
        return Ok(client);
    }
    // RFC 5321 4.1.1.1: old clients put text behind an address literal, which may be ignored.
    let name = client.as_str();
    if name.starts_with('[') && name.ends_with(']') {
        Ok(client)
    } else {
        Err(cursor.error(SyntaxErrorKind::ClientName))
    }
}

/// RFC 3030 2: whoever misreads the size takes content for commands, so nothing is forgiven here.
fn parse_chunk(cursor: &mut Cursor<'_>) -> Result<Chunk, SyntaxError> {
    expect_argument(cursor)?;
    let error = cursor.error(SyntaxErrorKind::ChunkSize);
    let bytes = parse_size(cursor.take(class::PRINTABLE)).ok_or(error)?;
    let last = cursor.accept_word(" LAST");
    if cursor.is_at_end() {
        Ok(Chunk { bytes, last })
    } else {
        Err(cursor.error(SyntaxErrorKind::ChunkSize))
    }
}

fn parse_auth<'a>(cursor: &mut Cursor<'a>) -> Result<Command<'a>, SyntaxError> {
    expect_argument(cursor)?;
    let mechanism = Mechanism::read(cursor)?;
    let initial_response =
        if cursor.skip_spaces() { Some(InitialResponse::read(cursor)?) } else { None };
    expect_end(cursor)?;
    Ok(Command::Auth { mechanism, initial_response })
}

fn parse_query<'a>(cursor: &mut Cursor<'a>) -> Result<Query<'a>, SyntaxError> {
    expect_argument(cursor)?;
    Ok(Query::of(cursor.rest()))
}

fn expect_argument(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    if cursor.is_at_end() {
        return Err(cursor.error(SyntaxErrorKind::MissingArgument));
    }
    Ok(())
}

fn expect_keyword(
    cursor: &mut Cursor<'_>,
    keyword: &str,
    kind: SyntaxErrorKind,
) -> Result<(), SyntaxError> {
    expect_argument(cursor)?;
    if !cursor.accept_word(keyword) {
        return Err(cursor.error(kind));
    }
    Ok(())
}

fn expect_end(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    if cursor.is_at_end() { Ok(()) } else { Err(cursor.error(SyntaxErrorKind::UnexpectedArgument)) }
}
