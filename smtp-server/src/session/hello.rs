//! How a session begins: the greeting, EHLO, HELO, LHLO and STARTTLS, and what has to wait for it.
//!
//! * **In**: the client's name; verdicts. **Out**: what is offered.
//! * **Promises**: EHLO offers exactly what is honoured: limits that are enforced, mechanisms of the
//!   authenticator, capabilities of the delivery, extensions of the embedder. A refused EHLO changes nothing, except
//!   that one between chunks ended its message before access control was asked.
//! * **Limits**: none of its own. **Panics**: never.
//! * **Spec**: RFC 5321 3.1, 3.2, 4.1.1.1, 4.1.4; RFC 2033 4.1; RFC 3207 4; RFC 9422.

use std::borrow::Cow;

use smtp_proto::{
    ClientName, Command, EhloReply, Extension, Mechanism, Reply, ReplyCode, ServiceExtension, Verb,
    XClient, XForward, replies,
};

use super::Session;
use super::framing::Framing;
use super::state::{Asked, Mail, State};
use crate::config::OutOfTurn;
use crate::hooks::CloseReason;
use crate::info::Hello;
use crate::verdict::{Rejection, Verdict};

/// What LIMITS can say: 1 to 6 digits, and not 0 (RFC 9422 4.2).
const TELLABLE_LIMITS: std::ops::RangeInclusive<u32> = 1..=999_999;

impl Session {
    /// Answers [`Question::Client`](super::Question::Client): greets, or refuses service.
    ///
    /// A transient refusal is 421 and closes. A permanent one is 554 and leaves the client to QUIT (RFC 5321 3.1);
    /// 521 stays 521, since it says that the host takes no mail at all (RFC 7504), but for submission (RFC 6409 7).
    /// Either way the connection stays open, also for a rejection that closes.
    ///
    /// Octets that are in the input by now came before their turn:
    /// [`SessionConfig::early_talk`](crate::config::SessionConfig::early_talk) says what follows.
    pub fn answer_client(&mut self, verdict: Verdict) {
        if !matches!(self.state, State::Asked(Asked::Client)) {
            return;
        }
        let is_early = self.config.early_talk == OutOfTurn::Refuse && !self.input.is_empty();
        match verdict.into_result() {
            Ok(_) if is_early => {
                self.close_with(&in_greeting(&replies::OUT_OF_TURN), CloseReason::OutOfTurn);
            }
            Ok(mut effects) => {
                self.keep_session_effects(&mut effects);
                self.client_extensions = self.info.extensions.clone();
                let protocol = if self.config.is_lmtp() { "LMTP" } else { "ESMTP" };
                let text = format!("{} {protocol}", self.config.server_name);
                self.output.push(&Reply::new(ReplyCode::READY, None, text));
                self.state = State::Command(Mail::None);
            }
            Err(rejection) => self.refuse_service(rejection.reply()),
        }
    }

    /// Answers [`Question::Tls`](super::Question::Tls): goes on, or refuses service, as
    /// [`answer_client`](Self::answer_client) does, but that nothing greets after STARTTLS: a permanent refusal is the
    /// answer to each command but QUIT (RFC 3207 4.1).
    pub fn answer_tls(&mut self, verdict: Verdict) {
        let State::Asked(Asked::Tls { greeted }) = self.state else { return };
        match verdict.into_result() {
            Ok(mut effects) => {
                self.keep_session_effects(&mut effects);
                self.state =
                    if greeted { State::Command(Mail::None) } else { State::Asked(Asked::Client) };
            }
            Err(rejection) if greeted && rejection.is_permanent() => {
                let text = rejection.reply().text().to_owned();
                let answer = Reply::new(ReplyCode::TRANSACTION_FAILED, None, text);
                self.state = State::Command(Mail::NoService(answer));
            }
            Err(rejection) => self.refuse_service(rejection.reply()),
        }
    }

    /// The greeting carries no enhanced code: EHLO has not offered them yet.
    fn refuse_service(&mut self, refusal: &Reply) {
        let text = refusal.text().to_owned();
        if refusal.code().is_transient() {
            let greeting = Reply::new(ReplyCode::SERVICE_NOT_AVAILABLE, None, text);
            return self.close_with(&greeting, CloseReason::Refused);
        }
        let takes_no_mail =
            refusal.code() == ReplyCode::NO_MAIL_SERVICE && !self.config.is_submission();
        let code =
            if takes_no_mail { ReplyCode::NO_MAIL_SERVICE } else { ReplyCode::TRANSACTION_FAILED };
        let text = format!("{} {text}", self.config.server_name);
        let greeting = Reply::new(code, None, text);
        self.output.push(&greeting);
        let answer =
            if takes_no_mail { greeting } else { replies::NO_SERVICE.without_enhanced_code() };
        self.state = State::Command(Mail::NoService(answer));
    }

    pub(super) fn hello(&mut self, verb: Verb, name: ClientName<'_>, mail: Mail) -> State {
        if !self.is_hello_of_service(verb) {
            self.refuse_hello();
            return State::Command(mail);
        }
        self.guard.count_idle_command();
        let extended = verb != Verb::Helo;
        let hello = self.claims.hello(Hello { name: name.into_owned(), extended });
        State::Asked(Asked::Hello { hello, extended, mail })
    }

    pub(super) fn is_hello_of_service(&self, verb: Verb) -> bool {
        self.config.is_lmtp() == (verb == Verb::Lhlo)
    }

    /// Refuses the hello of another service.
    pub(super) fn refuse_hello(&mut self) {
        self.refuse(&replies::WRONG_HELLO.without_enhanced_code());
    }

    /// Answers [`Question::Hello`](super::Question::Hello) with a verdict and the SASL mechanisms to offer.
    pub fn answer_hello(&mut self, verdict: Verdict, mechanisms: Vec<&'static str>) {
        let (hello, extended, mail) = match self.take_state() {
            State::Asked(Asked::Hello { hello, extended, mail }) => (hello, extended, mail),
            other => return self.state = other,
        };
        match verdict.into_result() {
            Ok(mut effects) => {
                self.keep_session_effects(&mut effects);
                self.mechanisms = mechanisms;
                self.extended = extended;
                self.forwarded = None;
                let reply = self.hello_reply(extended);
                std::sync::Arc::make_mut(&mut self.info).hello = Some(hello);
                self.output.push(&reply);
                self.state = State::Command(Mail::None);
            }
            Err(rejection) => self.refuse_with(&rejection.without_enhanced_code(), mail),
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
            Extension::Help,
            Extension::Pipelining,
            // RFC 1870 4: 0 says that there is no limit; no number would say nothing.
            Extension::Size(Some(config.limits.message_bytes_max.unwrap_or(0))),
            Extension::EnhancedStatusCodes,
            Extension::Chunking,
        ];
        self.add_offers_of_delivery(&mut offered);
        let recipients_max = config.limits.recipients_max.and_then(|max| u32::try_from(max).ok());
        // Where PRDR is offered a transaction has one recipient, or more if the client asks for it: no number says both.
        let is_tellable = |max: &u32| TELLABLE_LIMITS.contains(max) && !self.offers_prdr();
        let rcpt_max = recipients_max.filter(is_tellable);
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
        if self.offers_etrn() {
            offered.push(Extension::Etrn);
        }
        if self.is_in(&config.xclient_clients) {
            offered.push(Extension::XClient(XClient::NAMES.map(Cow::Borrowed).to_vec()));
        }
        if self.is_in(&config.xforward_clients) {
            offered.push(Extension::XForward(XForward::NAMES.map(Cow::Borrowed).to_vec()));
        }
        if config.directory {
            offered.extend([Extension::Vrfy, Extension::Expn]);
        }
        offered.extend(config.dialect.extensions().iter().map(ServiceExtension::line));
        offered
    }

    /// Whether AUTH is offered now: there is a mechanism, and nobody reads along or it was allowed.
    pub(super) fn offers_auth(&self) -> bool {
        let auth = &self.config.auth;
        let private = self.info.tls.is_some() || (auth.in_clear && !self.config.tls_required);
        auth.offered && private && !self.mechanisms.is_empty()
    }

    /// Whether TLS has to come before this command.
    pub(super) fn must_wait_for_tls(&self, command: &Command<'_>) -> bool {
        let may_come_first = matches!(
            command,
            Command::Ehlo(_) | Command::Lhlo(_) | Command::StartTls | Command::Noop | Command::Quit
        );
        self.config.tls_required && self.info.tls.is_none() && !may_come_first
    }

    pub(super) fn refuse_in_clear(&mut self, command: &Command<'_>, mail: Mail) -> State {
        let refusal = replies::TLS_REQUIRED;
        if let Command::Bdat(chunk) = command {
            return self.drain_from_here(
                Framing::chunk(*chunk),
                Rejection::stock(refusal),
                mail,
                1,
            );
        }
        self.refuse(&refusal);
        State::Command(mail)
    }

    pub(super) fn starttls(&mut self, mail: Mail, is_last: bool) -> State {
        let refusal = if self.info.tls.is_some() {
            replies::TLS_ALREADY_ACTIVE
        } else if !self.config.starttls {
            replies::TLS_NOT_OFFERED
        } else if !matches!(mail, Mail::None) {
            replies::IN_TRANSACTION
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
    pub(super) fn refuse_with(&mut self, rejection: &Rejection, mail: Mail) {
        self.refuse(rejection.reply());
        self.state = State::after(rejection, mail);
    }
}

/// A refusal in place of the greeting. It carries no enhanced code: EHLO has not offered them yet.
fn in_greeting(refusal: &Reply) -> Reply {
    let code = if refusal.code().is_permanent() {
        ReplyCode::TRANSACTION_FAILED
    } else {
        ReplyCode::SERVICE_NOT_AVAILABLE
    };
    Reply::new(code, None, refusal.text().to_owned())
}
