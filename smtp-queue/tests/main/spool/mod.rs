//! The spools: what they keep, through crashes and failures.

mod crash;
mod damage;
mod disk;
mod faults;
mod room;
mod text;
#[cfg(feature = "tokio")]
mod threaded;
pub(crate) mod world;
