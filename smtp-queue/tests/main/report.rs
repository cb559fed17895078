//! What is said of a message: reports to its sender, mailboxes of this host, and the log.

mod dsn;
mod local;
mod log;
mod notify;
mod python;
mod support;
