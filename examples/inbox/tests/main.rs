//! The program from outside: as a sender, a test, a browser and mailpit's clients see it.
#![expect(clippy::expect_used, reason = "what a test does not expect ends it, with these words")]
#![expect(clippy::unwrap_used, reason = "the same where there is nothing to say")]

mod access;
mod api;
mod browser;
mod clients;
mod durable;
mod events;
mod faults;
mod harness;
mod hostile;
mod http;
mod limits;
mod options;
mod receiving;
mod release;
mod waiting;
