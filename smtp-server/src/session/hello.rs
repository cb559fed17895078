//! How a session begins: the greeting, EHLO, HELO, LHLO and STARTTLS.
//!
//! * **In**: the client's name; verdicts. **Out**: what is offered.
//! * **Promises**: EHLO offers exactly what is honoured: limits that are enforced, mechanisms of the
//!   authenticator, capabilities of the delivery, extensions of the embedder. A refused EHLO changes nothing.
//! * **Limits**: none of its own. **Panics**: never.
//! * **Spec**: RFC 5321 3.1, 3.2, 4.1.1.1, 4.1.4; RFC 2033 4.1; RFC 3207 4; RFC 9422.

use smtp_proto::{
    ClientName, EhloReply, Extension, Mechanism, Reply, ReplyCode, ServiceExtension, Verb, replies,
};

use super::Session;
use super::state::{Asked, Mail, State};
use crate::hooks::CloseReason;
use crate::info::Hello;
use crate::verdict::Verdict;

/// What LIMITS can say: 1 to 6 digits, and not 0 (RFC 9422 4.2).
const TELLABLE_LIMITS: std::ops::RangeInclusive<u32> = 1..=999_999;

impl Session {
    /// Answers [`Question::Client`](super::Question::Client): greets, or refuses and closes.
    pub fn answer_client(&mut self, verdict: Verdict) {
        if !matches!(self.state, State::Asked(Asked::Client)) {
            return;
        }
        match verdict.into_result() {
            Ok(mut effects) => {
                self.keep_session_effects(&mut effects);
                self.client_extensions = self.info.extensions.clone();
                let protocol = if self.config.is_lmtp() { "LMTP" } else { "ESMTP" };
                let text = format!("{} {protocol}", self.config.server_name);
                self.output.push(&Reply::new(ReplyCode::READY, None, text));
                self.state = State::Command(Mail::None);
            }
            Err(rejection) => {
                // The greeting carries no enhanced code: EHLO has not offered them yet.
                let reply = rejection.reply();
                let code = if reply.code().is_permanent() {
                    ReplyCode::TRANSACTION_FAILED
                } else {
                    ReplyCode::SERVICE_NOT_AVAILABLE
                };
                let greeting = Reply::new(code, None, reply.text().to_owned());
                self.close_with(&greeting, CloseReason::Refused);
            }
        }
    }

    pub(super) fn hello(&mut self, verb: Verb, name: ClientName<'_>, mail: Mail) -> State {
        if self.config.is_lmtp() != (verb == Verb::Lhlo) {
            self.refuse(&replies::WRONG_HELLO);
            return State::Command(mail);
        }
        self.guard.count_idle_command();
        let hello = Hello { name: name.into_owned(), extended: verb != Verb::Helo };
        State::Asked(Asked::Hello { hello, mail })
    }

    /// Answers [`Question::Hello`](super::Question::Hello) with a verdict and the SASL mechanisms to offer.
    pub fn answer_hello(&mut self, verdict: Verdict, mechanisms: Vec<&'static str>) {
        let (hello, mail) = match self.take_state() {
            State::Asked(Asked::Hello { hello, mail }) => (hello, mail),
            other => return self.state = other,
        };
        match verdict.into_result() {
            Ok(mut effects) => {
                self.keep_session_effects(&mut effects);
                self.mechanisms = mechanisms;
                let reply = self.hello_reply(hello.extended);
                std::sync::Arc::make_mut(&mut self.info).hello = Some(hello);
                self.output.push(&reply);
                self.state = State::Command(Mail::None);
            }
            Err(rejection) => self.refuse_with(&rejection, mail),
        }
    }

    fn hello_reply(&self, extended: bool) -> Reply {
        let extensions = if extended { self.extensions() } else { Vec::new() };
        let server_name = (&*self.config.server_name).into();
        EhloReply { server_name, greeting: None, extensions }.to_reply()
    }

    fn extensions(&self) -> Vec<Extension<'_>> {
        let config = &self.config;
        let mut offered = vec![
            Extension::Pipelining,
            // RFC 1870 4: 0 says that there is no limit; no number would say nothing.
            Extension::Size(Some(config.limits.message_bytes_max.unwrap_or(0))),
            Extension::EnhancedStatusCodes,
            Extension::Chunking,
        ];
        self.add_offers_of_delivery(&mut offered);
        let recipients_max = config.recipients_max().and_then(|max| u32::try_from(max).ok());
        let rcpt_max = recipients_max.filter(|max| TELLABLE_LIMITS.contains(max));
        if rcpt_max.is_some() {
            offered.push(Extension::Limits { mail_max: None, rcpt_max, rcpt_domain_max: None });
        }
        if config.starttls && self.info.tls.is_none() {
            offered.push(Extension::StartTls);
        }
        if self.offers_auth() && self.info.identity.is_none() {
            let mechanisms = self.mechanisms.iter().filter_map(|name| Mechanism::new(*name).ok());
            offered.push(Extension::Auth(mechanisms.collect::<Vec<_>>()));
        }
        offered.extend(config.dialect.extensions().iter().map(ServiceExtension::line));
        offered
    }

    /// Whether AUTH is offered now: there is a mechanism, and nobody reads along or it was allowed.
    pub(super) fn offers_auth(&self) -> bool {
        let auth = &self.config.auth;
        auth.offered && (auth.in_clear || self.info.tls.is_some()) && !self.mechanisms.is_empty()
    }

    pub(super) fn starttls(&mut self, mail: Mail, is_last: bool) -> State {
        let refusal = if self.info.tls.is_some() {
            replies::TLS_ALREADY_ACTIVE
        } else if !self.config.starttls {
            replies::TLS_NOT_OFFERED
        } else if !matches!(mail, Mail::None) {
            replies::TLS_IN_TRANSACTION
        } else if !is_last {
            // Whoever put octets behind STARTTLS wants them taken for something sent under TLS.
            self.output.push(&replies::TLS_PIPELINED);
            return State::Closing(CloseReason::Refused);
        } else {
            self.output.push(&replies::READY_FOR_TLS);
            return State::Upgrading;
        };
        self.refuse(&refusal);
        State::Command(mail)
    }

    /// Refuses on behalf of a hook and goes on with `mail`, or closes if the hook says so.
    pub(super) fn refuse_with(&mut self, rejection: &crate::verdict::Rejection, mail: Mail) {
        self.refuse(rejection.reply());
        self.state = if rejection.closes() {
            State::Closing(CloseReason::Refused)
        } else {
            State::Command(mail)
        };
    }
}
