//! The envelope: MAIL and RCPT.
//!
//! * **In**: paths and parameters; verdicts. **Out**: an [`Envelope`] with accepted recipients only.
//! * **Promises**: sequence, counts and parameters are judged before any hook is asked. A recipient
//!   enters the envelope only with the class that the relay policy gave it. No path in it has a source
//!   route.
//! * **Limits**: [`Limits::recipients_max`](crate::config::Limits::recipients_max),
//!   [`Limits::message_bytes_max`](crate::config::Limits::message_bytes_max). **Panics**: never.
//! * **Spec**: RFC 5321 3.3, 4.1.1.2, 4.1.1.3; RFC 1870 6; RFC 4954 5; RFC 6409 4.2; RFC 6531 3.4.

use smtp_proto::{
    AuthParam, ForwardPath, MailParams, Parameter, RcptParams, Reply, ReplyCode, ReversePath,
    replies,
};

use super::directory::readable;
use super::state::{Asked, AskedRecipient, Mail, State, Transaction};
use super::{Session, prdr, qualified};
use crate::envelope::{Envelope, Recipient, RecipientClass};
use crate::verdict::{Effects, Rejection, Verdict};

/// Recipients over the limit that a transaction may name before each counts as an error; Postfix's
/// `smtpd_recipient_overshoot_limit` is the same.
const EXCESS_RECIPIENTS_MAX: u32 = 1000;

impl Session {
    pub(super) fn mail(
        &mut self,
        from: ReversePath<'_>,
        params: MailParams<'_>,
        mail: Mail,
    ) -> State {
        let from = from.without_route();
        if let Err(reply) = self.judge_mail(&from, &params, &mail) {
            self.refuse_held(&reply);
            return State::Command(mail);
        }
        let mut envelope = Envelope::new(from.into_owned(), self.now.wall);
        envelope.params = params.into_owned();
        envelope.forwarded = self.forwarded.take();
        if self.info.identity.is_none() && envelope.params.auth.is_some() {
            // RFC 4954 5: the word of a client that is not trusted is worth AUTH=<>.
            envelope.params.auth = Some(AuthParam::Unknown);
        }
        State::Asked(Asked::Sender(Box::new(Transaction {
            envelope,
            refused: 0,
            excess: 0,
            asked: None,
        })))
    }

    fn judge_mail(
        &self,
        from: &ReversePath<'_>,
        params: &MailParams<'_>,
        mail: &Mail,
    ) -> Result<(), Reply> {
        let config = &self.config;
        if self.info.hello.is_none() {
            return Err(replies::NEED_HELLO);
        }
        if matches!(mail, Mail::Open(_)) {
            return Err(replies::NESTED_MAIL);
        }
        if config.auth.required && self.info.identity.is_none() {
            return Err(replies::AUTH_REQUIRED);
        }
        let dialect = &self.config.dialect;
        let unknown = |one: &Parameter<'_>| {
            let known = self.offers_prdr() && prdr::is_parameter(one);
            !known && !dialect.takes_mail_parameter(one.keyword())
        };
        let unsupported = |keyword| !self.takes_parameters_of(keyword);
        if params.other.iter().any(unknown) || params.extensions().any(unsupported) {
            return Err(replies::UNSUPPORTED_PARAMETER);
        }
        self.judge_times(params)?;
        if !params.smtputf8 && !from.is_ascii() {
            return Err(self.refusal_of_utf8(replies::SENDER_NEEDS_SMTPUTF8));
        }
        match (params.size, config.limits.message_bytes_max) {
            (Some(size), Some(max)) if max < size => Err(replies::MESSAGE_TOO_LARGE),
            _ => Ok(()),
        }
    }

    /// Answers [`Question::Sender`](super::Question::Sender).
    pub fn answer_sender(&mut self, verdict: Verdict) {
        let mut transaction = match self.take_state() {
            State::Asked(Asked::Sender(transaction)) => transaction,
            other => return self.state = other,
        };
        let asked = transaction.envelope.params.mt_priority;
        self.lower_priority(&mut transaction.envelope);
        match self.keep_verdict(verdict, &mut transaction) {
            Ok(()) => {
                let reply = match transaction.envelope.params.mt_priority {
                    Some(given) if asked.is_some_and(|asked| asked != given) => {
                        replies::sender_ok_with_priority(given)
                    }
                    _ => replies::SENDER_OK,
                };
                self.output.push_held(&reply);
                self.state = State::Command(Mail::Open(transaction));
            }
            Err(rejection) => {
                self.forwarded = transaction.envelope.forwarded.take();
                self.refuse_held(rejection.reply());
                self.state = State::after(&rejection, Mail::None);
            }
        }
    }

    pub(super) fn rcpt(
        &mut self,
        to: ForwardPath<'_>,
        params: RcptParams<'_>,
        mail: Mail,
    ) -> State {
        let mut transaction = match mail {
            Mail::Open(transaction) => transaction,
            other => {
                self.refuse_held(&replies::NEED_MAIL);
                return State::Command(other);
            }
        };
        if let Some(reply) = self.reply_to_excess(&transaction) {
            return self.refuse_excess(&reply, transaction);
        }
        // RFC 5321 4.1.1.3: nothing is decided by a source route, so nobody behind this sees one.
        let to = to.without_route();
        if let Err(reply) = self.judge_rcpt(&to, &params, &transaction) {
            return self.refuse_recipient(&reply, transaction);
        }
        transaction.asked =
            Some(AskedRecipient { to: to.into_owned(), params: params.into_owned() });
        State::Asked(Asked::Recipient(transaction))
    }

    /// What is said to a recipient whom the transaction has no room for.
    fn reply_to_excess(&self, transaction: &Transaction) -> Option<Reply> {
        let recipients = transaction.envelope.recipients.len();
        if self.config.limits.recipients_max.is_some_and(|max| max <= recipients) {
            return Some(replies::TOO_MANY_RECIPIENTS);
        }
        // Without PRDR a mixed result could not be told.
        let takes_one = self.offers_prdr() && !self.agreed_on_prdr(&transaction.envelope);
        (takes_one && 0 < recipients).then_some(replies::ONE_RECIPIENT_PER_TRANSACTION)
    }

    /// It is sent again with the next message (RFC 5321 4.5.3.1.10), so it is no error of the client: the
    /// connection would end, and with it what the transaction has.
    fn refuse_excess(&mut self, reply: &Reply, mut transaction: Box<Transaction>) -> State {
        transaction.excess = transaction.excess.saturating_add(1);
        if EXCESS_RECIPIENTS_MAX < transaction.excess {
            self.guard.count_error();
        }
        self.output.push_held(reply);
        State::Command(Mail::Open(transaction))
    }

    fn judge_rcpt(
        &self,
        to: &ForwardPath<'_>,
        params: &RcptParams<'_>,
        transaction: &Transaction,
    ) -> Result<(), Reply> {
        let dialect = &self.config.dialect;
        let unknown = |one: &Parameter<'_>| !dialect.takes_rcpt_parameter(one.keyword());
        let unsupported = |keyword| !self.takes_parameters_of(keyword);
        if params.other.iter().any(unknown) || params.extensions().any(unsupported) {
            return Err(replies::UNSUPPORTED_PARAMETER);
        }
        let is_utf8 = params.orcpt.as_ref().is_some_and(|orcpt| !orcpt.is_ascii());
        if is_utf8 && !self.takes_parameters_of("SMTPUTF8") {
            return Err(replies::BAD_PARAMETER);
        }
        if !transaction.envelope.params.smtputf8 && !to.is_ascii() {
            return Err(self.refusal_of_utf8(replies::RECIPIENT_NEEDS_SMTPUTF8));
        }
        Ok(())
    }

    /// Answers [`Question::Recipient`](super::Question::Recipient): the class that the relay policy gave,
    /// with what access control left if it left anything, or the first refusal.
    pub fn answer_recipient(
        &mut self,
        decision: Result<(RecipientClass, Option<Box<Effects>>), Rejection>,
    ) {
        let mut transaction = match self.take_state() {
            State::Asked(Asked::Recipient(transaction)) => transaction,
            other => return self.state = other,
        };
        let Some(AskedRecipient { to: path, params }) = transaction.asked.take() else { return };
        let decision = decision.and_then(|(class, effects)| {
            if matches!(class, RecipientClass::Relay { .. }) {
                qualified::check(self.config.service, &path, &transaction.envelope)?;
            }
            Ok((class, effects))
        });
        match decision {
            Ok((class, effects)) => {
                if let Some(effects) = effects {
                    self.keep_effects(*effects, &mut transaction);
                }
                let envelope = &mut transaction.envelope;
                envelope.queue_id.get_or_insert_with(|| self.config.ids.next(self.now.wall));
                envelope.recipients.push(Recipient { path, params, class });
                self.output.push_held(&replies::RECIPIENT_OK);
                self.state = State::Command(Mail::Open(transaction));
            }
            Err(rejection) if rejection.closes() => self.refuse_with(&rejection, Mail::None),
            Err(rejection) if rejection.reply().code() == ReplyCode::USER_NOT_LOCAL => {
                self.state = self.refuse_moved(rejection.reply(), transaction);
            }
            Err(rejection) => self.state = self.refuse_recipient(rejection.reply(), transaction),
        }
    }

    fn refuse_recipient(&mut self, reply: &Reply, mut transaction: Box<Transaction>) -> State {
        transaction.refused = transaction.refused.saturating_add(1);
        self.refuse_held(reply);
        State::Command(Mail::Open(transaction))
    }

    /// A 551 names a mailbox, which a client without SMTPUTF8 could not read (RFC 6531 3.7.4.1).
    fn refuse_moved(&mut self, reply: &Reply, mut transaction: Box<Transaction>) -> State {
        let reply = readable(reply.clone(), transaction.envelope.params.smtputf8);
        transaction.refused = transaction.refused.saturating_add(1);
        self.guard.count_error();
        self.output.push_held_utf8(&reply);
        State::Command(Mail::Open(transaction))
    }

    /// Keeps what an accepting verdict left.
    pub(super) fn keep_verdict(
        &mut self,
        verdict: Verdict,
        transaction: &mut Transaction,
    ) -> Result<(), Rejection> {
        match verdict {
            Verdict::Accept => {}
            Verdict::AcceptWith(effects) => self.keep_effects(*effects, transaction),
            Verdict::Reject(rejection) => return Err(rejection),
        }
        Ok(())
    }

    fn keep_effects(&mut self, mut effects: Effects, transaction: &mut Transaction) {
        self.keep_session_effects(&mut effects);
        transaction.envelope.extensions.merge(effects.transaction);
        transaction.envelope.handling.merge(effects.handling);
        if let Some(priority) = effects.mt_priority {
            transaction.envelope.params.mt_priority = Some(priority);
        }
    }

    /// RFC 5321 2.4 where the client could not have asked for SMTPUTF8, RFC 6531 3.5 where it did not.
    fn refusal_of_utf8(&self, undeclared: Reply) -> Reply {
        if self.config.offers_smtputf8() { undeclared } else { replies::NOT_ASCII }
    }

    fn refuse_held(&mut self, reply: &Reply) {
        self.guard.count_error();
        self.output.push_held(reply);
    }
}
