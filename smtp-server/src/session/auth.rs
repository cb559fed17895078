//! AUTH: a SASL exchange between the client and an authenticator.
//!
//! * **In**: AUTH and the client's responses; steps of an exchange. **Out**: challenges, an identity.
//! * **Promises**: nothing that would carry a password is evaluated in clear unless allowed; a second
//!   AUTH starts a fresh exchange; what a client sent is never echoed.
//! * **Limits**: 12,288 octets a response. **Panics**: an exchange's panic is a 454.
//! * **Spec**: RFC 4954 3, 4, 6.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use smtp_proto::{InitialResponse, Mechanism, Response, challenge, decode_response, replies};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::{CredentialAnswer, SaslExchange, SaslStep};

/// A running exchange and the mechanism it speaks.
pub(super) struct Exchange {
    exchange: Box<dyn SaslExchange>,
    mechanism: &'static str,
}

impl Exchange {
    pub(super) fn mechanism(&self) -> &'static str {
        self.mechanism
    }
}

impl Session {
    pub(super) fn auth(
        &mut self,
        mechanism: &Mechanism<'_>,
        initial_response: Option<&InitialResponse<'_>>,
        mail: Mail,
    ) -> State {
        let wanted =
            self.mechanisms.iter().find(|name| name.eq_ignore_ascii_case(mechanism.as_str()));
        let refusal = match wanted {
            _ if !self.config.auth.offered => replies::AUTH_NOT_OFFERED,
            _ if !self.extended => replies::NEED_HELLO,
            _ if self.info.identity.is_some() => replies::AUTH_ALREADY_DONE,
            _ if !matches!(mail, Mail::None) => replies::AUTH_IN_TRANSACTION,
            _ if self.info.tls.is_none() && !self.config.auth.in_clear => {
                replies::AUTH_ENCRYPTION_REQUIRED
            }
            None => replies::AUTH_UNKNOWN_MECHANISM,
            Some(mechanism) => match initial_response.map(InitialResponse::decode).transpose() {
                Err(_) => replies::AUTH_BAD_BASE64,
                Ok(initial_response) => {
                    return State::Asked(Asked::Mechanism { mechanism, initial_response });
                }
            },
        };
        self.refuse(&refusal);
        State::Command(mail)
    }

    /// Answers [`Question::Mechanism`](super::Question::Mechanism) with a fresh exchange; `None` if there is none.
    pub fn answer_mechanism(&mut self, exchange: Option<Box<dyn SaslExchange>>) {
        let (mechanism, initial) = match self.take_state() {
            State::Asked(Asked::Mechanism { mechanism, initial_response }) => {
                (mechanism, initial_response)
            }
            other => return self.state = other,
        };
        let Some(exchange) = exchange else {
            self.refuse(&replies::AUTH_TEMPORARY_FAILURE);
            return self.state = State::Command(Mail::None);
        };
        let exchange = Exchange { exchange, mechanism };
        self.state = self.step(exchange, |exchange| exchange.step(initial.as_deref()));
    }

    /// Answers [`Question::Credentials`](super::Question::Credentials).
    pub fn answer_credentials(&mut self, answer: CredentialAnswer) {
        match self.take_state() {
            State::Asked(Asked::Credentials { exchange, .. }) => {
                self.state = self.step(exchange, |exchange| exchange.answer(answer));
            }
            other => self.state = other,
        }
    }

    pub(super) fn auth_response(&mut self, exchange: Exchange, line: &[u8]) -> State {
        let refusal = match decode_response(line) {
            Ok(Response::Data(response)) => {
                return self.step(exchange, |exchange| exchange.step(Some(&response)));
            }
            Ok(Response::Cancel) => replies::AUTH_CANCELLED,
            Err(_) => replies::AUTH_BAD_BASE64,
        };
        self.refuse(&refusal);
        State::Command(Mail::None)
    }

    fn step(
        &mut self,
        mut running: Exchange,
        step: impl FnOnce(&mut dyn SaslExchange) -> SaslStep,
    ) -> State {
        let step = catch_unwind(AssertUnwindSafe(|| step(running.exchange.as_mut())))
            .unwrap_or(SaslStep::Unavailable);
        match step {
            SaslStep::Challenge(octets) => {
                self.output.push(&challenge(&octets));
                return State::Exchange(running);
            }
            SaslStep::Ask(query) => {
                return State::Asked(Asked::Credentials { exchange: running, query });
            }
            SaslStep::Done(identity) => {
                let info = Arc::make_mut(&mut self.info);
                info.identity = Some(identity);
                info.mechanism = Some(running.mechanism);
                self.output.push(&replies::AUTH_SUCCEEDED);
            }
            SaslStep::Failed => self.refuse(&replies::AUTH_FAILED),
            SaslStep::Refused(refusal) => self.refuse(&refusal.reply()),
            SaslStep::Unavailable => self.refuse(&replies::AUTH_TEMPORARY_FAILURE),
        }
        State::Command(Mail::None)
    }
}
