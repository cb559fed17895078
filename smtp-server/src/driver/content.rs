//! A message between the socket and a delivery.
//!
//! * **In**: a message question. **Out**: the delivery's result, given to the session.
//! * **Promises**: a content octet is copied by the kernel and by nobody else. Each pull polls the
//!   session; nothing is read ahead of the delivery, so a slow disk slows the client.
//! * **Limits**: the session's for the client, the hook clock's for the delivery.
//! * **Panics**: the delivery's are caught. **Spec**: RFC 5321 4.1.1.4, 4.2.5.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};

use super::end_of_data::EndOfData;
#[cfg(feature = "testing")]
use super::faults::{ContentFaults, HeldBack};
use super::hook_clock::{self, Turn};
use super::resolve::Hooks;
use super::wire::Wire;
use super::{Connection, now};
use crate::body::{Body, BodyError, PollChunk};
use crate::header::HeaderField;
use crate::hooks::{Event, HookFailure, HookKind};
use crate::info::SessionInfo;
use crate::session::{ContentAction, Message, Session};
use crate::time::Now;
use crate::verdict::{Accepted, Delivered, Receipt, Rejection};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Has the delivery take a message and tells the session what came of it.
    pub(super) async fn deliver(
        &mut self,
        message: Box<Message>,
        info: &Arc<SessionInfo>,
        now: Now,
    ) {
        let queue_id = message.envelope.queue_id;
        let outcome = self.call_delivery(message, info, now).await;
        let Self { session, context, .. } = self;
        let hooks = &context.hooks;
        let result = outcome.unwrap_or_else(|failure| {
            hooks.emit(&Event::HookFailed { hook: HookKind::Delivery, failure }, info);
            Err(Rejection::local_error())
        });
        if let Err(rejection) = &result {
            hooks.emit(&Event::MessageRefused { queue_id, rejection }, info);
        }
        #[cfg(feature = "testing")]
        session.meet_due_fault();
        if let Some(failure) = session.answer_message(result) {
            hooks.emit(&Event::HookFailed { hook: HookKind::Delivery, failure }, info);
        }
        context.buffers.take_back(session.input());
    }

    async fn call_delivery(
        &mut self,
        mut message: Box<Message>,
        info: &Arc<SessionInfo>,
        now: Now,
    ) -> Result<Delivered, HookFailure> {
        let Self { wire, session, context, .. } = self;
        let hooks = &context.hooks;
        hooks.emit(&Event::MessageStarted { envelope: &message.envelope }, info);
        context.buffers.lend(session.input());
        let turn = Turn::default();
        let write_timeout = hooks.timeouts.write;
        #[cfg(feature = "testing")]
        let script = session.script();
        #[cfg(feature = "testing")]
        let faults = ContentFaults::new(script.clone(), &message.envelope);
        #[cfg(feature = "testing")]
        let held_back = HeldBack::take_from(&mut message.envelope, script.as_ref(), info);
        let mut source = Source {
            wire,
            session,
            turn: &turn,
            write_timeout,
            now,
            #[cfg(feature = "testing")]
            faults,
        };
        let fields = std::mem::take(&mut message.fields);
        let check = EndOfData::new(
            hooks,
            &message.envelope,
            info,
            #[cfg(feature = "testing")]
            script,
        );
        let Some(check) = check else {
            let mut body = Body::new(&mut source, fields);
            return hand_over(hooks, &turn, message, &mut body, info).await;
        };
        let ruling = check.ruling();
        // Boxed, or every connection had room for it.
        let delivered = Box::pin(async {
            let mut plain = Body::new(&mut source, Vec::new());
            let mut checked = plain.filtered(check);
            let mut body = Body::new(&mut checked, fields);
            hand_over(hooks, &turn, message, &mut body, info).await
        });
        let delivered = ruling.or(delivered.await?);
        #[cfg(feature = "testing")]
        let delivered = held_back.join(delivered);
        Ok(delivered)
    }
}

/// Gives the message to the delivery, unless it is to be discarded.
async fn hand_over(
    hooks: &Hooks,
    turn: &Turn,
    message: Box<Message>,
    body: &mut Body<'_>,
    info: &SessionInfo,
) -> Result<Delivered, HookFailure> {
    let delivery = pin!(async {
        if message.envelope.handling.discard {
            body.drain().await?;
            return Ok(Receipt::from(Accepted::new()));
        }
        hooks.delivery.as_ref().deliver(message.envelope, body, info).await
    });
    hook_clock::call(&hooks.timeouts, turn, delivery).await
}

struct Source<'a, S> {
    wire: &'a mut Wire<S>,
    session: &'a mut Session,
    turn: &'a Turn,
    write_timeout: Duration,
    now: Now,
    #[cfg(feature = "testing")]
    faults: ContentFaults,
}

impl<S: AsyncRead + AsyncWrite + Unpin> PollChunk for Source<'_, S> {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        let polled = self.poll_session(cx);
        match &polled {
            Poll::Pending => self.turn.client(),
            Poll::Ready(Ok(None)) => self.turn.commit(),
            Poll::Ready(_) => {}
        }
        polled
    }

    fn header_fields(&self) -> &[HeaderField] {
        self.session.late_fields()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Source<'_, S> {
    fn poll_session(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        loop {
            #[cfg(feature = "testing")]
            let admitted = match ready!(self.faults.poll(cx)) {
                Some(admitted) => admitted,
                None => return Poll::Ready(Err(BodyError::Disconnected)),
            };
            #[cfg(feature = "testing")]
            if admitted.waited {
                self.now = now();
            }
            match self.session.poll_content(self.now) {
                ContentAction::Chunk(chunk) => {
                    #[cfg(feature = "testing")]
                    self.faults.received(chunk.len());
                    return Poll::Ready(Ok(Some(chunk)));
                }
                ContentAction::End => return Poll::Ready(Ok(None)),
                ContentAction::Failed(error) => return Poll::Ready(Err(error)),
                ContentAction::Write(octets) => {
                    match self.wire.poll_write(cx, octets, self.write_timeout) {
                        Poll::Pending => return Poll::Pending,
                        Poll::Ready(Ok(written)) => {
                            self.session.handle_written(written);
                        }
                        Poll::Ready(Err(_)) => self.session.handle_eof(),
                    }
                }
                ContentAction::Read => {
                    let waited = ready!(self.wire.poll_read_content(
                        cx,
                        self.session,
                        #[cfg(feature = "testing")]
                        admitted.bytes_max,
                    ));
                    self.now = now();
                    waited.tell(self.session);
                }
            }
        }
    }
}
