//! Rows of the RFCs that a transcript cannot show: header fields, limits, hooks, what is not offered.

#[cfg(feature = "dns")]
mod mail_domains;
mod maildir;
mod offers;
mod policies;
#[cfg(feature = "password-hashes")]
mod sasl;
mod sessions;
mod trace;
