//! The parameters of RCPT.
//!
//! * **In**: the words behind the forward-path. **Out**: [`RcptParams`].
//! * **Promises**: each keyword at most once.
//! * **Limits**: unknown parameters cost one vector. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.3; RFC 3461, 7293.

use alloc::vec::Vec;

use bytes::BytesMut;

use super::dsn::{Notify, OriginalRecipient};
use super::parameter::{self, Parameter};
use super::rrvs::Rrvs;
use super::word::Word;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct RcptParams<'a> {
    /// `NOTIFY`: what to report to the sender (RFC 3461 4.1).
    pub notify: Option<Notify>,
    /// `ORCPT`: whom the sender addressed (RFC 3461 4.2).
    pub orcpt: Option<OriginalRecipient<'a>>,
    /// `RRVS`: since when the mailbox must have had the same owner (RFC 7293).
    pub rrvs: Option<Rrvs<'a>>,
    /// Everything else, in the order received.
    pub other: Vec<Parameter<'a>>,
}

impl<'a> RcptParams<'a> {
    /// The EHLO keywords of the extensions that these parameters belong to, as
    /// [`MailParams::extensions`](super::MailParams::extensions).
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> + use<> {
        let Self { notify, orcpt, rrvs, other: _ } = self;
        let known = [(notify.is_some() || orcpt.is_some(), "DSN"), (rrvs.is_some(), "RRVS")];
        known.into_iter().filter_map(|(used, keyword)| used.then_some(keyword))
    }

    /// The same parameters without a borrow.
    #[must_use]
    pub fn into_owned(self) -> RcptParams<'static> {
        RcptParams {
            notify: self.notify,
            orcpt: self.orcpt.map(OriginalRecipient::into_owned),
            rrvs: self.rrvs.map(Rrvs::into_owned),
            other: parameter::own(self.other),
        }
    }

    pub(crate) fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), SyntaxError> {
        Word::read_all(cursor, |word| self.add(word))
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        if let Some(notify) = self.notify {
            notify.encode(out);
        }
        if let Some(orcpt) = &self.orcpt {
            orcpt.encode(out);
        }
        if let Some(rrvs) = &self.rrvs {
            rrvs.encode(out);
        }
        parameter::encode_all(&self.other, out);
    }

    fn add(&mut self, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
        if word.is("NOTIFY") {
            word.set(&mut self.notify, Notify::parse)
        } else if word.is("ORCPT") {
            word.set(&mut self.orcpt, OriginalRecipient::new)
        } else if word.is("RRVS") {
            word.set(&mut self.rrvs, Rrvs::parse)
        } else {
            parameter::add(&mut self.other, word)
        }
    }
}
