//! In memory, for tests and programs that handle mail at once.
//!
//! * **In**: messages. **Out**: the same, from [`Memory::messages`]. **Promises**: a 250 is worth the process's life.
//! * **Limits**: 64 MiB a message; nothing bounds their number but
//!   [`Memory::take`]. **Panics**: never. **Spec**: none.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::body::Body;
use crate::envelope::Envelope;
use crate::header::HeaderField;
use crate::hooks::{Capabilities, Delivery};
use crate::info::SessionInfo;
use crate::verdict::{Accepted, Delivered};

const MESSAGE_BYTES_MAX: usize = 64 << 20;

/// Keeps messages in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    messages: Arc<Mutex<Vec<ReceivedMessage>>>,
}

/// A message as it was received.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReceivedMessage {
    /// Sender, recipients and parameters.
    pub envelope: Envelope,
    /// Fields that belong on top of the content.
    pub fields: Vec<HeaderField>,
    /// Exactly what the client sent.
    pub content: Vec<u8>,
}

impl Memory {
    /// A copy of what was received so far.
    #[must_use]
    pub fn messages(&self) -> Vec<ReceivedMessage> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes out what was received so far.
    #[must_use]
    pub fn take(&self) -> Vec<ReceivedMessage> {
        std::mem::take(&mut *self.messages.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Delivery for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_binary_mime(true)
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        _info: &SessionInfo,
    ) -> Delivered {
        let content = body.collect(MESSAGE_BYTES_MAX).await?;
        let fields = body.header_fields().to_vec();
        let message = ReceivedMessage { envelope, fields, content };
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).push(message);
        Ok(Accepted::new().into())
    }
}
