//! Command lines: one line in, one value out, and back.
//!
//! * **In**: a line without its ending. **Out**: [`Command`], or where and why it is none.
//! * **Promises**: verbs and keywords match without case; a value cannot hold a control character,
//!   so an encoded command is one line; parsing an ASCII command without unknown parameters
//!   allocates nothing.
//! * **Limits**: the length of a line is the caller's (see [`limits`](crate::limits)); work is linear
//!   in it, but for unknown parameters, which are compared pairwise. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1; RFC 3030 2 (BDAT), 3207 4 (STARTTLS), 4954 4 (AUTH), 2033 4.1 (LHLO).

use alloc::borrow::Cow;
use core::fmt::{self, Write as _};

use bytes::{BufMut, BytesMut};

use crate::address_syntax::AddressSyntax;
use crate::chunk::Chunk;
use crate::class;
use crate::client_name::ClientName;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::params::{MailParams, RcptParams, parse_size};
use crate::path::{ForwardPath, ReversePath};
use crate::sasl::{InitialResponse, Mechanism};
use crate::verb::Verb;

/// A command of SMTP or LMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `EHLO`: begin a session with extensions.
    Ehlo(ClientName<'a>),
    /// `HELO`: begin a session without them.
    Helo(ClientName<'a>),
    /// `LHLO`: begin an LMTP session.
    Lhlo(ClientName<'a>),
    /// `MAIL`: begin a transaction.
    Mail {
        /// Who sends.
        from: ReversePath<'a>,
        /// Parameters of the extensions.
        params: MailParams<'a>,
    },
    /// `RCPT`: add a recipient.
    Rcpt {
        /// Who receives.
        to: ForwardPath<'a>,
        /// Parameters of the extensions.
        params: RcptParams<'a>,
    },
    /// `DATA`: content follows, up to a line with a single dot.
    Data,
    /// `BDAT`: a chunk of content follows.
    Bdat(Chunk),
    /// `RSET`: drop the transaction.
    Rset,
    /// `NOOP`: nothing; what follows the verb is ignored.
    Noop,
    /// `QUIT`: end the session.
    Quit,
    /// `STARTTLS`: begin TLS.
    StartTls,
    /// `AUTH`: begin a SASL exchange.
    Auth {
        /// The mechanism that the client chose.
        mechanism: Mechanism<'a>,
        /// The response to the challenge that was not sent.
        initial_response: Option<InitialResponse<'a>>,
    },
    /// `VRFY`: is this a mailbox? The argument is as written.
    Vrfy(Cow<'a, str>),
    /// `EXPN`: who is on this list? The argument is as written.
    Expn(Cow<'a, str>),
    /// `HELP`, with a topic as written.
    Help(Option<Cow<'a, str>>),
}

impl<'a> Command<'a> {
    /// Parses a line without its ending.
    ///
    /// White space at the end of the line is ignored, and so is more than one space between words,
    /// except behind the colon of `FROM:` and `TO:`, where the grammar has no space at all and
    /// one is forgiven.
    ///
    /// # Errors
    ///
    /// [`UnknownCommand`](SyntaxErrorKind::UnknownCommand) goes before all others; then
    /// [`NotUtf8`](SyntaxErrorKind::NotUtf8) and
    /// [`ControlCharacter`](SyntaxErrorKind::ControlCharacter), wherever they stand; then whatever
    /// of the argument comes first.
    pub fn parse(line: &'a [u8]) -> Result<Self, SyntaxError> {
        Self::parse_with(line, AddressSyntax::default())
    }

    /// As [`parse`](Self::parse), with another `syntax` of addresses.
    pub(crate) fn parse_with(line: &'a [u8], syntax: AddressSyntax) -> Result<Self, SyntaxError> {
        let verb = Verb::of(line).ok_or(SyntaxError::new(SyntaxErrorKind::UnknownCommand, 0))?;
        let line = core::str::from_utf8(line)
            .map_err(|error| SyntaxError::new(SyntaxErrorKind::NotUtf8, error.valid_up_to()))?
            .trim_end_matches([' ', '\t']);
        if let Some(offset) = class::find_control(line) {
            return Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset));
        }
        let mut cursor = Cursor::at(line, verb.as_str().len());
        cursor.skip_spaces();
        parse_argument(verb, &mut cursor, syntax)
    }

    /// Appends the line, with its CRLF, that [`parse`](Self::parse) reads as this command.
    ///
    /// Local-parts go out with the least quoting, letter case as it is. In the free text of VRFY,
    /// EXPN and HELP control characters become `?`.
    pub fn encode(&self, out: &mut BytesMut) {
        out.put_slice(self.verb().as_str().as_bytes());
        match self {
            Self::Ehlo(name) | Self::Helo(name) | Self::Lhlo(name) => put_word(name.as_str(), out),
            Self::Mail { from, params } => {
                out.put_slice(b" FROM:");
                from.encode(out);
                params.encode(out);
            }
            Self::Rcpt { to, params } => {
                out.put_slice(b" TO:");
                to.encode(out);
                params.encode(out);
            }
            Self::Bdat(Chunk { bytes, last }) => {
                put_display(format_args!(" {bytes}"), out);
                if *last {
                    out.put_slice(b" LAST");
                }
            }
            Self::Auth { mechanism, initial_response } => {
                put_word(mechanism.as_str(), out);
                if let Some(response) = initial_response {
                    put_word(response.as_str(), out);
                }
            }
            Self::Vrfy(text) | Self::Expn(text) | Self::Help(Some(text)) => put_text(text, out),
            Self::Data
            | Self::Rset
            | Self::Noop
            | Self::Quit
            | Self::StartTls
            | Self::Help(None) => {}
        }
        out.put_slice(b"\r\n");
    }

    /// The same command without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Command<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Ehlo(name) => Command::Ehlo(name.into_owned()),
            Self::Helo(name) => Command::Helo(name.into_owned()),
            Self::Lhlo(name) => Command::Lhlo(name.into_owned()),
            Self::Mail { from, params } => {
                Command::Mail { from: from.into_owned(), params: params.into_owned() }
            }
            Self::Rcpt { to, params } => {
                Command::Rcpt { to: to.into_owned(), params: params.into_owned() }
            }
            Self::Data => Command::Data,
            Self::Bdat(chunk) => Command::Bdat(chunk),
            Self::Rset => Command::Rset,
            Self::Noop => Command::Noop,
            Self::Quit => Command::Quit,
            Self::StartTls => Command::StartTls,
            Self::Auth { mechanism, initial_response } => Command::Auth {
                mechanism: mechanism.into_owned(),
                initial_response: initial_response.map(InitialResponse::into_owned),
            },
            Self::Vrfy(text) => Command::Vrfy(own(text)),
            Self::Expn(text) => Command::Expn(own(text)),
            Self::Help(topic) => Command::Help(topic.map(own)),
        }
    }

    /// The first word.
    #[must_use]
    pub const fn verb(&self) -> Verb {
        match self {
            Self::Ehlo(_) => Verb::Ehlo,
            Self::Helo(_) => Verb::Helo,
            Self::Lhlo(_) => Verb::Lhlo,
            Self::Mail { .. } => Verb::Mail,
            Self::Rcpt { .. } => Verb::Rcpt,
            Self::Data => Verb::Data,
            Self::Bdat(_) => Verb::Bdat,
            Self::Rset => Verb::Rset,
            Self::Noop => Verb::Noop,
            Self::Quit => Verb::Quit,
            Self::StartTls => Verb::StartTls,
            Self::Auth { .. } => Verb::Auth,
            Self::Vrfy(_) => Verb::Vrfy,
            Self::Expn(_) => Verb::Expn,
            Self::Help(_) => Verb::Help,
        }
    }
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
            let from = ReversePath::read(cursor, syntax)?;
            let mut params = MailParams::default();
            params.read(cursor)?;
            Ok(Command::Mail { from, params })
        }
        Verb::Rcpt => {
            expect_keyword(cursor, "TO:", SyntaxErrorKind::ForwardPath)?;
            let to = ForwardPath::read(cursor, syntax)?;
            let mut params = RcptParams::default();
            params.read(cursor)?;
            Ok(Command::Rcpt { to, params })
        }
        Verb::Bdat => parse_chunk(cursor).map(Command::Bdat),
        Verb::Auth => parse_auth(cursor),
        Verb::Vrfy => expect_text(cursor).map(Command::Vrfy),
        Verb::Expn => expect_text(cursor).map(Command::Expn),
        Verb::Help => Ok(Command::Help(expect_text(cursor).ok())),
        Verb::Noop => Ok(Command::Noop),
        Verb::Data => alone(cursor, Command::Data),
        Verb::Rset => alone(cursor, Command::Rset),
        Verb::Quit => alone(cursor, Command::Quit),
        Verb::StartTls => alone(cursor, Command::StartTls),
    }
}

fn parse_client_name<'a>(cursor: &mut Cursor<'a>) -> Result<ClientName<'a>, SyntaxError> {
    expect_argument(cursor)?;
    let start = cursor.offset();
    let name = cursor.take(class::PRINTABLE);
    let client = ClientName::new(name).map_err(|error| error.shifted(start))?;
    // RFC 5321 4.1.1.1: old clients put text behind an address literal, which may be ignored.
    let literal = name.starts_with('[') && name.ends_with(']');
    if literal || cursor.is_at_end() {
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
    let start = cursor.offset();
    let mechanism =
        Mechanism::new(cursor.take(class::PRINTABLE)).map_err(|error| error.shifted(start))?;
    let initial_response = if cursor.skip_spaces() {
        let start = cursor.offset();
        let response = InitialResponse::new(cursor.take(class::PRINTABLE));
        Some(response.map_err(|error| error.shifted(start))?)
    } else {
        None
    };
    alone(cursor, Command::Auth { mechanism, initial_response })
}

fn expect_argument(cursor: &Cursor<'_>) -> Result<(), SyntaxError> {
    if cursor.is_at_end() {
        return Err(cursor.error(SyntaxErrorKind::MissingArgument));
    }
    Ok(())
}

fn expect_text<'a>(cursor: &Cursor<'a>) -> Result<Cow<'a, str>, SyntaxError> {
    expect_argument(cursor)?;
    Ok(Cow::Borrowed(cursor.rest()))
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

fn alone<'a>(cursor: &Cursor<'_>, command: Command<'a>) -> Result<Command<'a>, SyntaxError> {
    if cursor.is_at_end() {
        Ok(command)
    } else {
        Err(cursor.error(SyntaxErrorKind::UnexpectedArgument))
    }
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
    out.put_u8(b' ');
    match class::find_control(text) {
        None => out.put_slice(text.as_bytes()),
        Some(_) => {
            put_display(text.replace(char::is_control, "?"), out);
        }
    }
}
