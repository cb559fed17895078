//! The outbound client: its session as transcripts, its driver on the loopback, its routes by DNS.

mod mail;
mod script;

mod auth;
mod hostile;
mod parameters;
mod sessions;
