//! Nowhere.
//!
//! * **In**: messages. **Out**: nothing. **Promises**: each is read to its end, so limits and line endings are
//!   judged as for any other. **Limits**: none. **Panics**: never. **Spec**: Postfix discard(8).

use async_trait::async_trait;

use crate::body::Body;
use crate::envelope::Envelope;
use crate::hooks::{Capabilities, Delivery};
use crate::info::SessionInfo;
use crate::verdict::{Accepted, Delivered};

/// Accepts every message and keeps none: for sinks and benchmarks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

#[async_trait]
impl Delivery for Discard {
    fn capabilities(&self) -> Capabilities {
        Capabilities::default().with_binary_mime(true)
    }

    async fn deliver(
        &self,
        _envelope: Envelope,
        body: &mut Body<'_>,
        _info: &SessionInfo,
    ) -> Delivered {
        body.drain().await?;
        Ok(Accepted::new().into())
    }
}
