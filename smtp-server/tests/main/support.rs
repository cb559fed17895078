//! What the tests share: hooks with scripted behaviour, and two ways to run a session with them.

pub(crate) mod by_hand;
pub(crate) mod checks;
pub(crate) mod client_hello;
#[cfg(feature = "dns")]
pub(crate) mod dns;
pub(crate) mod events;
pub(crate) mod hooks;
pub(crate) mod mail;
pub(crate) mod octets;
pub(crate) mod pure;
#[cfg(feature = "password-hashes")]
pub(crate) mod sasl;
pub(crate) mod setup;
pub(crate) mod tcp;
pub(crate) mod tls;
