//! The program from outside: as a sender, a test, a browser and mailpit's clients see it.

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
