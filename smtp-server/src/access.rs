//! Ready-made access control.
//!
//! * **In**: tables. **Out**: [`AccessMaps`], an [`AccessControl`](crate::hooks::AccessControl).
//! * **Promises**: a table can refuse and leave effects; no entry of it grants relaying.
//! * **Limits**: a fixed number of look-ups per stage. **Panics**: never. **Spec**: Postfix access(5).

mod ladder;
mod maps;
mod memory;

pub use maps::{AccessAction, AccessMap, AccessMaps};
pub use memory::MemoryMap;
