//! A server for tests of programs that send mail.

mod transcript;
mod watch;

pub use transcript::{Speaker, Transcript, TranscriptLine, Transcripts};
pub(crate) use watch::Watch;
