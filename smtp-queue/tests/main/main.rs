//! The integration tests of `smtp-queue`, in one binary: the queue against crashes, hostile hosts and its own promises.

mod client;
mod manager;
mod postqueue;
mod queue;
mod report;
mod simulation;
mod spool;
