//! The wording of every stock reply, in one place.
//!
//! * **In**: nothing, or the value that a reply has to tell. **Out**: replies, named after what happened.
//! * **Promises**: each has an enhanced code, but for 353 and 354, which take none; none quotes input.
//! * **Limits**: one line each. **Panics**: never. **Spec**: RFC 5321 4.2.2 and 4.3.2, RFC 3463,
//!   RFC 5248 (the registry), and the RFCs of the extensions for their own.

use alloc::format;

use crate::enhanced_code::EnhancedCode;
use crate::params::MtPriority;
use crate::reply::Reply;
use crate::reply_code::ReplyCode;

const fn stock(
    code: ReplyCode,
    (class, subject, detail): (u8, u16, u16),
    text: &'static str,
) -> Reply {
    Reply::fixed(code, Some(EnhancedCode::new(class, subject, detail)), text)
}

/// Done.
pub const OK: Reply = stock(ReplyCode::OK, (2, 0, 0), "Ok");
/// MAIL accepted.
pub const SENDER_OK: Reply = stock(ReplyCode::OK, (2, 1, 0), "Sender ok");
/// MAIL accepted with another priority than MT-PRIORITY asked for (RFC 6710 4.1).
#[must_use]
pub fn sender_ok_with_priority(priority: MtPriority) -> Reply {
    let text = format!("{} is the priority of the message", priority.value());
    Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 3, 6)), text)
}
/// RCPT accepted.
pub const RECIPIENT_OK: Reply = stock(ReplyCode::OK, (2, 1, 5), "Recipient ok");
/// A chunk that is not the last one was taken.
#[must_use]
pub fn chunk_ok(octets: u64) -> Reply {
    let text = format!("{octets} octets received");
    Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 0, 0)), text)
}
/// The message was taken, and reports call it by this name.
#[must_use]
pub fn queued_as(queue_id: &str) -> Reply {
    let text = ["Ok: queued as ", queue_id].concat();
    Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 0, 0)), text)
}
/// DATA accepted: the content may come.
pub const START_MAIL_INPUT: Reply =
    Reply::fixed(ReplyCode::START_MAIL_INPUT, None, "End data with <CR><LF>.<CR><LF>");
/// The end of content that was sent under PRDR: a reply for each recipient follows, then one for all.
pub const CONTENT_ANALYSIS_STARTED: Reply =
    Reply::fixed(ReplyCode::CONTENT_ANALYSIS_STARTED, None, "Content analysis has started");
/// Content under PRDR that no recipient takes.
pub const REFUSED_FOR_ALL: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 0, 0), "Refused for all recipients");
/// Content under PRDR that no recipient takes now.
pub const DEFERRED_FOR_ALL: Reply =
    stock(ReplyCode::LOCAL_ERROR, (4, 0, 0), "Not taken for any recipient: try again later");
/// QUIT.
pub const CLOSING: Reply = stock(ReplyCode::CLOSING, (2, 0, 0), "Bye");
/// STARTTLS accepted.
pub const READY_FOR_TLS: Reply = stock(ReplyCode::READY, (2, 0, 0), "Ready to start TLS");
/// HELP.
pub const HELP: Reply = stock(ReplyCode::HELP, (2, 0, 0), "See RFC 5321");
/// VRFY, where mailboxes are not told.
pub const CANNOT_VERIFY: Reply =
    stock(ReplyCode::CANNOT_VERIFY, (2, 5, 0), "Cannot verify, but will take mail and try");
/// EXPN, where lists are not told.
pub const CANNOT_EXPAND: Reply =
    stock(ReplyCode::CANNOT_VERIFY, (2, 5, 0), "Cannot expand, but will take mail and try");
/// VRFY of a user whose mail is sent on; the mailbox follows.
pub const WILL_FORWARD: Reply =
    stock(ReplyCode::WILL_FORWARD, (2, 1, 5), "Not here, but will forward to");
/// VRFY of a user whose mail has to be sent elsewhere; the mailbox follows.
pub const USER_NOT_LOCAL: Reply = stock(ReplyCode::USER_NOT_LOCAL, (5, 1, 6), "Not here, but try");
/// VRFY or EXPN of a name that nobody and no list has.
pub const NAME_UNKNOWN: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 1, 1), "No such user or list");
/// VRFY of a name that several have; they may follow, one a line.
pub const NAME_AMBIGUOUS: Reply =
    stock(ReplyCode::MAILBOX_NAME_NOT_ALLOWED, (5, 1, 4), "Ambiguous name");
/// A positive reply that takes UTF-8, for a client that did not ask for it.
pub const REPLY_NEEDS_SMTPUTF8: Reply =
    stock(ReplyCode::CANNOT_VERIFY, (2, 6, 8), "The reply needs SMTPUTF8");
/// A negative reply that takes UTF-8, for a client that did not ask for it.
pub const REFUSAL_NEEDS_SMTPUTF8: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 6, 8), "The reply needs SMTPUTF8");

/// No command that we know.
pub const UNKNOWN_COMMAND: Reply = stock(ReplyCode::SYNTAX_ERROR, (5, 5, 2), "Unknown command");
/// A command that has a meaning, but not here.
pub const NOT_IMPLEMENTED: Reply =
    stock(ReplyCode::NOT_IMPLEMENTED, (5, 5, 1), "Command not implemented");
/// A command line over its limit.
pub const LINE_TOO_LONG: Reply = stock(ReplyCode::SYNTAX_ERROR, (5, 5, 2), "Line too long");
/// A command line that is not UTF-8.
pub const NOT_UTF8: Reply = stock(ReplyCode::SYNTAX_ERROR, (5, 5, 2), "Bad UTF-8 syntax");
/// A command line that ends in LF alone.
pub const BARE_LINE_FEED: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 5, 2), "Lines end in <CR><LF>: bare <LF> received");
/// Content with a CR or LF by itself.
pub const BARE_NEWLINE_IN_CONTENT: Reply = stock(
    ReplyCode::MAILBOX_UNAVAILABLE,
    (5, 5, 2),
    "Lines end in <CR><LF>: bare <CR> or bare <LF> received",
);
/// Content with a NUL.
pub const NUL_IN_CONTENT: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 6, 0), "NUL octet in content");
/// An argument that does not parse, without a more exact reply.
pub const SYNTAX_ERROR: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "Syntax error in argument");
/// An argument to a command that takes none.
pub const UNEXPECTED_ARGUMENT: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "This command takes no argument");
/// No argument to a command that needs one.
pub const MISSING_ARGUMENT: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "This command needs an argument");
/// A name in EHLO, HELO or LHLO that is none.
pub const BAD_CLIENT_NAME: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "Not a valid host name");
/// A reverse-path that does not parse.
pub const BAD_SENDER: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 1, 7), "Bad sender address syntax");
/// A forward-path that does not parse.
pub const BAD_RECIPIENT: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 1, 3), "Bad recipient address syntax");
/// A parameter that is malformed or comes twice.
pub const BAD_PARAMETER: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "Bad parameter");
/// A parameter of an extension that is not offered.
pub const UNSUPPORTED_PARAMETER: Reply =
    stock(ReplyCode::PARAMETERS_NOT_IMPLEMENTED, (5, 5, 4), "Unsupported parameter");
/// BY with the mode `R` and less time than the delivery needs (RFC 2852 4).
pub const DELIVER_BY_TOO_SOON: Reply = stock(
    ReplyCode::PARAMETERS_NOT_IMPLEMENTED,
    (5, 5, 4),
    "Cannot deliver within so short a time",
);
/// HOLDFOR or HOLDUNTIL beyond what is offered (RFC 4865 4.2).
pub const HOLD_TOO_LONG: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "Cannot hold a message for so long");
/// HOLDFOR or HOLDUNTIL beyond the time of BY (RFC 4865 5.2.2).
pub const HOLD_BEYOND_DELIVER_BY: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "To be delivered before it may be released");
/// BDAT with an argument that gives no size.
pub const BAD_CHUNK: Reply = stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 4), "Bad chunk size");

/// A command that needs EHLO before it.
pub const NEED_HELLO: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Need EHLO, HELO or LHLO first");
/// Any command but QUIT after a greeting of 554.
pub const NO_SERVICE: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "No service here: only QUIT is left");
/// EHLO or HELO on LMTP, LHLO on SMTP.
pub const WRONG_HELLO: Reply =
    stock(ReplyCode::SYNTAX_ERROR, (5, 5, 1), "Not the hello of this protocol");
/// MAIL inside a transaction.
pub const NESTED_MAIL: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Nested MAIL: a transaction is open");
/// RCPT or DATA before MAIL.
pub const NEED_MAIL: Reply = stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Need MAIL first");
/// DATA before RCPT.
pub const NEED_RECIPIENT: Reply = stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Need RCPT first");
/// DATA or BDAT when every recipient was refused.
pub const NO_VALID_RECIPIENTS: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 5, 1), "No valid recipients");
/// Another command between the chunks of a message.
pub const AFTER_BDAT: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Not allowed after BDAT: finish or RSET");
/// DATA for content that may hold any octet.
pub const BINARY_NEEDS_BDAT: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "BODY=BINARYMIME needs BDAT");
/// BDAT before MAIL, or after its transaction failed.
pub const CHUNK_WITHOUT_TRANSACTION: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Chunk dropped: no transaction is open");
/// BDAT from a client that said HELO; the connection closes.
pub const CHUNKING_NOT_OFFERED: Reply =
    stock(ReplyCode::NO_MAIL_SERVICE, (5, 5, 1), "BDAT is not offered to HELO, closing");

/// One recipient more than the limit.
pub const TOO_MANY_RECIPIENTS: Reply =
    stock(ReplyCode::INSUFFICIENT_STORAGE, (4, 5, 3), "Too many recipients");
/// The second recipient where a message takes one.
pub const ONE_RECIPIENT_PER_TRANSACTION: Reply =
    stock(ReplyCode::INSUFFICIENT_STORAGE, (4, 5, 3), "One recipient per transaction");
/// Content, or its announced size, over the limit.
pub const MESSAGE_TOO_LARGE: Reply =
    stock(ReplyCode::STORAGE_EXCEEDED, (5, 3, 4), "Message too large");
/// A header section over the limit.
pub const HEADER_TOO_LARGE: Reply =
    stock(ReplyCode::STORAGE_EXCEEDED, (5, 3, 4), "Header section too large");
/// Content with more trace fields than a message collects on its way.
pub const TOO_MANY_HOPS: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 4, 0), "Too many hops: this looks like a mail loop");
/// A non-ASCII address where SMTPUTF8 is not offered.
pub const NOT_ASCII: Reply =
    stock(ReplyCode::SYNTAX_ERROR, (5, 5, 2), "Non-ASCII address: SMTPUTF8 is not offered");
/// A non-ASCII reverse-path without SMTPUTF8.
pub const SENDER_NEEDS_SMTPUTF8: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 6, 7), "Non-ASCII sender needs SMTPUTF8");
/// A non-ASCII forward-path without SMTPUTF8.
pub const RECIPIENT_NEEDS_SMTPUTF8: Reply =
    stock(ReplyCode::MAILBOX_NAME_NOT_ALLOWED, (5, 6, 7), "Non-ASCII recipient needs SMTPUTF8");
/// A sender or recipient whose domain is a single label, in a submitted message that would leave this host
/// (RFC 6409 4.2).
pub const UNQUALIFIED_DOMAIN: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 1, 0), "Domain is not fully qualified");
/// No such mailbox.
pub const USER_UNKNOWN: Reply = stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 1, 1), "User unknown");
/// The mailbox takes no more now.
pub const MAILBOX_FULL: Reply =
    stock(ReplyCode::INSUFFICIENT_STORAGE, (4, 2, 2), "Mailbox full, try again later");
/// A recipient that is neither ours nor one this client may send to.
pub const RELAY_DENIED: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 7, 1), "Relay access denied");
/// The same, where the answer might be another one later.
pub const RELAY_DEFERRED: Reply =
    stock(ReplyCode::TEMPORARY_FAILURE, (4, 7, 1), "Relay access denied");
/// What a policy refuses to everybody who is left.
pub const ACCESS_DENIED: Reply = stock(ReplyCode::TRANSACTION_FAILED, (5, 7, 1), "Access denied");
/// The same, where the answer might be another one later.
pub const ACCESS_DEFERRED: Reply =
    stock(ReplyCode::MAILBOX_BUSY, (4, 7, 1), "Access denied, try again later");
/// XCLIENT or XFORWARD from a client that is not trusted with it.
pub const NOT_AUTHORIZED: Reply =
    stock(ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, 0), "Insufficient authorization");
/// Something failed on our side.
pub const LOCAL_ERROR: Reply =
    stock(ReplyCode::LOCAL_ERROR, (4, 3, 0), "Local error: try again later");
/// Our parts do not fit together: somebody here has to change something.
pub const CONFIGURATION_ERROR: Reply =
    stock(ReplyCode::LOCAL_ERROR, (4, 3, 5), "Server configuration error: try again later");

/// Anything else before STARTTLS where TLS is required.
pub const TLS_REQUIRED: Reply =
    stock(ReplyCode::AUTH_REQUIRED, (5, 7, 0), "Must issue STARTTLS first");
/// STARTTLS inside TLS.
pub const TLS_ALREADY_ACTIVE: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 5, 1), "TLS is already active");
/// STARTTLS where there is no certificate.
pub const TLS_NOT_OFFERED: Reply =
    stock(ReplyCode::NOT_IMPLEMENTED, (5, 5, 1), "STARTTLS is not offered");
/// STARTTLS, XCLIENT or another command that comes between transactions, inside one.
pub const IN_TRANSACTION: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Not allowed inside a transaction");
/// Octets behind STARTTLS before TLS began.
pub const TLS_PIPELINED: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 5, 0), "Input behind STARTTLS");

/// Octets that came before their turn: ahead of the greeting, or behind a command that ends a group.
pub const OUT_OF_TURN: Reply =
    stock(ReplyCode::TRANSACTION_FAILED, (5, 5, 0), "SMTP protocol synchronization");

/// Authenticated.
pub const AUTH_SUCCEEDED: Reply =
    stock(ReplyCode::AUTH_SUCCEEDED, (2, 7, 0), "Authentication succeeded");
/// Wrong credentials; which part is wrong is not told.
pub const AUTH_FAILED: Reply =
    stock(ReplyCode::AUTH_FAILED, (5, 7, 8), "Authentication credentials invalid");
/// The client sent `*`.
pub const AUTH_CANCELLED: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 7, 0), "Authentication cancelled");
/// A mechanism that is not offered.
pub const AUTH_UNKNOWN_MECHANISM: Reply =
    stock(ReplyCode::ARGUMENT_NOT_IMPLEMENTED, (5, 5, 4), "Unknown authentication mechanism");
/// A mechanism that shows the password, outside TLS.
pub const AUTH_ENCRYPTION_REQUIRED: Reply =
    stock(ReplyCode::ARGUMENT_NOT_IMPLEMENTED, (5, 5, 4), "Encryption required for this mechanism");
/// AUTH after AUTH.
pub const AUTH_ALREADY_DONE: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "Already authenticated");
/// AUTH inside a transaction.
pub const AUTH_IN_TRANSACTION: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "AUTH not allowed inside a transaction");
/// AUTH where there is no authenticator.
pub const AUTH_NOT_OFFERED: Reply =
    stock(ReplyCode::BAD_SEQUENCE, (5, 5, 1), "AUTH is not offered");
/// The authenticator failed.
pub const AUTH_TEMPORARY_FAILURE: Reply =
    stock(ReplyCode::TEMPORARY_FAILURE, (4, 7, 0), "Temporary authentication failure");
/// A response along with AUTH, where the mechanism begins with a challenge (RFC 4954 4).
pub const AUTH_UNEXPECTED_RESPONSE: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 7, 0), "This mechanism begins with a challenge");
/// A mechanism that is offered, but too weak for this user.
pub const AUTH_MECHANISM_TOO_WEAK: Reply =
    stock(ReplyCode::MECHANISM_TOO_WEAK, (5, 7, 9), "Authentication mechanism is too weak");
/// An account that is disabled, found out after it was shown to be the client's.
pub const AUTH_ACCOUNT_DISABLED: Reply =
    stock(ReplyCode::ACCOUNT_DISABLED, (5, 7, 13), "User account is disabled");
/// A user whose password has to be seen once before this mechanism works.
pub const AUTH_TRANSITION_NEEDED: Reply =
    stock(ReplyCode::TRANSITION_NEEDED, (4, 7, 12), "A password transition is needed");
/// AUTH after too many that failed.
pub const AUTH_TOO_MANY_FAILURES: Reply =
    stock(ReplyCode::MAILBOX_BUSY, (4, 7, 1), "Error: too many AUTH commands");
/// MAIL before AUTH where that is required.
pub const AUTH_REQUIRED: Reply =
    stock(ReplyCode::AUTH_REQUIRED, (5, 7, 0), "Authentication required");
/// A response that is not base64.
pub const AUTH_BAD_BASE64: Reply =
    stock(ReplyCode::ARGUMENT_SYNTAX_ERROR, (5, 5, 2), "Cannot decode base64");
/// A response over its limit.
pub const AUTH_LINE_TOO_LONG: Reply =
    stock(ReplyCode::SYNTAX_ERROR, (5, 5, 6), "Authentication exchange line too long");

/// ETRN accepted; whether anything waits is not told.
pub const ETRN_STARTED: Reply = stock(ReplyCode::OK, (2, 0, 0), "Queuing started");
/// ETRN, and nothing waits.
pub const ETRN_NOTHING_WAITS: Reply =
    stock(ReplyCode::WILL_FORWARD, (2, 0, 0), "Ok, no messages waiting");
/// ETRN, and messages wait.
pub const ETRN_PENDING_STARTED: Reply =
    stock(ReplyCode::CANNOT_VERIFY, (2, 0, 0), "Ok, pending messages started");
/// ETRN where nothing can be queued.
pub const ETRN_UNABLE: Reply =
    stock(ReplyCode::UNABLE_TO_QUEUE, (4, 3, 0), "Unable to queue messages");
/// ETRN for a node that this client may not ask for.
pub const ETRN_NOT_ALLOWED: Reply =
    stock(ReplyCode::NODE_NOT_ALLOWED, (4, 7, 1), "Node not allowed");

/// ETRN, and so many messages wait.
#[must_use]
pub fn etrn_pending(messages: u64) -> Reply {
    let text = format!("Ok, {messages} pending messages started");
    Reply::new(ReplyCode::PENDING_STARTED, Some(EnhancedCode::new(2, 0, 0)), text)
}

/// No room for the message now.
pub const INSUFFICIENT_STORAGE: Reply =
    stock(ReplyCode::INSUFFICIENT_STORAGE, (4, 3, 1), "Insufficient storage, try again later");
/// The client was silent for too long.
pub const TIMED_OUT: Reply =
    stock(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 4, 2), "Timeout exceeded, closing");
/// The server stops.
pub const SHUTTING_DOWN: Reply =
    stock(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 3, 2), "Shutting down, try again later");
/// One error more than the limit.
pub const TOO_MANY_ERRORS: Reply =
    stock(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 7, 0), "Too many errors, closing");
/// One connection more than the limit.
pub const TOO_MANY_CONNECTIONS: Reply =
    stock(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 7, 0), "Too many connections, try again later");
/// More refused input than we are willing to skip.
pub const TOO_MUCH_DISCARDED: Reply =
    stock(ReplyCode::SERVICE_NOT_AVAILABLE, (4, 7, 0), "Too much refused input, closing");
/// A line of HTTP or of another protocol.
pub const NOT_SMTP: Reply =
    stock(ReplyCode::CLOSING, (2, 7, 0), "This port speaks SMTP only, goodbye");
