//! What a reply means before there is a transaction.
//!
//! * **In**: a reply, and the command that it answers. **Out**: the next command, or a failure.
//! * **Promises**: the first digit decides, never the text; 421 ends the session wherever it comes; without TLS that
//!   is required nothing is sent but QUIT. **Limits**: one command at a time. **Panics**: never.
//! * **Spec**: RFC 5321 3.2, 3.8 and 4.2, RFC 3207 4, RFC 4954 4.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use smtp_proto::limits::COMMAND_LINE_BYTES_MAX;
use smtp_proto::{Command, EhloReply, Reply, ReplyCode};
use zeroize::Zeroizing;

use super::auth::Exchange;
use super::{Cause, ClientSession, Expected, Failure, Offer, Protocol, Stage, State, TlsUse};

impl ClientSession {
    pub(super) fn handle_reply(&mut self, reply: Reply) {
        let Some(expected) = self.expected.pop_front() else {
            return self.handle_unasked(reply);
        };
        let is_closing = reply.code() == ReplyCode::SERVICE_NOT_AVAILABLE;
        if is_closing && !matches!(expected, Expected::EndOfData | Expected::Quit) {
            return self.fail(expected.stage(), Cause::Reply(reply));
        }
        match expected {
            Expected::Greeting => self.handle_greeting(reply),
            Expected::Hello => self.handle_hello(reply),
            Expected::Helo => self.handle_helo(reply),
            Expected::StartTls => self.handle_starttls(reply),
            Expected::Auth => self.handle_auth(reply),
            Expected::AuthCancelled => self.fail(Stage::Auth, Cause::Challenge),
            Expected::Quit => self.state = State::Closed,
            Expected::Mail
            | Expected::Rcpt(_)
            | Expected::Data
            | Expected::EndOfData
            | Expected::Reset => self.handle_in_transaction(expected, reply),
        }
    }

    /// A reply to nothing: a goodbye, a refusal in the middle of the content, or a fault.
    fn handle_unasked(&mut self, reply: Reply) {
        let stage = self.stage();
        let code = reply.code();
        match &self.state {
            State::Content(_) if code.is_transient() || code.is_permanent() => {
                self.refuse_content(reply);
            }
            State::Ready if code == ReplyCode::SERVICE_NOT_AVAILABLE => {
                self.fail(stage, Cause::Reply(reply));
            }
            _ => self.fail(stage, Cause::OutOfSync),
        }
    }

    fn handle_greeting(&mut self, reply: Reply) {
        if !self.is_done(&reply, Stage::Greeting) {
            return;
        }
        self.say_hello();
    }

    fn handle_hello(&mut self, reply: Reply) {
        // RFC 5321 3.2: an old server does not know EHLO.
        if reply.code().is_permanent() && self.hello.protocol == Protocol::Smtp {
            return self.send(&Command::Helo(self.hello.client_name.clone()), Expected::Helo);
        }
        if !self.is_done(&reply, Stage::Hello) {
            return;
        }
        self.offer = Offer::of(&reply);
        self.server_name = EhloReply::parse(&reply)
            .map(|reply| reply.server_name.into_owned())
            .unwrap_or_default();
        self.begin_tls();
    }

    fn handle_helo(&mut self, reply: Reply) {
        if !self.is_done(&reply, Stage::Hello) {
            return;
        }
        self.offer = Offer::default();
        self.begin_tls();
    }

    fn begin_tls(&mut self) {
        match (self.hello.tls, self.offer.starttls) {
            _ if self.tls.is_some() => self.authenticate(),
            (TlsUse::Never, _) | (TlsUse::IfOffered, false) => self.authenticate(),
            (TlsUse::Required | TlsUse::Implicit, false) => {
                self.fail(Stage::StartTls, Cause::NoTls(None));
            }
            (_, true) => self.send(&Command::StartTls, Expected::StartTls),
        }
    }

    fn handle_starttls(&mut self, reply: Reply) {
        let code = reply.code();
        if code.is_positive_completion() {
            if self.input.is_empty() {
                self.state = State::Handshake;
            } else {
                self.fail(Stage::StartTls, Cause::ClearTextBeforeTls);
            }
        } else if code.is_intermediate() {
            self.fail(Stage::StartTls, Cause::OutOfSync);
        } else if self.hello.tls == TlsUse::Required {
            self.fail(Stage::StartTls, Cause::NoTls(Some(reply)));
        } else {
            self.authenticate();
        }
    }

    fn authenticate(&mut self) {
        let credentials = match &self.hello.credentials {
            Some(credentials) if !self.offer.auth.is_empty() => credentials,
            _ => return self.state = State::Ready,
        };
        let exchange = Exchange::choose(credentials, &self.offer.auth, self.tls.as_ref());
        let mut exchange = match exchange {
            Ok(exchange) => exchange,
            Err(cause) => return self.fail(Stage::Auth, cause),
        };
        let (mechanism, response) = (exchange.mechanism.clone(), exchange.initial_response());
        self.exchange = Some(exchange);
        let spare = COMMAND_LINE_BYTES_MAX - "AUTH  \r\n".len() - mechanism.as_str().len();
        // RFC 4954 4: a line that would be too long is sent without it.
        let (sent, kept) = match response {
            Some(response) if spare < response.as_str().len() => (None, Some(response)),
            response => (response, None),
        };
        self.initial_response = kept.map(|response| response.as_str().to_owned());
        let command = Command::Auth { mechanism, initial_response: sent };
        self.send(&command, Expected::Auth);
    }

    fn handle_auth(&mut self, reply: Reply) {
        if reply.code() == ReplyCode::AUTH_CONTINUE {
            return self.respond(&reply);
        }
        if !self.is_done(&reply, Stage::Auth) {
            return;
        }
        if self.exchange.take().is_some_and(|exchange| exchange.is_complete()) {
            self.is_authenticated = true;
            self.state = State::Ready;
        } else {
            self.fail(Stage::Auth, Cause::Challenge);
        }
    }

    fn respond(&mut self, challenge: &Reply) {
        let response = match self.initial_response.take() {
            Some(response) => Some(Zeroizing::new(response)),
            None => {
                let octets = STANDARD.decode(challenge.text().trim()).ok();
                let exchange = self.exchange.as_mut();
                octets
                    .and_then(|octets| exchange?.respond(&octets))
                    .map(|response| Zeroizing::new(STANDARD.encode(&*response)))
            }
        };
        if !self.input.is_empty() {
            return self.fail(Stage::Auth, Cause::OutOfSync);
        }
        let expected = if response.is_some() { Expected::Auth } else { Expected::AuthCancelled };
        self.output.extend_from_slice(response.as_ref().map_or(b"*", |text| text.as_bytes()));
        self.output.extend_from_slice(b"\r\n");
        self.expected.push_back(expected);
        self.steps += 1;
    }

    /// Whether the reply says that all is well; if not, the session has failed.
    fn is_done(&mut self, reply: &Reply, stage: Stage) -> bool {
        let code = reply.code();
        if code.is_intermediate() {
            self.fail(stage, Cause::OutOfSync);
        } else if !code.is_positive_completion() {
            self.fail(stage, Cause::Reply(reply.clone()));
        }
        code.is_positive_completion()
    }
}

impl Failure {
    /// Whether commands can still be sent, such as QUIT.
    pub(super) fn leaves_a_connection(&self) -> bool {
        match &self.cause {
            Cause::Reply(reply) => {
                reply.code() != ReplyCode::SERVICE_NOT_AVAILABLE && self.stage != Stage::Content
            }
            Cause::NoTls(_)
            | Cause::Untrusted(_)
            | Cause::NoMechanism
            | Cause::NotVerified
            | Cause::Challenge => true,
            _ => false,
        }
    }
}
