//! The `mta` program from outside: the real binary, real sockets, real files.
#![expect(clippy::expect_used, reason = "what a test does not expect ends it, with these words")]

mod client;
mod harness;
mod load;
mod name_server;
mod sink;

mod accounts;
mod client_certificates;
mod exit_codes;
mod explain;
mod hostile;
mod killed;
mod listening;
mod message_checks;
mod metrics;
mod next_hops;
mod parameters;
mod passwd;
mod queue_control;
mod relayhost;
mod restrictions;
mod shutdown;
mod signing;
mod unix_socket;

mod clients;
