//! Command lines: one line in, one value out, and back.
//!
//! * **In**: a line without its ending. **Out**: [`Command`], or where and why it is none.
//! * **Promises**: verbs and keywords match without case; a value cannot hold a control character,
//!   so an encoded command is one line; parsing an ASCII command without unknown parameters
//!   allocates nothing, but for XCLIENT and XFORWARD.
//! * **Limits**: the length of a line is the caller's (see [`limits`](crate::limits)); work is linear
//!   in it, but for unknown parameters, which are compared pairwise. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1; RFC 3030 2 (BDAT), 3207 4 (STARTTLS), 4954 4 (AUTH), 2033 4.1 (LHLO),
//!   1985 5 (ETRN), 6531 3.7.4.2 (VRFY, EXPN); Postfix's `XCLIENT_README` and `XFORWARD_README`.

mod parse;

mod encode;

use alloc::borrow::Cow;
use alloc::boxed::Box;

use bytes::BytesMut;

use crate::chunk::Chunk;
use crate::client_name::ClientName;
use crate::dialect::Dialect;
use crate::error::SyntaxError;
use crate::etrn::EtrnArgument;
use crate::params::{MailParams, RcptParams};
use crate::path::{ForwardPath, ReversePath};
use crate::query::Query;
use crate::sasl::{InitialResponse, Mechanism};
use crate::verb::Verb;
use crate::xclient::XClient;
use crate::xforward::XForward;

pub(crate) use encode::put_display;
pub(crate) use parse::parse;

/// A command of SMTP or LMTP.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Command<'a> {
    /// `EHLO`: begin a session with extensions.
    Ehlo(ClientName<'a>),
    /// `HELO`: begin a session without them.
    Helo(ClientName<'a>),
    /// `LHLO`: begin an LMTP session.
    Lhlo(ClientName<'a>),
    /// `MAIL`: begin a transaction.
    Mail {
        /// Who sends.
        from: ReversePath<'a>,
        /// Parameters of the extensions.
        params: MailParams<'a>,
    },
    /// `RCPT`: add a recipient.
    Rcpt {
        /// Who receives.
        to: ForwardPath<'a>,
        /// Parameters of the extensions.
        params: RcptParams<'a>,
    },
    /// `DATA`: content follows, up to a line with a single dot.
    Data,
    /// `BDAT`: a chunk of content follows.
    Bdat(Chunk),
    /// `RSET`: drop the transaction.
    Rset,
    /// `NOOP`: nothing; what follows the verb is ignored.
    Noop,
    /// `QUIT`: end the session.
    Quit,
    /// `STARTTLS`: begin TLS.
    StartTls,
    /// `AUTH`: begin a SASL exchange.
    Auth {
        /// The mechanism that the client chose.
        mechanism: Mechanism<'a>,
        /// The response to the challenge that was not sent.
        initial_response: Option<InitialResponse<'a>>,
    },
    /// `VRFY`: is this a mailbox?
    Vrfy(Query<'a>),
    /// `EXPN`: who is on this list?
    Expn(Query<'a>),
    /// `HELP`, with a topic as written.
    Help(Option<Cow<'a, str>>),
    /// `ETRN`: deliver what waits for this (RFC 1985).
    Etrn(EtrnArgument<'a>),
    /// `XCLIENT`: treat this session as that of another client.
    XClient(Box<XClient<'a>>),
    /// `XFORWARD`: where the next message came from.
    XForward(Box<XForward<'a>>),
    /// A verb that a [`ServiceExtension`](crate::ServiceExtension) brought.
    Other {
        /// The verb as written; compare it without case.
        verb: Cow<'a, str>,
        /// What follows it, possibly nothing.
        argument: Cow<'a, str>,
    },
}

impl<'a> Command<'a> {
    /// Parses a line without its ending, in the [standard](Dialect::STANDARD) dialect.
    ///
    /// White space at the end of the line is ignored, and so is more than one space between words,
    /// except behind the colon of `FROM:` and `TO:`, where the grammar has no space at all and
    /// one is forgiven.
    ///
    /// # Errors
    ///
    /// As [`Dialect::parse`].
    pub fn parse(line: &'a [u8]) -> Result<Self, SyntaxError> {
        parse(line, &Dialect::STANDARD)
    }

    /// Appends the line, with its CRLF, that [`parse`](Self::parse) reads as this command.
    ///
    /// Local-parts go out with the least quoting, letter case as it is. In free text (VRFY, EXPN,
    /// HELP, a queue of ETRN, verbs of extensions) control characters become `?`.
    pub fn encode(&self, out: &mut BytesMut) {
        encode::encode(self, out);
    }

    /// The same command without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Command<'static> {
        let own = |text: Cow<'a, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Ehlo(name) => Command::Ehlo(name.into_owned()),
            Self::Helo(name) => Command::Helo(name.into_owned()),
            Self::Lhlo(name) => Command::Lhlo(name.into_owned()),
            Self::Mail { from, params } => {
                Command::Mail { from: from.into_owned(), params: params.into_owned() }
            }
            Self::Rcpt { to, params } => {
                Command::Rcpt { to: to.into_owned(), params: params.into_owned() }
            }
            Self::Data => Command::Data,
            Self::Bdat(chunk) => Command::Bdat(chunk),
            Self::Rset => Command::Rset,
            Self::Noop => Command::Noop,
            Self::Quit => Command::Quit,
            Self::StartTls => Command::StartTls,
            Self::Auth { mechanism, initial_response } => Command::Auth {
                mechanism: mechanism.into_owned(),
                initial_response: initial_response.map(InitialResponse::into_owned),
            },
            Self::Vrfy(query) => Command::Vrfy(query.into_owned()),
            Self::Expn(query) => Command::Expn(query.into_owned()),
            Self::Help(topic) => Command::Help(topic.map(own)),
            Self::Etrn(argument) => Command::Etrn(argument.into_owned()),
            Self::XClient(client) => Command::XClient(Box::new(client.into_owned())),
            Self::XForward(client) => Command::XForward(Box::new(client.into_owned())),
            Self::Other { verb, argument } => {
                Command::Other { verb: own(verb), argument: own(argument) }
            }
        }
    }

    /// The first word, unless it is the verb of a service extension.
    #[must_use]
    pub const fn verb(&self) -> Option<Verb> {
        Some(match self {
            Self::Ehlo(_) => Verb::Ehlo,
            Self::Helo(_) => Verb::Helo,
            Self::Lhlo(_) => Verb::Lhlo,
            Self::Mail { .. } => Verb::Mail,
            Self::Rcpt { .. } => Verb::Rcpt,
            Self::Data => Verb::Data,
            Self::Bdat(_) => Verb::Bdat,
            Self::Rset => Verb::Rset,
            Self::Noop => Verb::Noop,
            Self::Quit => Verb::Quit,
            Self::StartTls => Verb::StartTls,
            Self::Auth { .. } => Verb::Auth,
            Self::Vrfy(_) => Verb::Vrfy,
            Self::Expn(_) => Verb::Expn,
            Self::Help(_) => Verb::Help,
            Self::Etrn(_) => Verb::Etrn,
            Self::XClient(_) => Verb::XClient,
            Self::XForward(_) => Verb::XForward,
            Self::Other { .. } => return None,
        })
    }
}
