//! The outbound client: its session as transcripts, its driver on the loopback, its routes by DNS.

mod certificates;
mod mail;
mod peer;
mod script;

mod auth;
mod direct;
mod hostile;
mod hosts;
mod lmtp;
mod parameters;
mod pool;
mod relay;
mod routes;
mod sessions;
mod sink;
mod timeouts;
mod tls;
