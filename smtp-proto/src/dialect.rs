//! What a server understands beyond the standard.
//!
//! * **In**: [`ServiceExtension`]s, then lines. **Out**: [`Dialect`], then commands.
//! * **Promises**: an extension cannot change the meaning of what this crate parses by itself, nor of
//!   what another extension brought; a standard verb never looks at the extensions.
//! * **Limits**: a line of a registered verb is a plain command line of 512 octets. **Panics**: never.
//! * **Spec**: RFC 5321 2.2.2, 4.1.1.1, 4.1.1.11.

use alloc::borrow::{Cow, ToOwned};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use thiserror::Error;

use crate::address_syntax::AddressSyntax;
use crate::class;
use crate::command::{self, Command};
use crate::ehlo_reply::EHLO_LINE_BYTES_MAX;
use crate::error::SyntaxError;
use crate::extension::Extension;
use crate::service_extension::ServiceExtension;
use crate::verb::Verb;

/// How lines are read, and what EHLO lists beyond what this crate knows.
#[derive(Clone, Debug, Default)]
pub struct Dialect {
    address_syntax: AddressSyntax,
    extensions: Vec<ServiceExtension>,
}

/// A service extension that cannot be part of a dialect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialectError {
    /// An EHLO keyword, a verb or a parameter's keyword is not of letters, digits and hyphens.
    #[error("'{0}' is no keyword: use letters, digits and hyphens, and begin with no hyphen")]
    Keyword(String),
    /// The arguments of an EHLO keyword are not printable ASCII words that fit into a reply line.
    #[error("the arguments of '{0}' are not printable ASCII words on one line")]
    Arguments(String),
    /// The word has a meaning of its own in the place where it was to be registered.
    #[error("'{0}' is standard: an extension cannot change what it means")]
    Standard(String),
    /// The word was registered before in the same place.
    #[error("'{0}' is registered twice")]
    Duplicate(String),
}

impl Dialect {
    /// What this crate knows, and nothing else.
    pub const STANDARD: Self =
        Self { address_syntax: AddressSyntax::Default, extensions: Vec::new() };

    /// The same dialect, with another syntax of addresses.
    #[must_use]
    pub const fn with_address_syntax(mut self, address_syntax: AddressSyntax) -> Self {
        self.address_syntax = address_syntax;
        self
    }

    /// What is forgiven around the paths of MAIL and RCPT.
    #[must_use]
    pub const fn address_syntax(&self) -> AddressSyntax {
        self.address_syntax
    }

    /// The same dialect, with one more extension.
    ///
    /// # Errors
    ///
    /// [`DialectError`].
    pub fn with(mut self, extension: ServiceExtension) -> Result<Self, DialectError> {
        for place in PLACES {
            self.check(&extension, place)?;
        }
        let arguments = extension.arguments();
        let printable = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_graphic());
        if !(arguments.is_empty() || arguments.split(' ').all(printable))
            || EHLO_LINE_BYTES_MAX < extension.line().to_string().len()
        {
            return Err(DialectError::Arguments(extension.keyword().to_owned()));
        }
        self.extensions.push(extension);
        Ok(self)
    }

    /// The extensions, in the order they were added.
    #[must_use]
    pub fn extensions(&self) -> &[ServiceExtension] {
        &self.extensions
    }

    /// The registered verb that matches `word` without case, as it was registered.
    #[must_use]
    pub fn find_verb(&self, word: &str) -> Option<&str> {
        self.extensions.iter().find_map(|extension| extension.find_verb(word))
    }

    /// Whether an extension brought this keyword of a parameter of MAIL.
    #[must_use]
    pub fn takes_mail_parameter(&self, keyword: &str) -> bool {
        self.extensions.iter().any(|one| contains(one.mail_parameters(), keyword))
    }

    /// Whether an extension brought this keyword of a parameter of RCPT.
    #[must_use]
    pub fn takes_rcpt_parameter(&self, keyword: &str) -> bool {
        self.extensions.iter().any(|one| contains(one.rcpt_parameters(), keyword))
    }

    /// Parses a line without its ending. White space at its end is ignored.
    ///
    /// # Errors
    ///
    /// [`UnknownCommand`](crate::SyntaxErrorKind::UnknownCommand) and
    /// [`NotImplemented`](crate::SyntaxErrorKind::NotImplemented) go before all others; then
    /// [`NotUtf8`](crate::SyntaxErrorKind::NotUtf8) and
    /// [`ControlCharacter`](crate::SyntaxErrorKind::ControlCharacter), wherever they stand; then
    /// whatever of the argument comes first.
    pub fn parse<'a>(&self, line: &'a [u8]) -> Result<Command<'a>, SyntaxError> {
        command::parse(line, self)
    }

    fn check(&self, extension: &ServiceExtension, place: Place) -> Result<(), DialectError> {
        let Place { words, is_standard } = place;
        let earlier = self.extensions.iter().flat_map(words);
        let mut known = earlier.map(|word| &**word).collect::<Vec<_>>();
        for word in words(extension) {
            if !class::is_keyword(word) {
                return Err(DialectError::Keyword(word.to_string()));
            }
            if is_standard(word) {
                return Err(DialectError::Standard(word.to_string()));
            }
            if known.iter().any(|known| known.eq_ignore_ascii_case(word)) {
                return Err(DialectError::Duplicate(word.to_string()));
            }
            known.push(word);
        }
        Ok(())
    }
}

/// Where an extension adds words, and which words are standard there. The parsers themselves are asked,
/// so that the answer cannot fall behind them.
#[derive(Clone, Copy)]
struct Place {
    words: fn(&ServiceExtension) -> &[Cow<'static, str>],
    is_standard: fn(&str) -> bool,
}

const PLACES: [Place; 4] = [
    Place {
        words: ServiceExtension::keywords,
        is_standard: |word| !matches!(Extension::parse(word), Ok(Extension::Other { .. })),
    },
    Place {
        words: ServiceExtension::verbs,
        is_standard: |word| Verb::of(word.as_bytes()).is_some(),
    },
    Place {
        words: ServiceExtension::mail_parameters,
        is_standard: |word| {
            let line = format!("MAIL FROM:<> {word}");
            !matches!(
                Command::parse(line.as_bytes()),
                Ok(Command::Mail { params, .. }) if !params.other.is_empty()
            )
        },
    },
    Place {
        words: ServiceExtension::rcpt_parameters,
        is_standard: |word| {
            let line = format!("RCPT TO:<postmaster> {word}");
            !matches!(
                Command::parse(line.as_bytes()),
                Ok(Command::Rcpt { params, .. }) if !params.other.is_empty()
            )
        },
    },
];

fn contains(words: &[Cow<'static, str>], wanted: &str) -> bool {
    words.iter().any(|word| word.eq_ignore_ascii_case(wanted))
}
