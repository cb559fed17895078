//! The integration tests of `smtp-queue`, in one binary.

mod spool;
