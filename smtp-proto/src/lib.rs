//! A codec for SMTP and LMTP: octets in, values out, and back.
//!
//! * **In**: octets from either end of a connection, cut anywhere. **Out**: commands, content and
//!   replies as values, and values as octets.
//! * **Promises**: no clock, file system, network or environment (the crate is `no_std`); what
//!   comes out does not depend on where the input was cut; no value can carry a line break into a
//!   place where it would begin a new line.
//! * **Limits**: all in [`limits`]. **Panics**: never on input.
//! * **Spec**: RFC 5321, and the extensions that the modules name.
//!
//! # How a line becomes a value
//!
//! A server reads octets into a buffer and asks [`LineDecoder`] for a line. Only CRLF ends a line;
//! one that ends in LF alone is told apart, so that the caller can refuse it. [`Command::parse`]
//! makes a [`Command`] of the line, which borrows from the buffer: parsing an ASCII command
//! allocates nothing, and [`Command::into_owned`] is for what has to stay. The answer is a
//! [`Reply`], usually one of [`replies`].
//!
//! ```
//! use bytes::BytesMut;
//! use smtp_proto::{Command, ForwardPath, Line, LineDecoder, LineEnding, limits, replies};
//!
//! let input = b"RCPT TO:<Kim@Example.ORG>\r\nDATA\r\n";
//! let line_bytes_max = limits::command_line_bytes_max(input);
//! let Line::Complete { bytes, ending: LineEnding::CrLf, .. } =
//!     LineDecoder::default().decode(input, line_bytes_max)
//! else {
//!     panic!("the line is complete and ends in CRLF");
//! };
//!
//! let Command::Rcpt { to: ForwardPath::Mailbox(mailbox), .. } = Command::parse(&input[..bytes])?
//! else {
//!     panic!("the line is a RCPT command with a mailbox");
//! };
//! assert_eq!(mailbox.local_part.as_str(), "Kim");
//! assert_eq!(mailbox.domain.to_ascii().as_deref(), Some("example.org"));
//!
//! let mut output = BytesMut::new();
//! replies::RECIPIENT_OK.encode(&mut output);
//! assert!(output.starts_with(b"250 2.1.5 "));
//! # Ok::<(), smtp_proto::SyntaxError>(())
//! ```
//!
//! # How content ends
//!
//! After DATA the octets go through [`DataDecoder`], which works in the caller's buffer: it takes
//! away the dots that were added for transparency, finds the end, which is CRLF `.` CRLF and nothing
//! else, and reports CR and LF that stand alone. Where servers disagree about these, one of them
//! can be made to see a message that the other did not send. After BDAT they go through
//! [`ChunkDecoder`], which counts. A client sends through [`DataEncoder`].
//!
//! # What is refused here, and what is not
//!
//! A value of a type is well-formed: a [`Mailbox`] has an address that RFC 5321 or 6531 allows, a
//! [`Reply`] has no control characters. Whether it is welcome is for the session: whether an
//! extension was offered, whether a client may call itself that, whether non-ASCII addresses may
//! be used in this transaction (`is_ascii` tells), whether a parameter belongs to what was offered
//! (`extensions` tells), where a source route leads (`without_route` drops it). Two things are
//! forgiven on purpose: one space behind `FROM:` and `TO:`, of which [`AddressSyntax`] knows more,
//! and white space at the end of a command.
#![no_std]

extern crate alloc;

// In reading order. First what everything rests on: errors, sizes, characters, a position.
mod error;

pub mod limits;

mod class;
mod cursor;

// Then lines, and what stands in them.
mod line;

mod command;

mod client_name;
mod verb;

mod etrn;
mod query;

mod attribute;
mod xclient;
mod xforward;

mod dialect;
mod service_extension;

mod address_syntax;
mod path;

mod domain;
mod local_part;

mod params;

mod date_time;
pub mod utf8_addr;
pub mod xtext;

mod sasl;

// What is answered.
mod reply;

mod enhanced_code;
mod reply_code;

pub mod replies;

mod ehlo_reply;
mod extension;

// Content, by dots and by chunks.
mod data;

mod chunk;

pub use address_syntax::AddressSyntax;
pub use attribute::Attribute;
pub use chunk::{Chunk, ChunkDecoder};
pub use client_name::ClientName;
pub use command::Command;
pub use data::{ContentScanner, DataDecoder, DataEncoder, Decoded, Flaws};
pub use date_time::DateTime;
pub use dialect::{Dialect, DialectError};
pub use domain::{AddressLiteral, Domain, DomainName};
pub use ehlo_reply::EhloReply;
pub use enhanced_code::EnhancedCode;
pub use error::{ReplyError, SyntaxError, SyntaxErrorKind};
pub use etrn::EtrnArgument;
pub use extension::Extension;
pub use line::{Line, LineDecoder, LineEnding};
pub use local_part::LocalPart;
pub use params::{
    AuthParam, BodyType, ByMode, DeliverBy, EnvelopeId, Hold, MailParams, MtPriority,
    NoSupportAction, Notify, OriginalRecipient, Parameter, RcptParams, Ret, Rrvs,
};
pub use path::{ForwardPath, Mailbox, ReversePath, SourceRoute};
pub use query::Query;
pub use reply::Reply;
pub use reply_code::ReplyCode;
pub use sasl::{InitialResponse, Mechanism, Response, challenge, decode_response};
pub use service_extension::ServiceExtension;
pub use verb::Verb;
pub use xclient::{Protocol, XClient};
pub use xforward::{Source, XForward};
