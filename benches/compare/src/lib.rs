//! What the programs of this package share: a client, and a middle with its spread.
//!
//! * **In**/**Out**/**Limits**/**Spec**: see the two modules. **Panics**: never.

pub mod client;
pub mod stats;
