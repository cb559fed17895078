//! After a refusal: read to the true end, then say so.
//!
//! * **In**: the octets of refused content. **Out**: the refusal, at the end of the data or the chunk.
//! * **Promises**: no octet of refused content is ever taken for a command. Faults of the content come
//!   before a hook's refusal, or the reply would depend on how soon the hook answered.
//! * **Limits**: [`Limits::discarded_bytes_max`](crate::config::Limits::discarded_bytes_max), then 421.
//! * **Panics**: never. **Spec**: RFC 5321 4.1.1.4, 4.5.3.1.9 (552 after the data); RFC 3030 2; RFC 2033 4.2.

use bytes::Buf;
use smtp_proto::{Decoded, Flaws, Reply, replies};

use super::framing::Framing;
use super::pace::Pace;
use super::state::{Mail, State};
use super::{FinalReply, Session, prdr};
use crate::content::HeaderPeek;
use crate::envelope::QueueId;
use crate::hooks::{CloseReason, HookFailure};
use crate::verdict::{Accepted, Receipt, Rejection};

/// Refused content that is still coming.
pub(super) struct Draining {
    pub(super) framing: Framing,
    pub(super) refusal: Rejection,
    pub(super) message: MessageFacts,
    /// What follows.
    pub(super) mail: Mail,
    pub(super) pace: Pace,
    /// Whether faults of the content come before the refusal: it belongs to a message that was begun.
    pub(super) judged: bool,
}

/// What the final reply needs to know of a message.
pub(super) struct MessageFacts {
    /// How many replies the client expects: one, or on LMTP one per recipient.
    pub(super) replies: usize,
    pub(super) bytes: u64,
    pub(super) flaws: Flaws,
    /// How many recipients get a reply each under PRDR, before the one for all.
    prdr: Option<usize>,
    pub(super) queue_id: Option<QueueId>,
    pub(super) header: HeaderPeek,
}

impl MessageFacts {
    pub(super) fn new(replies: usize, prdr: Option<usize>, queue_id: Option<QueueId>) -> Self {
        let (flaws, header) = (Flaws::default(), HeaderPeek::default());
        Self { replies, bytes: 0, flaws, prdr, queue_id, header }
    }

    /// Takes note of what was decoded at the front of `input`.
    pub(super) fn count(&mut self, decoded: &Decoded, input: &[u8]) {
        self.header.scan(input.get(..decoded.content).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(decoded.content as u64);
        self.flaws |= decoded.flaws;
    }

    /// One result per reply. A receipt that does not fit is a failure of the delivery; whoever got the
    /// message may get it again.
    pub(super) fn results(
        &self,
        receipt: Receipt,
        is_lmtp: bool,
    ) -> (Vec<Result<Accepted, Rejection>>, Option<HookFailure>) {
        let mismatch = || {
            let refused = vec![Err(Rejection::local_error()); self.replies];
            (refused, Some(HookFailure::MismatchedReceipt))
        };
        match receipt {
            Receipt::Whole(accepted) => (vec![Ok(accepted); self.replies], None),
            Receipt::Each(results) if is_lmtp || self.prdr.is_some() => {
                if results.len() == self.prdr.unwrap_or(self.replies) {
                    (results, None)
                } else {
                    mismatch()
                }
            }
            Receipt::Each(mut results) => {
                let first_ok = results.first().map(Result::is_ok);
                let agree = results.iter().all(|result| Some(result.is_ok()) == first_ok);
                if agree && first_ok.is_some() {
                    results.truncate(1);
                    (results, None)
                } else {
                    mismatch()
                }
            }
        }
    }
}

impl Session {
    /// A chunk that was refused before any delivery saw it.
    pub(super) fn drain_from_here(
        &self,
        framing: Framing,
        refusal: Rejection,
        mail: Mail,
        replies: usize,
    ) -> State {
        let message = MessageFacts::new(replies, None, None);
        let pace = Pace::new(&self.config, self.now.monotonic);
        let judged = false;
        State::Draining(Box::new(Draining { framing, refusal, message, mail, pace, judged }))
    }

    /// Takes what is there. False if that was nothing.
    pub(super) fn drain(&mut self) -> bool {
        let mut draining = match self.take_state() {
            State::Draining(draining) => draining,
            other => {
                self.state = other;
                return false;
            }
        };
        let decoded = draining.framing.decode(&mut self.input);
        draining.message.count(&decoded, &self.input);
        self.input.advance(decoded.consumed);
        if 0 < decoded.consumed {
            draining.pace.received(decoded.consumed, self.now.monotonic);
        }
        if decoded.end || self.is_over_budget(&draining.message) {
            let Draining { refusal, message, mail, judged, .. } = *draining;
            let fault = if judged { self.judge_content(&message) } else { None };
            let refusal = fault.map_or(refusal, Rejection::from);
            self.conclude_unread(&refusal, &message, mail);
            return true;
        }
        self.state = State::Draining(draining);
        0 < decoded.consumed
    }

    /// The refusal of a message that no delivery heard to its end: within the budget for such octets, or the
    /// connection closes. Judged by the whole message, however much of it came before the refusal: that
    /// depends on the network.
    pub(super) fn conclude_unread(
        &mut self,
        refusal: &Rejection,
        message: &MessageFacts,
        mail: Mail,
    ) {
        if self.is_over_budget(message) {
            self.close_with(&replies::TOO_MUCH_DISCARDED, CloseReason::Refused);
        } else {
            self.conclude_refused(refusal, message, mail);
        }
    }

    fn is_over_budget(&self, message: &MessageFacts) -> bool {
        self.config.limits.discarded_bytes_max.is_some_and(|max| max < message.bytes)
    }

    pub(super) fn conclude_refused(
        &mut self,
        refusal: &Rejection,
        message: &MessageFacts,
        mail: Mail,
    ) {
        // A chunk that is not the last has one reply, also on LMTP.
        let replies = if matches!(mail, Mail::None) { message.replies } else { 1 };
        self.conclude(&vec![Err(refusal.clone()); replies], message, mail);
    }

    /// Writes the final replies of a message.
    pub(super) fn conclude(
        &mut self,
        results: &[Result<Accepted, Rejection>],
        message: &MessageFacts,
        mail: Mail,
    ) {
        #[cfg(feature = "testing")]
        self.hear_content(message.bytes);
        let is_prdr = message.prdr == Some(results.len());
        if is_prdr {
            self.output.push(&replies::CONTENT_ANALYSIS_STARTED);
        }
        let mut closes = false;
        let mut last = replies::LOCAL_ERROR;
        for result in results {
            last = match result {
                Ok(accepted) => accepted_reply(accepted, message.queue_id),
                Err(rejection) => {
                    self.guard.count_error();
                    closes |= rejection.closes();
                    rejection.reply().clone()
                }
            };
            self.output.push(&last);
        }
        if is_prdr {
            last = prdr::overall_reply(results, message);
            self.output.push(&last);
        }
        let accepted = results.iter().any(Result::is_ok);
        if accepted {
            self.guard.message_accepted();
        }
        self.final_reply = Some(FinalReply {
            queue_id: message.queue_id,
            accepted,
            reply: last,
            bytes: message.bytes,
        });
        self.state =
            if closes { State::Closing(CloseReason::Refused) } else { State::Command(mail) };
    }
}

pub(super) fn accepted_reply(accepted: &Accepted, queue_id: Option<QueueId>) -> Reply {
    match (accepted.text(), queue_id) {
        (Some(text), _) => Reply::new(replies::OK.code(), replies::OK.enhanced(), text.to_owned()),
        (None, Some(queue_id)) => replies::queued_as(queue_id.digits(&mut [0; 16])),
        (None, None) => replies::OK,
    }
}
