//! How long a next hop may take.
//!
//! * **In**: what is going on. **Out**: a duration. **Promises**: each command and each piece of content has a time of
//!   its own. **Limits**: these. **Panics**: never. **Spec**: RFC 5321 4.5.3.2.

use std::time::Duration;

use super::session::Stage;

/// How long each step may take. What is not said is as the RFC has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientTimeouts {
    /// Making the connection.
    pub connect: Duration,
    /// The greeting.
    pub greeting: Duration,
    /// EHLO, HELO and LHLO.
    pub hello: Duration,
    /// STARTTLS, and then the handshake.
    pub starttls: Duration,
    /// Each step of AUTH.
    pub auth: Duration,
    /// MAIL.
    pub mail: Duration,
    /// Each RCPT.
    pub rcpt: Duration,
    /// DATA.
    pub data: Duration,
    /// Taking each piece of content.
    pub content_piece: Duration,
    /// The reply to the end of the content; with LMTP each of them.
    pub end_of_data: Duration,
    /// RSET.
    pub reset: Duration,
    /// QUIT, for which no message waits.
    pub quit: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            connect: Duration::from_secs(30),
            greeting: minutes(5),
            hello: minutes(5),
            starttls: minutes(5),
            auth: minutes(5),
            mail: minutes(5),
            rcpt: minutes(5),
            data: minutes(2),
            content_piece: minutes(3),
            end_of_data: minutes(10),
            reset: minutes(5),
            quit: Duration::from_secs(20),
        }
    }
}

impl ClientTimeouts {
    pub(super) fn of(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Connect => self.connect,
            Stage::Greeting => self.greeting,
            Stage::Hello => self.hello,
            Stage::StartTls => self.starttls,
            Stage::Auth => self.auth,
            Stage::Mail => self.mail,
            Stage::Rcpt => self.rcpt,
            Stage::Data => self.data,
            Stage::Content => self.content_piece,
            Stage::EndOfData => self.end_of_data,
            Stage::Reset => self.reset,
            Stage::Ready | Stage::Quit => self.quit,
        }
    }
}
