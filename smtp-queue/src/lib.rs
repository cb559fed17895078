//! The queue: keep a message, deliver it, or say why not.
//!
//! This crate is still empty. It is in the workspace because its place in the architecture is settled:
//! a `Queue` will implement `smtp_server::Delivery`, so that a server is built with a queue exactly as it is
//! built with a `Maildir` today. It will have a pure queue manager, a spool that is the only code to touch
//! files, and transports that are the only code to talk to a next hop. Until then, a program that must
//! relay mail can implement `Delivery` over a spool of its own.
