//! Replies on their way out.
//!
//! * **In**: replies. **Out**: octets for one write.
//! * **Promises**: the replies of a pipelined group leave in one write, as RFC 2920 3.2 asks. Replies 221 and
//!   421 begin with the server's name, as RFC 5321 4.3.1 asks.
//! * **Limits**: replies are not held beyond 16 KiB. **Panics**: never. **Spec**: RFC 2920 3.2; RFC 5321 4.3.1.

use std::sync::Arc;

use bytes::{Buf, BytesMut};
use smtp_proto::{Reply, ReplyCode, Verb};

use crate::command_counts::CommandCounts;

const HELD_BYTES_MAX: usize = 16 * 1024;
/// What is kept of the memory while there is nothing to say.
const IDLE_BYTES_MAX: usize = 128;

pub(super) struct Output {
    server_name: Arc<str>,
    bytes: BytesMut,
    urgent: bool,
    commands: CommandCounts,
}

impl Output {
    pub(super) fn new(server_name: Arc<str>) -> Self {
        let commands = CommandCounts::default();
        Self { server_name, bytes: BytesMut::new(), urgent: false, commands }
    }

    /// A command came, which the next replies are about.
    pub(super) fn begin(&mut self, verb: Option<Verb>) {
        self.commands.begin(verb);
    }

    pub(super) fn commands(&self) -> &CommandCounts {
        &self.commands
    }

    /// A reply that must leave before more input is looked at.
    pub(super) fn push(&mut self, reply: &Reply) {
        self.commands.reply(reply.code());
        if matches!(reply.code(), ReplyCode::CLOSING | ReplyCode::SERVICE_NOT_AVAILABLE) {
            let text = format!("{} {}", self.server_name, reply.text());
            Reply::new(reply.code(), reply.enhanced(), text).encode(&mut self.bytes);
        } else {
            reply.encode(&mut self.bytes);
        }
        self.urgent = true;
    }

    /// As [`push`](Self::push), in UTF-8: for a client that asked for it (RFC 6531 3.7.4).
    pub(super) fn push_utf8(&mut self, reply: &Reply) {
        self.commands.reply(reply.code());
        reply.encode_utf8(&mut self.bytes);
        self.urgent = true;
    }

    /// A reply that may wait while a complete command is buffered (RSET, MAIL, RCPT).
    pub(super) fn push_held(&mut self, reply: &Reply) {
        self.commands.reply(reply.code());
        reply.encode(&mut self.bytes);
        self.urgent |= HELD_BYTES_MAX < self.bytes.len();
    }

    /// The same, in UTF-8.
    pub(super) fn push_held_utf8(&mut self, reply: &Reply) {
        self.commands.reply(reply.code());
        reply.encode_utf8(&mut self.bytes);
        self.urgent |= HELD_BYTES_MAX < self.bytes.len();
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.urgent
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn written(&mut self, bytes: usize) {
        self.bytes.advance(bytes.min(self.bytes.len()));
        if self.bytes.is_empty() {
            self.clear();
        }
    }

    pub(super) fn clear(&mut self) {
        if IDLE_BYTES_MAX < self.bytes.capacity() {
            self.bytes = BytesMut::new();
        }
        self.bytes.clear();
        self.urgent = false;
    }
}
