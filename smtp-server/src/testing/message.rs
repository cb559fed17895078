//! A message that a test server got, and what one asks of it.
//!
//! * **In**: an envelope, the session's facts, octets. **Out**: the same, and their meaning: fields, bodies, attachments,
//!   links, a code.
//! * **Promises**: octets are what the client sent. Nothing is decoded before somebody asks, and then once. Clones are one
//!   message.
//! * **Limits**: those of the server for a message. **Panics**: [`TestMessage::assert`] alone.
//! * **Spec**: RFC 5322, RFC 2045 to 2047, RFC 2231; by way of mail-parser.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::decoded::Decoded;
use super::matcher::Answer;
use super::transcript::Transcript;
use crate::envelope::Envelope;
use crate::header::HeaderField;
use crate::info::SessionInfo;
#[cfg(feature = "message-auth")]
use crate::message_auth::{AuthResults, PendingResults};

pub use super::decoded::{Address, Attachment};

/// A message as a test sees it.
#[derive(Clone)]
pub struct TestMessage(Arc<Parts>);

struct Parts {
    envelope: Envelope,
    session: SessionInfo,
    fields: Vec<HeaderField>,
    content: Vec<u8>,
    decoded: OnceLock<Decoded>,
}

impl TestMessage {
    /// A message of these parts; `fields` are the server's own.
    pub(super) fn new(
        envelope: Envelope,
        session: SessionInfo,
        fields: Vec<HeaderField>,
        content: Vec<u8>,
    ) -> Self {
        Self(Arc::new(Parts { envelope, session, fields, content, decoded: OnceLock::new() }))
    }

    /// Sender and recipients as MAIL and RCPT had them, with all their parameters.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// Facts of the session: the client's name, TLS, who logged in and how.
    #[must_use]
    pub fn session(&self) -> &SessionInfo {
        &self.0.session
    }

    /// What the client sent, octet for octet, without the transparency of SMTP.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.0.content
    }

    /// The same below the fields that the server put on top (`Return-Path`, `Received`), as a mailbox would have it.
    #[must_use]
    pub fn stored_content(&self) -> Vec<u8> {
        let fields = self.0.fields.iter().map(ToString::to_string).collect::<String>();
        [fields.as_bytes(), &self.0.content].concat()
    }

    /// The header fields that the client sent, in order, decoded: encoded words are text, folds are gone.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.decoded().headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The first field of this name, in any case, decoded.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.headers();
        fields.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The field Subject, decoded.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.header("subject")
    }

    /// The first author in From. Who gets reports of failure is in the [envelope](Self::envelope).
    #[must_use]
    pub fn from(&self) -> Option<&Address> {
        self.decoded().from.first()
    }

    /// The addresses in To. Who gets the message is in the [envelope](Self::envelope), which has those of Bcc, too.
    #[must_use]
    pub fn to(&self) -> &[Address] {
        &self.decoded().to
    }

    /// The addresses in Cc.
    #[must_use]
    pub fn cc(&self) -> &[Address] {
        &self.decoded().cc
    }

    /// The body in plain text, if there is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.decoded().text.as_deref()
    }

    /// The body in HTML, if there is one.
    #[must_use]
    pub fn html(&self) -> Option<&str> {
        self.decoded().html.as_deref()
    }

    /// Every part that is no body, pictures of the HTML among them.
    #[must_use]
    pub fn attachments(&self) -> &[Attachment] {
        &self.decoded().attachments
    }

    /// The absolute URLs of both bodies, each once: first those of the text, then those of links in the HTML.
    #[must_use]
    pub fn links(&self) -> &[String] {
        &self.decoded().links
    }

    /// The one-time code in the message, if there is one.
    ///
    /// A code is a word of 4 to 8 digits (`482913`), two groups of three (`482 913`), or groups of capital letters and
    /// digits that dashes join, with a digit in it (`G-482913`, `X4K9-22PQ`), but no date. Looked for in this order:
    ///
    /// 1. in the same sentence as a word that names it (code, passcode, password, PIN, OTP, token), the nearest; or as
    ///    the whole sentence or line after it;
    /// 2. the same in the subject;
    /// 3. alone on a line.
    ///
    /// The text is read, or that of the HTML if there is no other.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.decoded().code.as_deref()
    }

    /// What SPF, DKIM, DMARC and ARC say, if the server checks
    /// ([`TestServerBuilder::message_auth`](super::TestServerBuilder::message_auth)) and the client did not log in.
    #[cfg(feature = "message-auth")]
    #[must_use]
    pub fn authentication(&self) -> Option<&AuthResults> {
        self.0.envelope.extensions.find::<PendingResults>().and_then(PendingResults::find)
    }

    /// What was said on the connection that it came by, without secrets.
    #[must_use]
    pub fn transcript(&self) -> Option<&Transcript> {
        self.session().extensions.find::<Transcript>()
    }

    /// Holds the message against a [matcher](super::matcher) or a closure.
    ///
    /// # Panics
    /// If it does not hold; the panic says what was expected, and what is there.
    #[track_caller]
    pub fn assert<A: Answer>(&self, matcher: impl Fn(&Self) -> A) {
        let answer = matcher(self);
        if !answer.holds() {
            let reason = answer.reason().unwrap_or_else(|| "the closure says no".to_owned());
            panic!("{reason}\nin the message {}", self.summary());
        }
    }

    /// From whom, to whom, what about and how long, in a line.
    pub(super) fn summary(&self) -> String {
        let Envelope { reverse_path, recipients, .. } = self.envelope();
        let recipients = recipients.iter().map(|recipient| recipient.path.to_string());
        let subject = self.subject().map_or("no subject".to_owned(), |text| format!("{text:?}"));
        let octets = self.content().len();
        let to = recipients.collect::<Vec<_>>().join(", ");
        format!("from {reverse_path} to {to}: {subject}, {octets} octets")
    }

    fn decoded(&self) -> &Decoded {
        self.0.decoded.get_or_init(|| Decoded::new(&self.0.content))
    }
}

impl fmt::Debug for TestMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestMessage({})", self.summary())
    }
}
