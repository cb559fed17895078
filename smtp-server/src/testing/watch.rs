//! What a server under test does beside its work.
//!
//! * **In**: what [`ServerBuilder`](crate::ServerBuilder) was given, a new session. **Out**: the session, tapped.
//! * **Promises**: a session of which nobody wants to know anything is left alone.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use super::{Faults, Script, Transcripts};
use crate::driver::now;
use crate::session::{Session, Tap};

/// What all connections of a server are watched for.
#[derive(Clone, Default)]
pub(crate) struct Watch {
    pub(crate) transcripts: Option<Transcripts>,
    pub(crate) faults: Option<Faults>,
}

impl Watch {
    pub(crate) fn over(&self, session: Session) -> Session {
        if self.transcripts.is_none() && self.faults.is_none() {
            return session;
        }
        let begin = |transcripts: &Transcripts| transcripts.begin(session.info(), now().monotonic);
        let transcript = self.transcripts.as_ref().map(begin);
        let script = self.faults.as_ref().map(|faults| Script::new(faults, transcript.clone()));
        session.with_tap(Tap::new(transcript, script))
    }
}
