//! The queue against crashes, hostile hosts and its own promises.

#[cfg(test)]
mod client;
