//! Why a session ended before its time.
//!
//! * **In**: where it stood, and what happened. **Out**: [`Failure`], in the words that Postfix's logs use, so that
//!   what reads those reads ours.
//! * **Promises**: every failure is transient for the message; whether the site is to blame is told.
//! * **Limits**: a reply's text. **Panics**: never. **Spec**: RFC 5321 3.8, RFC 3463 3.5 and 3.8.

use std::fmt;

use smtp_proto::{EnhancedCode, Reply, ReplyError};

/// What the next hop was waited for, or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Stage {
    /// A connection.
    Connect,
    /// The greeting.
    Greeting,
    /// The reply to EHLO, HELO or LHLO.
    Hello,
    /// The reply to STARTTLS, and the handshake.
    StartTls,
    /// Replies to AUTH.
    Auth,
    /// Nothing: a transaction may begin.
    Ready,
    /// The reply to MAIL.
    Mail,
    /// The reply to RCPT.
    Rcpt,
    /// The reply to DATA.
    Data,
    /// Content on its way.
    Content,
    /// The reply to the end of the content.
    EndOfData,
    /// The reply to RSET.
    Reset,
    /// The reply to QUIT.
    Quit,
}

/// Why a session can't go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Where it stood.
    pub stage: Stage,
    /// What happened.
    pub cause: Cause,
}

/// What ended a session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection could not be made, with the system's words.
    Refused(String),
    /// The connection is gone.
    Lost,
    /// The next hop took too long.
    TimedOut,
    /// It said that it would not go on.
    Reply(Reply),
    /// Its reply was none.
    Malformed(ReplyError),
    /// It replied to what was not said, or something that is no answer.
    OutOfSync,
    /// It does not offer TLS, or would not begin it, and TLS is required.
    NoTls(Option<Reply>),
    /// Octets came in clear behind the reply that begins TLS (CVE-2021-38371).
    ClearTextBeforeTls,
    /// The handshake failed, with the library's words.
    Handshake(String),
    /// The certificate is not good, with the library's words.
    Untrusted(String),
    /// It offers no mechanism that there is here.
    NoMechanism,
    /// It wants the password itself, which it gets only after its certificate was verified.
    NotVerified,
    /// It did not prove that it knows the password (SCRAM), or its challenge was malformed.
    Challenge,
    /// The content could not be read on our side.
    Content(String),
}

impl Failure {
    /// Whether it says something of the site: nobody there could be reached, or would speak with us.
    #[must_use]
    pub fn is_of_the_site(&self) -> bool {
        self.stage < Stage::Ready
            || matches!(&self.cause, Cause::Reply(reply) if reply.code().value() == 421)
    }

    /// Whether TLS as it was required could not be had.
    #[must_use]
    pub fn is_of_tls(&self) -> bool {
        matches!(
            self.cause,
            Cause::NoTls(_) | Cause::ClearTextBeforeTls | Cause::Handshake(_) | Cause::Untrusted(_)
        )
    }

    /// Whether the message may have arrived all the same.
    #[must_use]
    pub fn is_unknown_result(&self) -> bool {
        self.stage == Stage::EndOfData && !matches!(self.cause, Cause::Reply(_))
    }

    /// The enhanced code: the next hop's, made transient, or ours.
    #[must_use]
    pub fn code(&self) -> EnhancedCode {
        match &self.cause {
            Cause::Reply(reply) | Cause::NoTls(Some(reply)) => {
                reply.enhanced().unwrap_or(EnhancedCode::new(4, 0, 0)).with_class(4)
            }
            Cause::Refused(_) => EnhancedCode::new(4, 4, 1),
            Cause::TimedOut if self.stage == Stage::Connect => EnhancedCode::new(4, 4, 1),
            Cause::Lost | Cause::TimedOut => EnhancedCode::new(4, 4, 2),
            Cause::Malformed(_) | Cause::OutOfSync => EnhancedCode::new(4, 5, 0),
            Cause::NoTls(None) => EnhancedCode::new(4, 7, 4),
            Cause::ClearTextBeforeTls | Cause::Handshake(_) | Cause::Untrusted(_) => {
                EnhancedCode::new(4, 7, 5)
            }
            Cause::NoMechanism | Cause::NotVerified | Cause::Challenge => {
                EnhancedCode::new(4, 7, 0)
            }
            Cause::Content(_) => EnhancedCode::new(4, 3, 0),
        }
    }

    /// What the next hop said, if that is what it was.
    #[must_use]
    pub fn reply(&self) -> Option<&Reply> {
        match &self.cause {
            Cause::Reply(reply) | Cause::NoTls(Some(reply)) => Some(reply),
            _ => None,
        }
    }

    /// All of it in words.
    #[must_use]
    pub fn describe(&self, host: &dyn fmt::Display) -> String {
        let stage = self.stage;
        match &self.cause {
            Cause::Refused(reason) => format!("connect to {host}: {reason}"),
            Cause::TimedOut if stage == Stage::Connect => {
                format!("connect to {host}: Connection timed out")
            }
            Cause::Lost => format!("lost connection with {host} while {stage}"),
            Cause::TimedOut => format!("conversation with {host} timed out while {stage}"),
            Cause::Reply(reply) if stage == Stage::Greeting => {
                format!("host {host} refused to talk to me: {reply}")
            }
            Cause::Reply(reply) if stage == Stage::Auth => {
                format!("SASL authentication failed; server {host} said: {reply}")
            }
            Cause::Reply(reply) => said(host, reply, stage),
            Cause::Malformed(error) => format!("host {host} sent no reply while {stage}: {error}"),
            Cause::OutOfSync => format!("host {host} is out of step while {stage}"),
            Cause::NoTls(None) => {
                format!("TLS is required, but was not offered by host {host}")
            }
            Cause::NoTls(Some(reply)) => {
                format!("TLS is required, but host {host} refused to start TLS: {reply}")
            }
            Cause::ClearTextBeforeTls => {
                format!("host {host} sent cleartext behind its reply to STARTTLS")
            }
            Cause::Handshake(reason) => format!("TLS handshake with {host} failed: {reason}"),
            Cause::Untrusted(reason) => {
                format!("the certificate of host {host} is not good: {reason}")
            }
            Cause::NoMechanism => {
                format!("SASL authentication failed; server {host} offered no usable mechanism")
            }
            Cause::NotVerified => {
                format!(
                    "SASL authentication failed; server {host} wants the password itself, and its certificate was not verified"
                )
            }
            Cause::Challenge => {
                format!(
                    "SASL authentication failed; server {host} sent a challenge that cannot be met"
                )
            }
            Cause::Content(reason) => format!("the message could not be read: {reason}"),
        }
    }
}

/// A reply as it stands in a log.
pub(crate) fn said(host: &dyn fmt::Display, reply: &Reply, stage: Stage) -> String {
    format!("host {host} said: {reply} (in reply to {})", stage.command())
}

impl Stage {
    fn command(self) -> &'static str {
        match self {
            Self::Connect | Self::Greeting | Self::Ready => "connection",
            Self::Hello => "EHLO command",
            Self::StartTls => "STARTTLS command",
            Self::Auth => "AUTH command",
            Self::Mail => "MAIL FROM command",
            Self::Rcpt => "RCPT TO command",
            Self::Data => "DATA command",
            Self::Content | Self::EndOfData => "end of DATA command",
            Self::Reset => "RSET command",
            Self::Quit => "QUIT command",
        }
    }
}

/// What was being done.
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connect => "connecting",
            Self::Greeting => "receiving the initial server greeting",
            Self::Hello => "performing the EHLO handshake",
            Self::StartTls => "performing the STARTTLS handshake",
            Self::Auth => "performing the AUTH handshake",
            Self::Ready => "waiting for a message",
            Self::Mail => "sending MAIL FROM",
            Self::Rcpt => "sending RCPT TO",
            Self::Data => "sending DATA command",
            Self::Content => "sending message body",
            Self::EndOfData => "sending end of data -- message may be sent more than once",
            Self::Reset => "sending RSET",
            Self::Quit => "sending QUIT command",
        })
    }
}
