//! Rows of the RFCs that a transcript cannot show: header fields, limits, hooks, what is not offered.

mod maildir;
mod offers;
mod policies;
mod sessions;
mod trace;
