//! The argument of ETRN.
//!
//! * **In**: `example.org`, `@example.org`, `#queue`. **Out**: [`EtrnArgument`].
//! * **Promises**: says what is meant; who may ask for it is for the server.
//! * **Limits**: those of a domain and of the line. **Panics**: never. **Spec**: RFC 1985 5.3.

use alloc::borrow::Cow;

use crate::class;
use crate::cursor::Cursor;
use crate::domain::Domain;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// Whose waiting messages ETRN asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EtrnArgument<'a> {
    /// Those for this host.
    Node(Domain<'a>),
    /// `@`: those for this domain and all below it.
    Subdomains(Domain<'a>),
    /// `#`: those in the queue that the server calls so.
    Queue(Cow<'a, str>),
}

impl<'a> EtrnArgument<'a> {
    /// The domain or the name of the queue, without the option character.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Node(domain) | Self::Subdomains(domain) => domain.as_str(),
            Self::Queue(name) => name,
        }
    }

    /// The same argument without a borrow.
    #[must_use]
    pub fn into_owned(self) -> EtrnArgument<'static> {
        match self {
            Self::Node(domain) => EtrnArgument::Node(domain.into_owned()),
            Self::Subdomains(domain) => EtrnArgument::Subdomains(domain.into_owned()),
            Self::Queue(name) => EtrnArgument::Queue(Cow::Owned(name.into_owned())),
        }
    }

    /// What is written in front of the name.
    pub(crate) const fn option(&self) -> &'static str {
        match self {
            Self::Node(_) => "",
            Self::Subdomains(_) => "@",
            Self::Queue(_) => "#",
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        if cursor.accept(b'@') {
            return Domain::read(cursor).map(Self::Subdomains);
        }
        if !cursor.accept(b'#') {
            return Domain::read(cursor).map(Self::Node);
        }
        match cursor.take(class::PRINTABLE) {
            "" => Err(cursor.error(SyntaxErrorKind::MissingArgument)),
            name => Ok(Self::Queue(Cow::Borrowed(name))),
        }
    }
}
