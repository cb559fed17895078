//! The bodies of the fuzz targets: each takes any octets and panics if a promise is broken.
//!
//! * **In**: octets from libFuzzer, or from the committed corpus. **Out**: nothing.
//! * **Promises**: a body is a pure function of its input, so a finding is a file. **Limits**: what the targets
//!   bound themselves. **Panics**: that is how a finding is told. **Spec**: as the code under test.
//!
//! With [cargo-fuzz](https://github.com/rust-fuzz/cargo-fuzz), from the root of the repository, on a
//! stable toolchain:
//!
//! ```text
//! cargo fuzz run -s none --features libfuzzer data
//! ```
//!
//! New files then appear in `fuzz/corpus/data`; keep the few that show something new.

mod address;
mod command;
mod cuts;
mod data;
mod line;
mod reply;
mod session;
mod spool;

pub use address::address;
pub use command::command;
pub use data::data;
pub use line::line;
pub use reply::reply;
pub use session::session;
pub use spool::{spool_log, spool_text};
