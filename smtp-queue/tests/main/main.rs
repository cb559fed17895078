//! The integration tests of `smtp-queue`, in one binary.

#[cfg(test)]
mod spool;
