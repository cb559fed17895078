//! The server against transcripts, hostile input and its own contracts.
//!
//! Nothing here needs a network but the loopback. A session is driven either purely, with its hooks called
//! in line, or through a `Server` over TCP or an in-memory stream; both see the same hooks.
#![cfg(feature = "tls")]

#[cfg(test)]
mod access;
#[cfg(test)]
mod attacks;
#[cfg(test)]
mod contracts;
#[cfg(test)]
#[cfg(feature = "testing")]
mod faults;
#[cfg(test)]
#[cfg(feature = "message-auth")]
mod message_auth;
#[cfg(test)]
mod purity;
#[cfg(test)]
mod rfcs;
#[cfg(test)]
#[cfg(feature = "testing")]
mod said;
#[cfg(test)]
mod support;
#[cfg(test)]
#[cfg(feature = "testing")]
mod testing;
#[cfg(test)]
mod transcripts;
