//! `RRVS`: since when the mailbox must have had the same owner.
//!
//! * **In**: `2014-04-03T23:01:00Z;C`. **Out**: [`Rrvs`], which keeps the time as written.
//! * **Promises**: no fraction of a second. **Limits**: a plain value. **Panics**: never.
//! * **Spec**: RFC 7293 3.1.

use bytes::{BufMut, BytesMut};

use crate::date_time::DateTime;

/// `RRVS`: refuse the recipient if the mailbox changed hands since this time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rrvs<'a> {
    since: DateTime<'a>,
    no_support: Option<NoSupportAction>,
}

/// What a relay does when the next server does not know `RRVS`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NoSupportAction {
    /// `R`: the message goes back. It is what is done where the action is left out.
    #[default]
    Reject,
    /// `C`: the message goes on without it.
    Continue,
}

impl<'a> Rrvs<'a> {
    /// Since this time; `None` if it has a fraction of a second.
    #[must_use]
    pub fn new(since: DateTime<'a>, no_support: Option<NoSupportAction>) -> Option<Self> {
        (!since.has_fraction()).then_some(Self { since, no_support })
    }

    /// The time that the owner must have been the same since.
    #[must_use]
    pub const fn since(&self) -> &DateTime<'a> {
        &self.since
    }

    /// The action, if it was written; a relay repeats it so.
    #[must_use]
    pub const fn no_support(&self) -> Option<NoSupportAction> {
        self.no_support
    }

    /// The same without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Rrvs<'static> {
        Rrvs { since: self.since.into_owned(), no_support: self.no_support }
    }

    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (since, no_support) = match value.split_once(';') {
            None => (value, None),
            Some((since, "C" | "c")) => (since, Some(NoSupportAction::Continue)),
            Some((since, "R" | "r")) => (since, Some(NoSupportAction::Reject)),
            Some(_) => return None,
        };
        Self::new(DateTime::parse(since)?, no_support)
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b" RRVS=");
        out.put_slice(self.since.as_str().as_bytes());
        out.put_slice(match self.no_support {
            None => b"",
            Some(NoSupportAction::Reject) => b";R",
            Some(NoSupportAction::Continue) => b";C",
        });
    }
}
