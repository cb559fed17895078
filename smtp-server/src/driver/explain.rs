//! A session's questions without a session.
//!
//! * **In**: an [`Explain`]. **Out**: an [`Explanation`]. **Promises**: every question goes through
//!   [`Hooks::resolve`], as those of a session do; the first refusal ends it.
//! * **Limits**: as there. **Panics**: as there. **Spec**: RFC 5321 4.1.4 (the order).

use smtp_proto::RcptParams;

use super::Hooks;
use super::resolve::Answer;
use crate::envelope::{Envelope, RecipientClass};
use crate::explain::{Explain, Explanation};
use crate::info::Notes;
use crate::session::Question;
use crate::time::UnixMillis;
use crate::verdict::{Effects, Rejection};

impl Hooks {
    pub(crate) async fn explain(&self, mut explain: Explain, now: UnixMillis) -> Explanation {
        let notes = Notes::default();
        explain.info.extensions.insert(notes.clone());
        let hooks = Self { observers: Vec::new(), ..self.clone() };
        let verdict = hooks.verdict(explain, now).await;
        Explanation { notes: notes.take(), verdict }
    }

    async fn verdict(
        &self,
        explain: Explain,
        now: UnixMillis,
    ) -> Result<RecipientClass, Rejection> {
        let Explain { mut info, from, to } = explain;
        if info.tls.is_some() {
            let effects = effects_of(self.resolve(Question::Tls(&info), &info, now).await)?;
            info.extensions.merge(effects.session);
        }
        let effects = effects_of(self.resolve(Question::Client(&info), &info, now).await)?;
        info.extensions.merge(effects.session);
        if let Some(hello) = &info.hello {
            let effects = effects_of(self.resolve(Question::Hello(hello), &info, now).await)?;
            info.extensions.merge(effects.session);
        }
        let mut envelope = Envelope::new(from, now);
        let effects = effects_of(self.resolve(Question::Sender(&envelope), &info, now).await)?;
        info.extensions.merge(effects.session);
        envelope.extensions.merge(effects.transaction);
        let params = RcptParams::default();
        let question = Question::Recipient { to: &to, params: &params, envelope: &envelope };
        match self.resolve(question, &info, now).await {
            Answer::Recipient(decision) => decision.map(|(class, _)| class),
            _ => Err(Rejection::local_error()),
        }
    }
}

/// What an answer before RCPT leaves behind.
fn effects_of(answer: Answer) -> Result<Effects, Rejection> {
    match answer {
        Answer::Client(verdict)
        | Answer::Tls(verdict)
        | Answer::Hello(verdict, _)
        | Answer::Sender(verdict) => verdict.into_result(),
        _ => Ok(Effects::default()),
    }
}
