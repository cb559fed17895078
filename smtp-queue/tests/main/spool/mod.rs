//! The spools: what they keep, through crashes and failures.

mod crash;
mod faults;
mod world;
