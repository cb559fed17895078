//! A server for tests of programs that send mail.

mod faults;
mod transcript;
mod watch;

pub use faults::{Fault, Faults, On, Rule, RuleError, RuleId, Trigger};
pub(crate) use faults::{Occurrence, Script, recipients};
pub use transcript::{Speaker, Transcript, TranscriptLine, Transcripts};
pub(crate) use watch::Watch;
