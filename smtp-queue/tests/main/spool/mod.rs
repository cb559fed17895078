//! The spools: what they keep, through crashes and failures.

mod crash;
mod damage;
mod faults;
mod room;
#[cfg(feature = "tokio")]
mod threaded;
pub(crate) mod world;
