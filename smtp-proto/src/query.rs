//! The argument of VRFY and EXPN.
//!
//! * **In**: the rest of the line behind the verb. **Out**: [`Query`].
//! * **Promises**: the argument is kept as written: what it may be is for whoever looks it up.
//! * **Limits**: borrows. **Panics**: never. **Spec**: RFC 5321 4.1.1.6, 4.1.1.7; RFC 6531 3.7.4.2.

use alloc::borrow::Cow;

/// What VRFY or EXPN asks about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query<'a> {
    /// A name, a quoted string or an address, as written.
    pub argument: Cow<'a, str>,
    /// `SMTPUTF8`: the reply to this command may be in UTF-8.
    pub smtputf8: bool,
}

impl<'a> Query<'a> {
    /// A query for a name that has no `SMTPUTF8` behind it.
    #[must_use]
    pub fn new(argument: impl Into<Cow<'a, str>>) -> Self {
        Self { argument: argument.into(), smtputf8: false }
    }

    /// The same query without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Query<'static> {
        Query { argument: Cow::Owned(self.argument.into_owned()), smtputf8: self.smtputf8 }
    }

    /// Takes `SMTPUTF8` off the end of `text`, unless it is all that there is.
    pub(crate) fn of(text: &'a str) -> Self {
        match text.rsplit_once(' ') {
            Some((argument, word)) if word.eq_ignore_ascii_case("SMTPUTF8") => {
                Self { argument: Cow::Borrowed(argument.trim_end_matches(' ')), smtputf8: true }
            }
            _ => Self::new(text),
        }
    }
}
