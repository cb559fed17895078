//! The `mta` program from outside: the real binary, real sockets, real files.

mod client;
mod clients;
mod harness;

mod accounts;
mod exit_codes;
mod listening;
mod parameters;
mod passwd;
mod shutdown;
