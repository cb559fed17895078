//! What a hook may answer.
//!
//! * **In**: a hook's decision. **Out**: values that the session turns into replies.
//! * **Promises**: a refusal cannot carry a 2xx or 3xx code, an acceptance cannot carry a 4xx or 5xx
//!   one, and no text can break a reply's lines.
//! * **Limits**: texts are folded by [`Reply`]. **Panics**: never.
//! * **Spec**: RFC 5321 4.2 and 4.3.2 (codes), RFC 3463 (enhanced codes), RFC 2033 4.2 (a reply per recipient).

use std::any::Any;
use std::borrow::Cow;

use smtp_proto::{EnhancedCode, Mailbox, MtPriority, Reply, ReplyCode, replies};

use crate::envelope::{FilterRoute, Handling, RelayReason};
use crate::header::HeaderField;
use crate::info::Extensions;

/// A refusal: a 4xx (try again) or 5xx (give up) reply, and whether the connection ends with it.
///
/// There is no way to make one with another class of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    reply: Reply,
    closes: bool,
    detail: Option<Cow<'static, str>>,
}

impl Rejection {
    /// "Try again later": 451, with the class of `enhanced` made 4.
    #[must_use]
    pub fn transient(enhanced: EnhancedCode, text: impl Into<Cow<'static, str>>) -> Self {
        let reply = Reply::new(ReplyCode::LOCAL_ERROR, Some(enhanced.with_class(4)), text);
        Self { reply, closes: false, detail: None }
    }

    /// "Do not try again": 550, with the class of `enhanced` made 5.
    #[must_use]
    pub fn permanent(enhanced: EnhancedCode, text: impl Into<Cow<'static, str>>) -> Self {
        let reply = Reply::new(ReplyCode::MAILBOX_UNAVAILABLE, Some(enhanced.with_class(5)), text);
        Self { reply, closes: false, detail: None }
    }

    /// The given reply as a refusal, or `None` if its code is neither 4xx nor 5xx.
    ///
    /// 421 and 521 end the connection, as RFC 5321 3.8 and RFC 7504 say.
    #[must_use]
    pub fn from_reply(reply: Reply) -> Option<Self> {
        let code = reply.code();
        let closes = matches!(code.value(), 421 | 521);
        (code.is_transient() || code.is_permanent()).then_some(Self { reply, closes, detail: None })
    }

    /// For stock replies, whose class is known where they are named.
    pub(crate) fn stock(reply: Reply) -> Self {
        debug_assert!(reply.code().is_transient() || reply.code().is_permanent());
        Self { reply, closes: false, detail: None }
    }

    /// The same refusal as an answer to EHLO, HELO or LHLO, which carries no enhanced code (RFC 2034 3).
    pub(crate) fn without_enhanced_code(self) -> Self {
        Self { reply: self.reply.without_enhanced_code(), ..self }
    }

    /// The same refusal with another enhanced code, whose class stays that of the reply.
    pub(crate) fn with_enhanced_code(self, code: EnhancedCode) -> Self {
        let text = self.reply.text().to_owned();
        Self { reply: Reply::new(self.reply.code(), Some(code), text), ..self }
    }

    /// The same refusal, after which the connection is closed.
    #[must_use]
    pub fn and_close(mut self) -> Self {
        self.closes = true;
        self
    }

    /// The same refusal, with a reason that is for the log and never leaves this host.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The reason that is for the log, if the hook gave one.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The reply that the client gets.
    #[must_use]
    pub fn reply(&self) -> &Reply {
        &self.reply
    }

    /// Whether the connection ends after the reply.
    #[must_use]
    pub fn closes(&self) -> bool {
        self.closes
    }

    /// Whether the client is told to give up (5xx).
    #[must_use]
    pub fn is_permanent(&self) -> bool {
        self.reply.code().is_permanent()
    }

    /// There is no room for the message now: `452 4.3.1` (RFC 3463 3.4).
    #[must_use]
    pub fn insufficient_storage() -> Self {
        Self::stock(replies::INSUFFICIENT_STORAGE)
    }

    /// There is no such mailbox: `550 5.1.1` (RFC 3463 3.2).
    #[must_use]
    pub fn user_unknown() -> Self {
        Self::stock(replies::USER_UNKNOWN)
    }

    /// The mailbox takes no more now: `452 4.2.2` (RFC 3463 3.3).
    #[must_use]
    pub fn mailbox_full() -> Self {
        Self::stock(replies::MAILBOX_FULL)
    }

    /// Not ours, and this client may not relay: `554 5.7.1` (RFC 5321 3.6.2).
    #[must_use]
    pub fn relay_denied() -> Self {
        Self::stock(replies::RELAY_DENIED)
    }

    /// Something failed here that is not the client's business: `451 4.3.0`.
    #[must_use]
    pub fn local_error() -> Self {
        Self::stock(replies::LOCAL_ERROR)
    }
}

/// The answer of access control, and of [`Delivery::verify`](crate::hooks::Delivery::verify).
///
/// `Accept` means "nothing against it": it grants nothing, least of all relaying.
#[derive(Clone, Debug, Default)]
pub enum Verdict {
    /// Go on.
    #[default]
    Accept,
    /// Go on, and remember something.
    AcceptWith(Box<Effects>),
    /// Refuse.
    Reject(Rejection),
}

impl Verdict {
    /// `Accept` with effects, or plain `Accept` if there are none.
    #[must_use]
    pub fn with(effects: Effects) -> Self {
        effects.boxed().map_or(Self::Accept, Self::AcceptWith)
    }

    /// The effects, or the refusal.
    ///
    /// # Errors
    /// The [`Rejection`] of `Reject`.
    pub fn into_result(self) -> Result<Effects, Rejection> {
        match self {
            Self::Accept => Ok(Effects::default()),
            Self::AcceptWith(effects) => Ok(*effects),
            Self::Reject(rejection) => Err(rejection),
        }
    }
}

impl From<Rejection> for Verdict {
    fn from(rejection: Rejection) -> Self {
        Self::Reject(rejection)
    }
}

/// What an accepting verdict leaves behind: values for later hooks, and how to treat the message.
#[derive(Clone, Debug, Default)]
pub struct Effects {
    /// Joined to [`SessionInfo::extensions`](crate::info::SessionInfo::extensions): for the rest of the session.
    pub session: Extensions,
    /// Joined to [`Envelope::extensions`](crate::envelope::Envelope::extensions): for this mail transaction.
    pub transaction: Extensions,
    /// Joined to [`Envelope::handling`](crate::envelope::Envelope::handling).
    pub handling: Handling,
    /// Takes the place of the priority in [`Envelope::params`](crate::envelope::Envelope::params).
    pub mt_priority: Option<MtPriority>,
    /// Told to the observers ([`Event::Noted`](crate::hooks::Event::Noted)), and nothing else.
    pub notes: Vec<Note>,
    /// What refuses in the end, if nothing else does before: see [`defer_if_permit`](Self::defer_if_permit).
    pub deferral: Option<Box<Rejection>>,
}

/// A remark of access control about what it let pass: for logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// For the record (`INFO` of access(5)).
    Info(String),
    /// Somebody should look (`WARN` of access(5)).
    Warning(String),
}

impl Effects {
    /// Leaves `value` for later hooks of this session.
    #[must_use]
    pub fn remember<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.session.insert(value);
        self
    }

    /// Leaves `value` for later hooks of this mail transaction.
    #[must_use]
    pub fn remember_in_transaction<T: Any + Send + Sync>(mut self, value: T) -> Self {
        self.transaction.insert(value);
        self
    }

    /// Accepts the message and delivers it nowhere (`DISCARD` of access(5)).
    #[must_use]
    pub fn discard(mut self) -> Self {
        self.handling.discard = true;
        self
    }

    /// Puts a field on top of the message (`PREPEND` of access(5)).
    #[must_use]
    pub fn prepend(mut self, field: HeaderField) -> Self {
        self.handling.prepend.push(field);
        self
    }

    /// Keeps the message from going on until somebody lets it go (`HOLD` of access(5)). As with each of the
    /// next three, a delivery that does not [honour](crate::hooks::Capabilities::hold) it never gets the
    /// message: the client is told to try again (`451 4.3.5`).
    #[must_use]
    pub fn hold(mut self, reason: impl Into<String>) -> Self {
        self.handling.hold = Some(reason.into());
        self
    }

    /// Sends the message to `mailbox` and to none of its recipients (`REDIRECT` of access(5)). The last
    /// one counts.
    #[must_use]
    pub fn redirect(mut self, mailbox: Mailbox<'static>) -> Self {
        self.handling.redirect = Some(Box::new(mailbox));
        self
    }

    /// Sends a copy to `mailbox`, of which nobody is told (`BCC` of access(5)).
    #[must_use]
    pub fn bcc(mut self, mailbox: Mailbox<'static>) -> Self {
        self.handling.bcc.push(mailbox);
        self
    }

    /// Sends the whole message through a content filter (`FILTER` of access(5)). The last one counts.
    #[must_use]
    pub fn filter(mut self, route: FilterRoute) -> Self {
        self.handling.filter = Some(Box::new(route));
        self
    }

    /// Tells the observers something (`INFO` and `WARN` of access(5)).
    #[must_use]
    pub fn note(mut self, note: Note) -> Self {
        self.notes.push(note);
        self
    }

    /// Gives the message this priority, whatever the client asked for (RFC 6710 4.1). The sender stage
    /// sees what was asked for; a client that gets something else is told so there (`250 2.3.6`).
    #[must_use]
    pub fn prioritize(mut self, priority: MtPriority) -> Self {
        self.mt_priority = Some(priority);
        self
    }

    /// Refuses in the end, if nothing refuses before (Postfix's `defer_if_permit`): for a question that got no
    /// answer, where a later one may still refuse for good.
    ///
    /// What client, hello, sender or recipient left refuses each recipient, once access control was asked of it
    /// and before [`Delivery::verify`](crate::hooks::Delivery::verify). At a later stage it refuses there. The
    /// first one counts.
    #[must_use]
    pub fn defer_if_permit(mut self, rejection: Rejection) -> Self {
        self.deferral.get_or_insert_with(|| Box::new(rejection));
        self
    }

    /// Whether nothing would change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { session, transaction, handling, mt_priority, notes, deferral } = self;
        let asks_nothing = handling.is_empty() && mt_priority.is_none() && notes.is_empty();
        session.is_empty() && transaction.is_empty() && asks_nothing && deferral.is_none()
    }

    /// These effects as a session takes them, which is told of nothing where nothing would change.
    #[must_use]
    pub fn boxed(self) -> Option<Box<Self>> {
        if self.is_empty() { None } else { Some(Box::new(self)) }
    }

    /// Adds what a later hook's verdict leaves.
    ///
    /// # Errors
    /// The [`Rejection`] of `Reject`.
    pub fn add(&mut self, verdict: Verdict) -> Result<(), Rejection> {
        match verdict {
            Verdict::Accept => {}
            Verdict::AcceptWith(later) => self.merge(*later),
            Verdict::Reject(rejection) => return Err(rejection),
        }
        Ok(())
    }

    /// Adds the effects of a later hook.
    pub fn merge(&mut self, mut later: Self) {
        if later.is_empty() {
            return;
        }
        self.session.merge(later.session);
        self.transaction.merge(later.transaction);
        self.handling.merge(later.handling);
        self.mt_priority = later.mt_priority.or(self.mt_priority);
        self.notes.append(&mut later.notes);
        self.deferral = self.deferral.take().or(later.deferral);
    }
}

/// The answer of a [`RelayPolicy`](crate::hooks::RelayPolicy): the only value that opens the way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayDecision {
    /// The recipient is ours: deliver here, and never send it to another host.
    Local,
    /// The recipient is elsewhere, and this client may send there.
    Relay {
        /// What gave the right, for logs and for whoever asks why.
        because: RelayReason,
    },
    /// Not ours, and no right to relay: `554 5.7.1`, unless a later policy says otherwise.
    Deny,
    /// Refused whatever a later policy would say, since a look-up failed or a rule refuses for good: the
    /// client gets this, and no later policy is asked.
    Defer(Rejection),
}

/// What a delivery returns: a receipt, or the client's 4xx or 5xx reply.
pub type Delivered = Result<Receipt, Rejection>;

/// Proof that a message was taken, for all recipients together or for each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Every recipient has it.
    Whole(Accepted),
    /// One result per recipient, in the envelope's order. On SMTP all of them must agree: see
    /// [`Outcome::Each`](crate::hooks::Outcome::Each).
    Each(Vec<Result<Accepted, Rejection>>),
}

impl From<Accepted> for Receipt {
    fn from(accepted: Accepted) -> Self {
        Self::Whole(accepted)
    }
}

/// An acceptance, with the text that the client sees after `250`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accepted {
    text: Option<Cow<'static, str>>,
}

impl Accepted {
    /// Accepted with the stock text, which names the queue id.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepted with a text of the hook's own: `250 2.0.0 text`.
    #[must_use]
    pub fn with_text(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: Some(text.into()) }
    }

    /// The hook's own text, if it gave one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }
}
