//! The integration tests of `smtp-queue`, in one binary: the queue against crashes, hostile hosts and its own promises.

#[cfg(test)]
mod client;
#[cfg(test)]
mod manager;
#[cfg(test)]
mod postqueue;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod report;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod spool;
