//! From a session's question to a hook's answer.
//!
//! * **In**: a [`Question`] and the session's facts. **Out**: an [`Answer`].
//! * **Promises**: the only file that names the hooks and their order. Only the relay policy's word
//!   becomes a [`RecipientClass`]; whatever is asked after it can refuse, never grant.
//! * **Limits**: each call has the hook timeout, and so have those about a recipient together. **Panics**: caught
//!   per call.
//! * **Spec**: RFC 5321 3.3, 3.6; Postfix `SMTPD_ACCESS_README` for the order of the lists.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;

use smtp_proto::{EtrnArgument, ForwardPath, RcptParams, Reply, ServiceExtension, replies};

use super::deferral;
use super::hook_clock::{self, Turn};
use crate::config::{EvaluateAt, Timeouts};
use crate::envelope::{Envelope, Recipient, RecipientClass};
use crate::explain::{decision_words, verdict_words};
use crate::hooks::{
    AccessControl, Authenticator, CredentialAnswer, CredentialQuery, Delivery, Directory,
    EtrnAnswer, Event, Expansion, ExtensionHandler, HookFailure, HookKind, LookupError, Observer,
    RelayPolicy, SaslExchange, Stage, StageKind, Verification,
};
use crate::info::SessionInfo;
use crate::session::{Question, Session, qualified};
use crate::time::UnixMillis;
use crate::verdict::{Effects, Rejection, RelayDecision, Verdict};

/// The embedder's hooks, as one listener uses them.
#[derive(Clone)]
pub(crate) struct Hooks {
    pub(crate) relay: Arc<dyn RelayPolicy>,
    /// Called by `as_ref`, or each call went through the hook that an `Arc` is by itself, which boxes a future more.
    pub(crate) delivery: Arc<dyn Delivery>,
    pub(crate) access: Option<Arc<dyn AccessControl>>,
    pub(crate) authenticator: Option<Arc<dyn Authenticator>>,
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) extensions: Vec<(ServiceExtension, Arc<dyn ExtensionHandler>)>,
    pub(crate) observers: Vec<Arc<dyn Observer>>,
    pub(crate) evaluate_at: EvaluateAt,
    pub(crate) timeouts: Timeouts,
    #[cfg(feature = "testing")]
    pub(crate) watch: crate::testing::Watch,
}

/// What goes back into the session.
pub(super) enum Answer {
    Client(Verdict),
    Tls(Verdict),
    Hello(Verdict, Vec<&'static str>),
    Sender(Verdict),
    Recipient(Result<(RecipientClass, Option<Box<Effects>>), Rejection>),
    Data(Verdict),
    Command(Reply),
    Etrn(EtrnAnswer),
    Verification(Verification),
    Expansion(Expansion),
    Mechanism(Option<Box<dyn SaslExchange>>),
    Credentials(CredentialAnswer),
    /// The question is not answered by `resolve`.
    None,
}

impl Answer {
    /// Gives it to the session, which may find that a hook went beyond its contract.
    pub(super) fn give(self, session: &mut Session) -> Option<(HookKind, HookFailure)> {
        match self {
            Self::Command(reply) => {
                return session.answer_command(reply).map(|failure| (HookKind::Extension, failure));
            }
            Self::Data(verdict) => {
                return session.answer_data(verdict).map(|failure| (HookKind::Access, failure));
            }
            Self::Etrn(answer) => session.answer_etrn(answer),
            Self::Client(verdict) => session.answer_client(verdict),
            Self::Tls(verdict) => session.answer_tls(verdict),
            Self::Hello(verdict, mechanisms) => session.answer_hello(verdict, mechanisms),
            Self::Sender(verdict) => session.answer_sender(verdict),
            Self::Recipient(decision) => session.answer_recipient(decision),
            Self::Verification(verification) => session.answer_verification(verification),
            Self::Expansion(expansion) => session.answer_expansion(expansion),
            Self::Mechanism(exchange) => session.answer_mechanism(exchange),
            Self::Credentials(answer) => session.answer_credentials(answer),
            Self::None => {}
        }
        None
    }
}

impl Hooks {
    /// Asks whoever knows. What needs most room for it is boxed, or every connection, also an idle one, had that room.
    pub(super) async fn resolve(
        &self,
        question: Question<'_>,
        info: &SessionInfo,
        now: UnixMillis,
    ) -> Answer {
        match question {
            Question::Client(info) => {
                Answer::Client(self.check_early(Stage::Client { now }, info).await)
            }
            Question::Tls(info) => Answer::Tls(self.check(Stage::Tls { now }, info).await),
            Question::Hello(hello) => {
                let verdict = self.check_early(Stage::Hello { now, hello }, info).await;
                Answer::Hello(verdict, self.mechanisms(info))
            }
            Question::Sender(envelope) => {
                Answer::Sender(self.check_early(Stage::Sender { now, envelope }, info).await)
            }
            Question::Recipient { to, params, envelope } => {
                // Each of six calls may take nearly its time, and the client does not wait so long.
                let decision = Box::pin(async {
                    let together = pin!(self.decide(to, params, envelope, info, now));
                    self.call(HookKind::Recipient, info, together).await?
                })
                .await;
                if let Err(rejection) = &decision {
                    self.emit(&Event::RecipientRefused { to, rejection, envelope }, info);
                }
                Answer::Recipient(decision)
            }
            Question::Data(envelope) => {
                Answer::Data(self.check(Stage::Data { now, envelope }, info).await)
            }
            Question::Command { verb, argument, envelope } => {
                Answer::Command(self.command(verb, argument, envelope, info).await)
            }
            Question::Etrn(argument) => {
                Answer::Etrn(Box::pin(self.etrn(argument, info, now)).await)
            }
            Question::Verification(query) => {
                Answer::Verification(self.verify(query, info, now).await)
            }
            Question::Expansion(query) => Answer::Expansion(self.expand(query, info, now).await),
            Question::Mechanism(mechanism) => Answer::Mechanism(self.exchange(mechanism, info)),
            Question::Credentials { query, mechanism } => {
                Answer::Credentials(self.look_up(query, mechanism, info).await)
            }
            Question::Message(_) => Answer::None,
        }
    }

    /// The order of the questions at RCPT. Whoever is asked after the relay policy can only refuse.
    async fn decide(
        &self,
        to: &ForwardPath<'static>,
        params: &RcptParams<'static>,
        envelope: &Envelope,
        info: &SessionInfo,
        now: UnixMillis,
    ) -> Result<(RecipientClass, Option<Box<Effects>>), Rejection> {
        let mut effects = Effects::default();
        if self.evaluate_at == EvaluateAt::Recipient {
            self.check_deferred(&mut effects, envelope, info, now).await?;
        }
        let relay = async { self.relay.decide(to, envelope, info).await };
        let decision = self.call(HookKind::Relay, info, relay).await?;
        info.note(|| format!("relay policy: {}", decision_words(&decision)));
        let class = match decision {
            RelayDecision::Local => RecipientClass::Local,
            RelayDecision::Relay { because } => {
                qualified::check(info.service, to, envelope)?;
                RecipientClass::Relay { because }
            }
            RelayDecision::Deny => return Err(Rejection::relay_denied()),
            RelayDecision::Defer(rejection) => return Err(rejection),
        };
        let stage = Stage::Recipient { now, to, envelope };
        effects.add(self.check(stage, info).await)?;
        if let Some(rejection) = deferral::due(&mut effects, envelope, info) {
            info.note(|| "nothing refuses, so what was deferred counts".to_owned());
            return Err(rejection);
        }
        let recipient = Recipient { path: to.clone(), params: params.clone(), class };
        let verify = async { self.delivery.as_ref().verify(&recipient, info).await };
        let verdict = self.call(HookKind::Verify, info, verify).await?;
        info.note(|| format!("delivery: {}", verdict_words(&verdict)));
        effects.add(verdict)?;
        // The delivery is the last one who could refuse.
        match effects.deferral.take() {
            Some(deferral) => Err(*deferral),
            None => Ok((recipient.class, effects.boxed())),
        }
    }

    /// Client, hello and sender, when they are evaluated at RCPT as Postfix does.
    async fn check_deferred(
        &self,
        effects: &mut Effects,
        envelope: &Envelope,
        info: &SessionInfo,
        now: UnixMillis,
    ) -> Result<(), Rejection> {
        let check = |stage| self.check_at(stage, info, true);
        effects.add(check(Stage::Client { now }).await)?;
        if let Some(hello) = &info.hello {
            effects.add(check(Stage::Hello { now, hello }).await)?;
        }
        effects.add(check(Stage::Sender { now, envelope }).await)
    }

    /// Client, hello or sender at its own stage, unless RCPT is their place.
    async fn check_early(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        match self.evaluate_at {
            EvaluateAt::OwnStage => {
                deferral::keep(self.check(stage, info).await, stage.kind(), info)
            }
            EvaluateAt::Recipient => Verdict::Accept,
        }
    }

    /// The access control, if it has anything to say at this stage.
    pub(super) fn access_at(&self, stage: StageKind) -> Option<&Arc<dyn AccessControl>> {
        // One that panics here is asked, and then its panic is a refusal.
        self.access.as_ref().filter(|access| {
            catch_unwind(AssertUnwindSafe(|| access.checks(stage))).unwrap_or(true)
        })
    }

    pub(super) async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        self.check_at(stage, info, false).await
    }

    async fn check_at(&self, stage: Stage<'_>, info: &SessionInfo, at_recipient: bool) -> Verdict {
        let Some(access) = self.access_at(stage.kind()) else { return Verdict::Accept };
        let check = async { access.check(stage, info).await };
        let verdict = self.call(HookKind::Access, info, check).await;
        let verdict = verdict.map(|verdict| deferral::apply(verdict, stage.kind()));
        if let Ok(verdict) = &verdict {
            info.note(|| {
                format!("access control ({:?}): {}", stage.kind(), verdict_words(verdict))
            });
        }
        match verdict {
            Ok(Verdict::Reject(rejection)) if stage.kind() != StageKind::Recipient => {
                let (stage, envelope) = (stage.kind(), stage.envelope());
                let event = Event::Refused { stage, rejection: &rejection, envelope, at_recipient };
                self.emit(&event, info);
                Verdict::Reject(rejection)
            }
            Ok(verdict) => {
                if let Verdict::AcceptWith(effects) = &verdict {
                    let noted = |note| Event::Noted { stage: stage.kind(), note };
                    effects.notes.iter().for_each(|note| self.emit(&noted(note), info));
                }
                verdict
            }
            Err(rejection) => Verdict::Reject(rejection),
        }
    }

    async fn command(
        &self,
        verb: &str,
        argument: &str,
        envelope: Option<&Envelope>,
        info: &SessionInfo,
    ) -> Reply {
        let registered = self.extensions.iter().find(|(one, _)| one.find_verb(verb).is_some());
        let Some((_, handler)) = registered else { return replies::UNKNOWN_COMMAND };
        let command = async { handler.command(verb, argument, envelope, info).await };
        let reply = self.call(HookKind::Extension, info, command).await;
        reply.unwrap_or_else(|rejection| rejection.reply().clone())
    }

    async fn etrn(
        &self,
        argument: &EtrnArgument<'_>,
        info: &SessionInfo,
        now: UnixMillis,
    ) -> EtrnAnswer {
        match self.check(Stage::Etrn { now, argument }, info).await {
            Verdict::Reject(rejection) if rejection.is_permanent() => EtrnAnswer::NotAllowed,
            Verdict::Reject(_) => EtrnAnswer::Unable,
            _ => {
                let etrn = async { self.delivery.as_ref().etrn(argument, info).await };
                let answer = self.call(HookKind::Etrn, info, etrn).await;
                answer.unwrap_or(EtrnAnswer::Unable)
            }
        }
    }

    /// A directory that fails says what one says that does not know: a 4yz is no reply to VRFY (RFC 5321 4.3.2).
    async fn verify(&self, query: &str, info: &SessionInfo, now: UnixMillis) -> Verification {
        let Some(directory) = &self.directory else { return Verification::CannotVerify };
        if let Verdict::Reject(_) = self.check(Stage::Vrfy { now, query }, info).await {
            return Verification::CannotVerify;
        }
        let verify = async { directory.verify(query, info).await };
        let verification = self.call(HookKind::Directory, info, verify).await;
        verification.unwrap_or(Verification::CannotVerify)
    }

    async fn expand(&self, query: &str, info: &SessionInfo, now: UnixMillis) -> Expansion {
        let Some(directory) = &self.directory else { return Expansion::CannotExpand };
        if let Verdict::Reject(_) = self.check(Stage::Vrfy { now, query }, info).await {
            return Expansion::CannotExpand;
        }
        let expand = async { directory.expand(query, info).await };
        let expansion = self.call(HookKind::Directory, info, expand).await;
        expansion.unwrap_or(Expansion::CannotExpand)
    }

    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        let Some(authenticator) = &self.authenticator else { return Vec::new() };
        // An authenticator that panics offers nothing.
        catch_unwind(AssertUnwindSafe(|| authenticator.mechanisms(info))).unwrap_or_default()
    }

    fn exchange(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        let authenticator = self.authenticator.as_ref()?;
        catch_unwind(AssertUnwindSafe(|| authenticator.start(mechanism, info))).ok().flatten()
    }

    async fn look_up(
        &self,
        query: &CredentialQuery,
        mechanism: &str,
        info: &SessionInfo,
    ) -> CredentialAnswer {
        let unavailable = |reason: &str| CredentialAnswer::Unavailable(LookupError::new(reason));
        let Some(authenticator) = &self.authenticator else {
            return unavailable("there is no authenticator");
        };
        let look_up = async { authenticator.look_up(query, info).await };
        let answer = self
            .call(HookKind::Authenticator, info, look_up)
            .await
            .unwrap_or_else(|_| unavailable("the authenticator failed"));
        let authcid = query.authcid();
        let event = match &answer {
            CredentialAnswer::Granted(identity) => Event::Authenticated { identity, mechanism },
            CredentialAnswer::Denied => Event::AuthenticationFailed { authcid, mechanism },
            CredentialAnswer::Refused(refusal) => {
                Event::AuthenticationRefused { authcid, mechanism, refusal: *refusal }
            }
            CredentialAnswer::Unavailable(error) => Event::CredentialsUnavailable { error },
            // The exchange goes on.
            CredentialAnswer::ScramKeys(_) | CredentialAnswer::Challenge(_) => return answer,
        };
        self.emit(&event, info);
        answer
    }

    /// Calls a hook; one that fails costs a 451. `call` is lazy, so that a panic before the first poll is caught, too.
    async fn call<T>(
        &self,
        hook: HookKind,
        info: &SessionInfo,
        call: impl Future<Output = T>,
    ) -> Result<T, Rejection> {
        hook_clock::call(&self.timeouts, &Turn::default(), pin!(call)).await.map_err(|failure| {
            self.emit(&Event::HookFailed { hook, failure }, info);
            info.note(|| format!("{hook:?} {failure:?}: this costs a reply to try again"));
            Rejection::local_error()
        })
    }

    /// Tells the observers; one that panics is not heard of again for this event.
    pub(crate) fn emit(&self, event: &Event<'_>, info: &SessionInfo) {
        for observer in &self.observers {
            let _ = catch_unwind(AssertUnwindSafe(|| observer.on_event(event, info)));
        }
    }
}
