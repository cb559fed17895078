//! Every size the codec knows.
//!
//! * **In**: nothing, or the beginning of a command line. **Out**: sizes in octets or counts.
//! * **Promises**: nothing in this crate grows beyond a constant of this module.
//! * **Limits**: these. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.3.1; the extensions are named at their constants.

use crate::verb;

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
/// Longest value of ENVID as it is sent (RFC 3461 4.4).
pub const ENVID_BYTES_MAX: usize = 100;
/// Longest value of ORCPT as it is sent (RFC 3461 4.2).
pub const ORCPT_BYTES_MAX: usize = 500;
/// Most digits of the seconds in BY (RFC 2852 4) and in HOLDFOR (RFC 4865 3).
pub const SECONDS_DIGITS_MAX: usize = 9;
/// Most seconds in BY, in HOLDFOR, and in what EHLO says about either.
pub const SECONDS_MAX: u32 = 10_u32.pow(SECONDS_DIGITS_MAX as u32) - 1;
/// Longest name of a SASL mechanism (RFC 4422 3.1).
pub const MECHANISM_BYTES_MAX: usize = 20;
/// Longest AUTH command line, with its initial response (RFC 4954 4).
pub const AUTH_LINE_BYTES_MAX: usize = 12_288;
/// Longest line that answers a challenge of AUTH, with its CRLF (RFC 4954 4).
pub const AUTH_RESPONSE_BYTES_MAX: usize = 12_288;
/// Longest value of an XCLIENT or XFORWARD attribute, decoded; Postfix has the same limit.
pub const ATTRIBUTE_VALUE_BYTES_MAX: usize = 255;
/// Octets of an over-long line that a session drops before it gives up on the client.
pub const DISCARDED_LINE_BYTES_MAX: u64 = 65_536;

/// Longest MAIL line, with its CRLF: what each extension may add to it.
pub const MAIL_LINE_BYTES_MAX: usize = COMMAND_LINE_BYTES_MAX
    + " SIZE=".len() + CHUNK_SIZE_DIGITS_MAX // RFC 1870 3
    + 17 // BODY, RFC 6152 2
    + 10 // SMTPUTF8, RFC 6531 3.1
    + 500 // AUTH, RFC 4954 3
    + " RET=HDRS".len() // RFC 3461 4.3
    + " ENVID=".len() + ENVID_BYTES_MAX // RFC 3461 4.4
    + " BY=-999999999;RT".len() // RFC 2852 4
    + " HOLDUNTIL=2026-12-31T23:59:59+00:00".len() // RFC 4865 3; HOLDFOR is shorter
    + " MT-PRIORITY=-9".len() // RFC 6710 3
    + " REQUIRETLS".len(); // RFC 8689 2

/// Longest RCPT line, with its CRLF: what each extension may add to it.
pub const RCPT_LINE_BYTES_MAX: usize = COMMAND_LINE_BYTES_MAX
    + " NOTIFY=SUCCESS,FAILURE,DELAY".len() // RFC 3461 4.1
    + " ORCPT=".len() + ORCPT_BYTES_MAX // RFC 3461 4.2
    + " RRVS=2026-12-31T23:59:59+00:00;C".len(); // RFC 7293 3.1

/// Longest VRFY or EXPN line, with its CRLF and SMTPUTF8 (RFC 6531 3.1).
pub const VRFY_LINE_BYTES_MAX: usize = COMMAND_LINE_BYTES_MAX + 10;

/// Longest command line in octets, with its CRLF, for a line that begins with `line_start`.
///
/// The first four octets decide; fewer are enough as long as the line is shorter than
/// [`COMMAND_LINE_BYTES_MAX`], which is the least this gives. A line may be as long as all
/// extensions together allow, whether or not they are offered: then its reply says what is wrong
/// with it.
#[must_use]
pub fn command_line_bytes_max(line_start: &[u8]) -> usize {
    let Some(verb) = line_start.first_chunk::<4>() else { return COMMAND_LINE_BYTES_MAX };
    match verb::upper_case(verb) {
        verb::MAIL => MAIL_LINE_BYTES_MAX,
        verb::RCPT => RCPT_LINE_BYTES_MAX,
        verb::VRFY | verb::EXPN => VRFY_LINE_BYTES_MAX,
        verb::AUTH => AUTH_LINE_BYTES_MAX,
        _ => COMMAND_LINE_BYTES_MAX,
    }
}
