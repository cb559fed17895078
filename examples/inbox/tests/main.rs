//! The program from outside: as a sender, a test, a browser and mailpit's clients see it.

mod browser;
mod harness;
mod http;
