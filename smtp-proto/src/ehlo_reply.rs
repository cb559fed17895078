//! The reply to EHLO: who the server is and what it offers.
//!
//! * **In**: a name and [`Extension`]s, or a [`Reply`]. **Out**: the other one.
//! * **Promises**: each extension is one line; a line that is none is skipped, the rest is kept.
//! * **Limits**: written lines have 512 octets: a greeting that does not fit is cut, an extension that
//!   does not is left out, since half of it would offer something else. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.1.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::extension::Extension;
use crate::limits::REPLY_LINE_BYTES_MAX;
use crate::reply::Reply;
use crate::reply_code::ReplyCode;

/// Longest text of a line, which has no enhanced code (RFC 2034 3).
pub(crate) const EHLO_LINE_BYTES_MAX: usize = REPLY_LINE_BYTES_MAX - "250-\r\n".len();

/// The reply to EHLO or LHLO.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EhloReply<'a> {
    /// What the server calls itself.
    pub server_name: Cow<'a, str>,
    /// What it says to the client, if anything.
    pub greeting: Option<Cow<'a, str>>,
    /// What it offers, in its order.
    pub extensions: Vec<Extension<'a>>,
}

impl<'a> EhloReply<'a> {
    /// Reads a reply; `None` unless it is a success.
    ///
    /// A reply of one line offers nothing. Lines that are no extension, as the old `AUTH=LOGIN`,
    /// are skipped.
    #[must_use]
    pub fn parse(reply: &'a Reply) -> Option<Self> {
        if !reply.code().is_positive_completion() {
            return None;
        }
        let mut lines = reply.lines();
        let first = lines.next().unwrap_or_default();
        let (server_name, greeting) = match first.split_once(' ') {
            Some((name, greeting)) => (name, (!greeting.is_empty()).then_some(greeting)),
            None => (first, None),
        };
        Some(Self {
            server_name: Cow::Borrowed(server_name),
            greeting: greeting.map(Cow::Borrowed),
            extensions: lines.filter_map(|line| Extension::parse(line).ok()).collect(),
        })
    }

    /// The reply to send: 250, without an enhanced code.
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        let mut text = self.first_line();
        for extension in &self.extensions {
            let line = extension.to_string();
            if line.len() <= EHLO_LINE_BYTES_MAX {
                text.push('\n');
                text.push_str(&line);
            }
        }
        Reply::new(ReplyCode::OK, None, text)
    }

    fn first_line(&self) -> String {
        let mut line = self.server_name.to_string();
        if let Some(greeting) = &self.greeting {
            line.push(' ');
            line.push_str(greeting);
        }
        line.truncate(line.floor_char_boundary(EHLO_LINE_BYTES_MAX));
        line.replace('\n', "?")
    }
}
