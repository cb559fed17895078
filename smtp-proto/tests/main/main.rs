//! The codec against the texts of the RFCs, against itself, and against hostile input.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test, and what helps it, fails by panicking"
)]

mod dialect;
mod ehlo;
mod inverse;
mod parameters;
mod replies;
mod rfc5321;
mod splits;
mod verbs;
