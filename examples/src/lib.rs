//! Small programs over `smtp-server`, one idea each: see `examples/`.
//!
//! * `embed`: the README's server in 25 lines.
//! * `sink`: accept everything, keep nothing; the server of the benchmarks.
//! * `blocking`: a session on `std::net`, without tokio.
