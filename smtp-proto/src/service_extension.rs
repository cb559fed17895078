//! Service extensions: what an embedder adds to the protocol, as one value.
//!
//! * **In**: an EHLO keyword, verbs, keywords of parameters. **Out**: [`ServiceExtension`], which a
//!   [`Dialect`](crate::Dialect) checks and takes.
//! * **Promises**: everything that one extension adds stands in one place, as RFC 5321 2.2.2 defines
//!   an extension. **Limits**: one reply line for the keyword with its arguments. **Panics**: never.
//! * **Spec**: RFC 5321 2.2.2, 4.1.1.1.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::extension::Extension;

/// A service extension that this crate does not know.
///
/// ```
/// use smtp_proto::{Command, Dialect, ServiceExtension};
///
/// let dialect = Dialect::STANDARD.with(
///     ServiceExtension::new("XSTATUS")
///         .with_arguments("BRIEF FULL")
///         .with_verb("XSTATUS")
///         .with_mail_parameter("XTRACE"),
/// )?;
///
/// let command = dialect.parse(b"xstatus brief")?;
/// assert_eq!(command, Command::Other { verb: "xstatus".into(), argument: "brief".into() });
/// assert!(dialect.takes_mail_parameter("xtrace"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceExtension {
    keyword: Cow<'static, str>,
    arguments: Cow<'static, str>,
    verbs: Vec<Cow<'static, str>>,
    mail_parameters: Vec<Cow<'static, str>>,
    rcpt_parameters: Vec<Cow<'static, str>>,
}

impl ServiceExtension {
    /// An extension that EHLO lists under `keyword`, and that adds nothing else yet.
    #[must_use]
    pub fn new(keyword: impl Into<Cow<'static, str>>) -> Self {
        Self {
            keyword: keyword.into(),
            arguments: Cow::Borrowed(""),
            verbs: Vec::new(),
            mail_parameters: Vec::new(),
            rcpt_parameters: Vec::new(),
        }
    }

    /// What EHLO says behind the keyword: printable words with one space between them.
    #[must_use]
    pub fn with_arguments(mut self, arguments: impl Into<Cow<'static, str>>) -> Self {
        self.arguments = arguments.into();
        self
    }

    /// A command.
    #[must_use]
    pub fn with_verb(mut self, verb: impl Into<Cow<'static, str>>) -> Self {
        self.verbs.push(verb.into());
        self
    }

    /// A keyword of a parameter of MAIL.
    #[must_use]
    pub fn with_mail_parameter(mut self, keyword: impl Into<Cow<'static, str>>) -> Self {
        self.mail_parameters.push(keyword.into());
        self
    }

    /// A keyword of a parameter of RCPT.
    #[must_use]
    pub fn with_rcpt_parameter(mut self, keyword: impl Into<Cow<'static, str>>) -> Self {
        self.rcpt_parameters.push(keyword.into());
        self
    }

    /// The EHLO keyword.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// The verb that matches `word` without case, as it was registered.
    #[must_use]
    pub fn find_verb(&self, word: &str) -> Option<&str> {
        self.verbs.iter().find(|verb| verb.eq_ignore_ascii_case(word)).map(|verb| &**verb)
    }

    /// The line of the EHLO reply.
    #[must_use]
    pub fn line(&self) -> Extension<'_> {
        Extension::Other {
            keyword: Cow::Borrowed(&self.keyword),
            arguments: Cow::Borrowed(&self.arguments),
        }
    }

    pub(crate) fn keywords(&self) -> &[Cow<'static, str>] {
        core::slice::from_ref(&self.keyword)
    }

    pub(crate) fn arguments(&self) -> &str {
        &self.arguments
    }

    pub(crate) fn verbs(&self) -> &[Cow<'static, str>] {
        &self.verbs
    }

    pub(crate) fn mail_parameters(&self) -> &[Cow<'static, str>] {
        &self.mail_parameters
    }

    pub(crate) fn rcpt_parameters(&self) -> &[Cow<'static, str>] {
        &self.rcpt_parameters
    }
}
