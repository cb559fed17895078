//! From a line to its handler.
//!
//! * **In**: the input buffer. **Out**: one handled line, or the wish for more octets.
//! * **Promises**: a line is judged only when it is complete; an over-long one costs no memory.
//! * **Limits**: [`Limits::command_line_bytes_max`](crate::config::Limits::command_line_bytes_max) and what
//!   extensions add. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1, 4.2.4; RFC 2920 3.2.

use bytes::{Buf, BytesMut};
use smtp_proto::{
    Command, Line, LineEnding, Reply, SyntaxError, SyntaxErrorKind, Verb, limits, replies,
};

use super::Session;
use super::content::Content;
use super::guard::is_foreign_protocol;
use super::state::{Mail, State};
use crate::config::{BareNewline, OutOfTurn};
use crate::hooks::CloseReason;

/// The first octet of a TLS client (RFC 8446 5.1), and of no command.
const TLS_HANDSHAKE: u8 = 0x16;

/// What the input buffer begins with.
pub(super) enum Start {
    /// Not a whole line yet.
    Incomplete,
    /// A line of so many octets, and so many with its ending.
    Line { bytes: usize, consumed: usize },
    /// The end of an over-long line, which is consumed.
    TooLong,
    /// A line that is not waited for any longer.
    Endless,
    /// A line feed that ends nothing.
    BareLineFeed,
    /// A TLS client's hello, in which no line has to end.
    TlsHello,
}

impl Session {
    /// Handles one line. False if none is complete.
    pub(super) fn read_line(&mut self) -> bool {
        let in_exchange = matches!(self.state, State::Exchange(_));
        let bytes_max = if in_exchange {
            limits::AUTH_RESPONSE_BYTES_MAX
        } else {
            self.command_line_bytes_max()
        };
        let start = self.start_of_input(bytes_max);
        #[cfg(feature = "testing")]
        if self.is_interrupted(&start) {
            return true;
        }
        match start {
            Start::Incomplete => return false,
            Start::TooLong => self.line_too_long(),
            Start::Endless => self.close_with(&replies::LINE_TOO_LONG, CloseReason::Refused),
            Start::BareLineFeed => self.close_with(&replies::BARE_LINE_FEED, CloseReason::Refused),
            Start::TlsHello => self.close_with(&replies::NOT_SMTP, CloseReason::Refused),
            Start::Line { bytes, consumed } => {
                let mut input = std::mem::take(&mut self.input);
                let is_last = input.len() == consumed;
                self.handle_line(&input[..bytes], is_last);
                input.advance(consumed);
                self.keep_input(input);
            }
        }
        true
    }

    /// A command between two chunks of one message: only those that end or continue it act.
    pub(super) fn read_line_between_chunks(&mut self, content: &mut Content) -> bool {
        let bytes_max = self.command_line_bytes_max();
        let start = self.start_of_input(bytes_max);
        #[cfg(feature = "testing")]
        self.hear(&start);
        match start {
            Start::Incomplete => return false,
            Start::TooLong => self.refuse(&replies::LINE_TOO_LONG),
            Start::Endless => content.close_with(replies::LINE_TOO_LONG, CloseReason::Refused),
            Start::BareLineFeed => {
                content.close_with(replies::BARE_LINE_FEED, CloseReason::Refused);
            }
            Start::TlsHello => content.close_with(replies::NOT_SMTP, CloseReason::Refused),
            Start::Line { bytes, consumed } => {
                let mut input = std::mem::take(&mut self.input);
                let is_last = input.len() == consumed;
                self.handle_line_between_chunks(&input[..bytes], is_last, content);
                input.advance(consumed);
                self.keep_input(input);
            }
        }
        if content.is_open() && self.guard.is_exhausted() {
            content.close_with(replies::TOO_MANY_ERRORS, CloseReason::TooManyErrors);
        }
        true
    }

    /// Of the line that the input begins with.
    fn command_line_bytes_max(&self) -> usize {
        let added = limits::command_line_bytes_max(&self.input) - limits::COMMAND_LINE_BYTES_MAX;
        self.config.limits.command_line_bytes_max.saturating_add(added)
    }

    fn start_of_input(&mut self, bytes_max: usize) -> Start {
        if self.is_at_line_start() && self.input.first() == Some(&TLS_HANDSHAKE) {
            return Start::TlsHello;
        }
        match self.lines.decode(&self.input, bytes_max) {
            Line::Incomplete => Start::Incomplete,
            // How many octets follow it is not known, so the stream cannot be kept in sync.
            Line::Discard { .. } | Line::TooLong { .. } if self.begins_chunk() => Start::Endless,
            Line::Discard { consumed } => {
                if self.discard_line_octets(consumed) {
                    Start::Incomplete
                } else {
                    Start::Endless
                }
            }
            Line::TooLong { consumed } => {
                let within_budget = self.discard_line_octets(consumed);
                self.discarded_line_bytes = 0;
                if within_budget { Start::TooLong } else { Start::Endless }
            }
            Line::Complete { ending: LineEnding::BareLf, .. }
                if self.bare_newline == BareNewline::Reject =>
            {
                Start::BareLineFeed
            }
            Line::Complete { bytes, consumed, .. } => Start::Line { bytes, consumed },
        }
    }

    /// Whether the over-long line is a BDAT.
    fn begins_chunk(&self) -> bool {
        self.is_at_line_start() && Verb::of(&self.input) == Some(Verb::Bdat)
    }

    /// Whether nothing of the line was thrown away yet.
    fn is_at_line_start(&self) -> bool {
        self.discarded_line_bytes == 0
    }

    /// Throws octets of an over-long line away. False once they are too many.
    fn discard_line_octets(&mut self, consumed: usize) -> bool {
        self.input.advance(consumed);
        self.discarded_line_bytes += consumed as u64;
        self.discarded_line_bytes <= limits::DISCARDED_LINE_BYTES_MAX
    }

    fn line_too_long(&mut self) {
        if matches!(self.state, State::Exchange(_)) {
            self.refuse(&replies::AUTH_LINE_TOO_LONG);
            self.state = State::Command(Mail::None);
        } else {
            self.refuse(&replies::LINE_TOO_LONG);
        }
    }

    /// Puts the rest of the input back; a handler may have closed or begun content, which reads on from it.
    fn keep_input(&mut self, input: BytesMut) {
        debug_assert!(self.input.is_empty(), "a handler of a line does not read");
        self.input = input;
    }

    fn handle_line(&mut self, line: &[u8], is_last: bool) {
        if !matches!(self.state, State::Exchange(_)) {
            self.output.begin(Verb::of(line));
        }
        match self.take_state() {
            State::Exchange(exchange) => self.state = self.auth_response(exchange, line),
            State::Command(Mail::NoService(answer)) => {
                self.state = self.answer_without_service(line, answer, is_last);
            }
            State::Command(mail) => {
                let parsed = self.config.dialect.parse(line);
                if !is_last && self.is_out_of_turn(line, &parsed) {
                    return self.close_with(&replies::OUT_OF_TURN, CloseReason::OutOfTurn);
                }
                #[cfg(feature = "testing")]
                let Some(mail) = self.pass_fault(&parsed, mail) else { return };
                self.state = match parsed {
                    Ok(command) => self.handle_command(command, mail, is_last),
                    Err(error) => self.refuse_syntax(line, error, mail),
                }
            }
            state => self.state = state,
        }
    }

    /// Where service was refused QUIT ends the session, and all else is refused (RFC 5321 3.1, RFC 3207 4.1).
    fn answer_without_service(&mut self, line: &[u8], answer: Reply, is_last: bool) -> State {
        match Command::parse(line) {
            Ok(command @ (Command::Quit | Command::Bdat(_))) => {
                self.handle_command(command, Mail::NoService(answer), is_last)
            }
            Err(error) if Verb::of(line) == Some(Verb::Bdat) => {
                self.refuse_syntax(line, error, Mail::NoService(answer))
            }
            _ => {
                self.refuse(&answer);
                State::Command(Mail::NoService(answer))
            }
        }
    }

    /// Whether the client sent more where it had to wait for this line's reply. Looks at unread input on
    /// purpose: octets that are there before the reply was written cannot rest on it.
    fn is_out_of_turn(&self, line: &[u8], parsed: &Result<Command<'_>, SyntaxError>) -> bool {
        // STARTTLS has a rule of its own, and another protocol its own farewell.
        let is_exempt = Verb::of(line) == Some(Verb::StartTls) || is_foreign_protocol(line);
        let may_group = self.extended && self.info.hello.is_some();
        self.config.pipelining == OutOfTurn::Refuse
            && !is_exempt
            && !(may_group && may_be_followed(line, parsed))
    }

    fn handle_command(&mut self, command: Command<'_>, mail: Mail, is_last: bool) -> State {
        if self.must_wait_for_tls(&command) {
            return self.refuse_in_clear(&command, mail);
        }
        match command {
            Command::Ehlo(name) => self.hello(Verb::Ehlo, name, mail),
            Command::Helo(name) => self.hello(Verb::Helo, name, mail),
            Command::Lhlo(name) => self.hello(Verb::Lhlo, name, mail),
            Command::Mail { from, params } => self.mail(from, params, mail),
            Command::Rcpt { to, params } => self.rcpt(to, params, mail),
            Command::Data => self.data(mail),
            Command::Bdat(chunk) => self.bdat(chunk, mail),
            Command::Auth { mechanism, initial_response } => {
                self.auth(&mechanism, initial_response.as_ref(), mail)
            }
            Command::StartTls => self.starttls(mail, is_last),
            Command::Rset => self.rset(),
            Command::Noop => self.noop(mail),
            Command::Quit => self.quit(),
            Command::Vrfy(query) => self.vrfy(query, mail),
            Command::Expn(query) => self.expn(query, mail),
            Command::Help(_) => self.answer_idle_command(&replies::HELP, mail),
            Command::Etrn(argument) => self.etrn(argument, mail),
            Command::XClient(client) => self.xclient(*client, mail),
            Command::XForward(told) => self.xforward(*told, mail),
            Command::Other { verb, argument } => self.extension_command(&verb, &argument, mail),
            _ => {
                self.refuse(&replies::NOT_IMPLEMENTED);
                State::Command(mail)
            }
        }
    }

    fn refuse_syntax(&mut self, line: &[u8], error: SyntaxError, mail: Mail) -> State {
        if error.kind == SyntaxErrorKind::UnknownCommand && is_foreign_protocol(line) {
            self.output.push(&replies::NOT_SMTP);
            return State::Closing(CloseReason::Refused);
        }
        self.refuse(&reply_to_syntax_error(error.kind, line));
        if Verb::of(line) == Some(Verb::Bdat) {
            // How many octets follow is not known, so the stream cannot be kept in sync.
            return State::Closing(CloseReason::Refused);
        }
        State::Command(mail)
    }

    fn handle_line_between_chunks(&mut self, line: &[u8], is_last: bool, content: &mut Content) {
        self.output.begin(Verb::of(line));
        let parsed = self.config.dialect.parse(line);
        if !is_last && self.is_out_of_turn(line, &parsed) {
            return content.close_with(replies::OUT_OF_TURN, CloseReason::OutOfTurn);
        }
        match parsed {
            Ok(command) => self.handle_between_chunks(command, content),
            Err(_) if Verb::of(line) == Some(Verb::Bdat) => {
                content.close_with(replies::BAD_CHUNK, CloseReason::Refused);
            }
            Err(error) => self.refuse(&reply_to_syntax_error(error.kind, line)),
        }
    }
}

/// Whether octets may stand behind this command before its reply (RFC 2920 3.1; RFC 4954 4 for AUTH;
/// Postfix sends XFORWARD in one group with MAIL).
fn may_be_followed(line: &[u8], parsed: &Result<Command<'_>, SyntaxError>) -> bool {
    use Verb::{Bdat, Mail, Rcpt, Rset, XForward};
    match parsed {
        Ok(Command::Auth { initial_response, .. }) => initial_response.is_some(),
        _ => matches!(Verb::of(line), Some(Mail | Rcpt | Rset | Bdat | XForward)),
    }
}

fn reply_to_syntax_error(kind: SyntaxErrorKind, line: &[u8]) -> Reply {
    let reply = match (kind, Verb::of(line)) {
        (SyntaxErrorKind::UnknownCommand, _) => replies::UNKNOWN_COMMAND,
        (SyntaxErrorKind::NotImplemented, _) => replies::NOT_IMPLEMENTED,
        (SyntaxErrorKind::NotUtf8, _) => replies::NOT_UTF8,
        (SyntaxErrorKind::UnexpectedArgument, _) => replies::UNEXPECTED_ARGUMENT,
        (SyntaxErrorKind::MissingArgument, _) => replies::MISSING_ARGUMENT,
        (SyntaxErrorKind::ClientName, _) => replies::BAD_CLIENT_NAME,
        (SyntaxErrorKind::ChunkSize, _) => replies::BAD_CHUNK,
        (SyntaxErrorKind::Base64, _) => replies::AUTH_BAD_BASE64,
        (
            SyntaxErrorKind::Parameter
            | SyntaxErrorKind::DuplicateParameter
            | SyntaxErrorKind::ParameterValue,
            _,
        ) => replies::BAD_PARAMETER,
        (_, Some(Verb::Mail)) => replies::BAD_SENDER,
        (_, Some(Verb::Rcpt)) => replies::BAD_RECIPIENT,
        _ => replies::SYNTAX_ERROR,
    };
    match Verb::of(line) {
        Some(Verb::Ehlo | Verb::Helo | Verb::Lhlo) => reply.without_enhanced_code(),
        _ => reply,
    }
}
