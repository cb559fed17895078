//! What can be wrong with a command, an address or a reply.
//!
//! * **In**: nothing. **Out**: [`SyntaxError`] for lines we read as a server, [`ReplyError`] for
//!   replies we read as a client.
//! * **Promises**: an error never quotes the input, so it may be logged as it is.
//! * **Limits**: plain values without allocation. **Panics**: never.
//! * **Spec**: RFC 5321 4.2.4 and 4.3.2 (which reply an error leads to is the session's choice).

use thiserror::Error;

/// Input that does not follow the grammar: what was expected, and where it was not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("{kind} (octet {offset})")]
pub struct SyntaxError {
    /// What is wrong.
    pub kind: SyntaxErrorKind,
    /// Where, in octets from the start of the text that was parsed.
    pub offset: usize,
}

impl SyntaxError {
    pub(crate) const fn new(kind: SyntaxErrorKind, offset: usize) -> Self {
        Self { kind, offset }
    }

    /// The same error of a text that starts `octets` further on in the line.
    pub(crate) const fn shifted(self, octets: usize) -> Self {
        Self { kind: self.kind, offset: self.offset + octets }
    }
}

/// The kinds of [`SyntaxError`], one for each reply that a server may want to tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// The first word is not a command of this crate.
    #[error("unknown command")]
    UnknownCommand,
    /// The first word is a command that this crate knows by name alone: TURN, ATRN, SEND, SOML, SAML.
    #[error("command not implemented")]
    NotImplemented,
    /// More words than the command takes.
    #[error("unexpected argument")]
    UnexpectedArgument,
    /// Fewer words than the command needs.
    #[error("missing argument")]
    MissingArgument,
    /// The client name of EHLO, HELO or LHLO is not one printable word of 1 to 255 octets.
    #[error("malformed client name")]
    ClientName,
    /// The argument of MAIL is not `FROM:` and a path in angle brackets.
    #[error("malformed reverse-path")]
    ReversePath,
    /// The argument of RCPT is not `TO:` and a path in angle brackets.
    #[error("malformed forward-path")]
    ForwardPath,
    /// A local-part parsed by itself is neither a dot-string nor a quoted-string.
    #[error("malformed local-part")]
    LocalPart,
    /// A domain or address literal parsed by itself breaks the grammar.
    #[error("malformed domain")]
    Domain,
    /// A local-part of more than 64 octets.
    #[error("local-part too long")]
    LocalPartTooLong,
    /// A domain of more than 255 octets, or a label of more than 63 characters.
    #[error("domain too long")]
    DomainTooLong,
    /// A path of more than 256 octets with its brackets.
    #[error("path too long")]
    PathTooLong,
    /// Not `keyword` or `keyword=value`.
    #[error("malformed parameter")]
    Parameter,
    /// The same keyword a second time, or HOLDFOR and HOLDUNTIL.
    #[error("duplicate parameter")]
    DuplicateParameter,
    /// A keyword that we know with a value that it cannot have.
    #[error("malformed parameter value")]
    ParameterValue,
    /// An attribute that XCLIENT or XFORWARD does not have.
    #[error("unknown attribute")]
    UnknownAttribute,
    /// The argument of BDAT is not a size of at most 20 digits and an optional `LAST`.
    #[error("malformed chunk size")]
    ChunkSize,
    /// The octets are not UTF-8.
    #[error("not UTF-8")]
    NotUtf8,
    /// Not a SASL mechanism name.
    #[error("malformed mechanism name")]
    Mechanism,
    /// Not base64.
    #[error("malformed base64")]
    Base64,
    /// A control character, a bare CR or a NUL.
    #[error("control character")]
    ControlCharacter,
}

/// A reply that cannot be followed; a client treats it as transient and closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// A line does not begin with a code from 200 to 599 followed by a space, `-` or its end.
    #[error("malformed reply code")]
    Code,
    /// The lines of one reply carry different codes.
    #[error("reply code changed between lines")]
    CodeChanged,
    /// The reply is longer than [`REPLY_BYTES_MAX`](crate::limits::REPLY_BYTES_MAX).
    #[error("reply too long")]
    TooLong,
    /// The reply has more lines than [`REPLY_LINES_MAX`](crate::limits::REPLY_LINES_MAX).
    #[error("too many reply lines")]
    TooManyLines,
}
