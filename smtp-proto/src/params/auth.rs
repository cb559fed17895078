//! `AUTH` on MAIL: who submitted the message first.
//!
//! * **In**: `<>`, or a mailbox as xtext. **Out**: [`AuthParam`].
//! * **Promises**: a value that decodes to a control character is refused.
//! * **Limits**: those of a mailbox; borrows where nothing is escaped. **Panics**: never.
//! * **Spec**: RFC 4954 5.

use alloc::borrow::Cow;
use alloc::format;

use bytes::{BufMut, BytesMut};

use crate::path::Mailbox;
use crate::xtext;

/// The value of `AUTH` on MAIL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuthParam<'a> {
    /// `<>`: the client does not know, or does not vouch.
    Unknown,
    /// The identity that the first submission server authenticated.
    Mailbox(Mailbox<'a>),
}

impl<'a> AuthParam<'a> {
    /// The same value without a borrow.
    #[must_use]
    pub fn into_owned(self) -> AuthParam<'static> {
        match self {
            Self::Unknown => AuthParam::Unknown,
            Self::Mailbox(mailbox) => AuthParam::Mailbox(mailbox.into_owned()),
        }
    }

    pub(super) fn parse(value: &'a str) -> Option<Self> {
        match xtext::decode(value).ok()? {
            Cow::Borrowed(text) => Self::parse_decoded(text),
            Cow::Owned(text) => AuthParam::parse_decoded(&text).map(AuthParam::into_owned),
        }
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b" AUTH=");
        match self {
            Self::Unknown => out.put_slice(b"<>"),
            Self::Mailbox(mailbox) => {
                out.put_slice(xtext::encode(&format!("{mailbox}")).as_bytes());
            }
        }
    }

    fn parse_decoded(text: &'a str) -> Option<Self> {
        if text == "<>" {
            return Some(Self::Unknown);
        }
        // Some clients write the mailbox as a path.
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Mailbox::parse(bare).ok().map(Self::Mailbox)
    }
}
