//! Nowhere.
//!
//! * **In**: a job. **Out**: delivered. **Promises**: nothing is kept. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix discard(8).

use async_trait::async_trait;
use smtp_proto::EnhancedCode;

use super::{Feedback, Job, Outcomes, Transport};
use crate::status::{Outcome, Status};

/// Takes messages and forgets them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Discard;

#[async_trait]
impl Transport for Discard {
    async fn attempt(&self, job: &Job, outcomes: &mut dyn Outcomes) -> Feedback {
        let code = EnhancedCode::new(2, 0, 0);
        let status = Status { code, text: "discarded".to_owned(), reply: None, remote: None };
        job.report_all(&Outcome::Delivered(status), outcomes)
    }
}
