//! Why a recipient is accepted, relayed or refused.
//!
//! * **In**: what a session would know, a sender, a recipient. **Out**: the verdict, and what each rule said.
//! * **Promises**: the hooks are the server's own, asked in the order of a session by the code that asks them
//!   there; nothing is delivered and no observer is told. What a session refuses by itself (wrong syntax, AUTH
//!   required) is not asked here.
//! * **Limits**: the hook timeout, per call. **Panics**: caught, as in a session. **Spec**: none.

use std::fmt;

use smtp_proto::{ForwardPath, ReversePath};

use crate::envelope::RecipientClass;
use crate::info::SessionInfo;
use crate::verdict::{Rejection, RelayDecision, Verdict};

/// A session that did not happen. Ask [`Server::explain`](crate::Server::explain) what would have come of it.
#[derive(Clone, Debug)]
pub struct Explain {
    /// Client, introduction, login, TLS. Name and service become those of the server.
    pub info: SessionInfo,
    /// The argument of MAIL.
    pub from: ReversePath<'static>,
    /// The argument of RCPT.
    pub to: ForwardPath<'static>,
}

/// The answer to an [`Explain`]; printed, it has a line for each rule that was asked, and one for the verdict.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What the rules said, in the order in which they were asked; the last one decided.
    pub notes: Vec<String>,
    /// Whose recipient it is, or the reply to the client.
    pub verdict: Result<RecipientClass, Rejection>,
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{note}")?;
        }
        match &self.verdict {
            Ok(RecipientClass::Local) => writeln!(f, "=> accepted: the recipient is local"),
            Ok(RecipientClass::Relay { because }) => writeln!(f, "=> relayed: {because}"),
            Err(rejection) => writeln!(f, "=> {}", rejection.reply()),
        }
    }
}

/// A relay policy's decision in words.
pub(crate) fn decision_words(decision: &RelayDecision) -> String {
    match decision {
        RelayDecision::Local => "the recipient is local".to_owned(),
        RelayDecision::Relay { because } => format!("granted, {because}"),
        RelayDecision::Deny => "denied".to_owned(),
        RelayDecision::Defer(rejection) => rejection_words(rejection),
    }
}

/// A verdict in words.
pub(crate) fn verdict_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::AcceptWith(effects) if effects.deferral.is_some() => {
            "deferred unless it is refused".to_owned()
        }
        Verdict::Accept | Verdict::AcceptWith(_) => "nothing against it".to_owned(),
        Verdict::Reject(rejection) => rejection_words(rejection),
    }
}

fn rejection_words(rejection: &Rejection) -> String {
    match rejection.detail() {
        Some(detail) => format!("{} ({detail})", rejection.reply()),
        None => rejection.reply().to_string(),
    }
}
