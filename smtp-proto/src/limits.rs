//! Every size the codec knows.
//!
//! * **In**: nothing, or the beginning of a command line. **Out**: sizes in octets or counts.
//! * **Promises**: nothing in this crate grows beyond a constant of this module.
//! * **Limits**: these. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.3.1; the extensions are named at their constants.

/// Longest local-part (RFC 5321 4.5.3.1.1).
pub const LOCAL_PART_BYTES_MAX: usize = 64;
/// Longest domain (RFC 5321 4.5.3.1.2).
pub const DOMAIN_BYTES_MAX: usize = 255;
/// Longest label of a domain (RFC 1035 2.3.4).
pub const LABEL_BYTES_MAX: usize = 63;
/// Longest path, with its angle brackets (RFC 5321 4.5.3.1.3).
pub const PATH_BYTES_MAX: usize = 256;
/// Longest name in EHLO, HELO and LHLO: that of a domain.
pub const CLIENT_NAME_BYTES_MAX: usize = 255;
/// Longest command line without extensions, with its CRLF (RFC 5321 4.5.3.1.4).
pub const COMMAND_LINE_BYTES_MAX: usize = 512;
/// Longest reply line, with its code and CRLF (RFC 5321 4.5.3.1.5).
pub const REPLY_LINE_BYTES_MAX: usize = 512;
/// Longest content line, with its CRLF, without the dot of transparency (RFC 5321 4.5.3.1.6).
pub const CONTENT_LINE_BYTES_MAX: usize = 1_000;
/// Recipients that a server must be able to buffer (RFC 5321 4.5.3.1.8).
pub const RECIPIENTS_MIN: usize = 100;
/// Longest reply that is parsed, all lines together.
pub const REPLY_BYTES_MAX: usize = 65_536;
/// Most lines of a reply that is parsed.
pub const REPLY_LINES_MAX: usize = 1_000;
/// Most digits of the size in BDAT: those of the largest 64-bit number (RFC 3030 2, RFC 1870 5).
pub const CHUNK_SIZE_DIGITS_MAX: usize = 20;
/// Longest name of a SASL mechanism (RFC 4422 3.1).
pub const MECHANISM_BYTES_MAX: usize = 20;
/// Longest AUTH command line, with its initial response (RFC 4954 4).
pub const AUTH_LINE_BYTES_MAX: usize = 12_288;
/// Longest line that answers a challenge of AUTH, with its CRLF (RFC 4954 4).
pub const AUTH_RESPONSE_BYTES_MAX: usize = 12_288;
/// Octets of an over-long line that a session drops before it gives up on the client.
pub const DISCARDED_LINE_BYTES_MAX: u64 = 65_536;

/// Longest command line, with its CRLF, for a line that begins with `line_start`.
#[must_use]
pub fn command_line_bytes_max(line_start: &[u8]) -> usize {
    let is = |verb: &[u8]| {
        line_start.get(..verb.len()).is_some_and(|start| start.eq_ignore_ascii_case(verb))
    };
    if is(b"MAIL") {
        MAIL_LINE_BYTES_MAX
    } else if is(b"RCPT") {
        RCPT_LINE_BYTES_MAX
    } else if is(b"AUTH") {
        AUTH_LINE_BYTES_MAX
    } else {
        COMMAND_LINE_BYTES_MAX
    }
}

/// Longest MAIL line.
pub const MAIL_LINE_BYTES_MAX: usize = 2_048;
/// Longest RCPT line.
pub const RCPT_LINE_BYTES_MAX: usize = 2_048;
