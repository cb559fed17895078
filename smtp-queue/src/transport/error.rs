//! A fixed answer.
//!
//! * **In**: a job. **Out**: the same failure for everybody. **Promises**: the code's class says which.
//! * **Limits**: none. **Panics**: never. **Spec**: Postfix error(8) and retry(8).

use async_trait::async_trait;
use smtp_proto::EnhancedCode;

use super::{Feedback, Job, Outcomes, Transport};
use crate::status::{Outcome, Status};

/// Takes no message, for a reason that is always the same.
#[derive(Clone, Debug)]
pub struct Refuse(Outcome);

impl Refuse {
    /// Gives up at once; the code's class becomes 5.
    #[must_use]
    pub fn for_good(code: EnhancedCode, text: impl Into<String>) -> Self {
        let code = code.with_class(5);
        Self(Outcome::Failed(Status { code, text: text.into(), reply: None, remote: None }))
    }

    /// Lets messages wait; the code's class becomes 4.
    #[must_use]
    pub fn for_now(code: EnhancedCode, text: impl Into<String>) -> Self {
        let code = code.with_class(4);
        Self(Outcome::Deferred(Status { code, text: text.into(), reply: None, remote: None }))
    }
}

#[async_trait]
impl Transport for Refuse {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        job.report_all(&self.0, outcomes)
    }
}
