//! Rows of the RFCs that a transcript cannot show: header fields, limits, hooks, what is not offered.

mod maildir;
mod offers;
mod policies;
#[cfg(feature = "password-hashes")]
mod sasl;
mod sessions;
mod trace;
