//! What is learnt of content while it streams by.
//!
//! * **In**: content. **Out**: facts about it. **Promises**: content is never changed and never kept.
//! * **Limits**: constant memory per message. **Panics**: never. **Spec**: RFC 5322 2.2.

#[cfg(feature = "message-auth")]
mod canonical_body;
mod header_peek;
#[cfg(feature = "message-auth")]
mod header_section;

#[cfg(feature = "message-auth")]
pub(crate) use canonical_body::CanonicalBody;
pub(crate) use header_peek::HeaderPeek;
#[cfg(feature = "message-auth")]
pub use header_section::HEADER_SECTION_BYTES_MAX;
#[cfg(feature = "message-auth")]
pub(crate) use header_section::HeaderSection;
