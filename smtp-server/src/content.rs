//! What is learnt of content while it streams by.
//!
//! * **In**: content. **Out**: facts about it. **Promises**: content is never changed and never kept.
//! * **Limits**: constant memory per message. **Panics**: never. **Spec**: RFC 5322 2.2.

mod header_peek;

pub(crate) use header_peek::HeaderPeek;
