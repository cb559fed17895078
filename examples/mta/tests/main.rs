//! The `mta` program from outside: the real binary, real sockets, real files.
#![expect(clippy::expect_used, reason = "what a test does not expect ends it, with these words")]

mod client;
mod harness;
mod load;
mod sink;

mod accounts;
mod exit_codes;
mod explain;
mod hostile;
mod killed;
mod listening;
mod metrics;
mod next_hops;
mod parameters;
mod passwd;
mod restrictions;
mod shutdown;
mod signing;
mod unix_socket;

mod clients;
