//! From octets to a MIME tree.
//!
//! * **In**: content. **Out**: mail-parser's tree. **Promises**: there is one whatever the content is.
//! * **Limits**: those of [`parse_message`]. **Panics**: never. **Spec**: RFC 2045.

use mail_parser::{Message, MessagePart};
use smtp_server::testing::parse_message;

/// The message's tree; one empty part for what is no message at all.
pub(crate) fn parse(content: &[u8]) -> Message<'_> {
    let nothing = || Message { parts: vec![MessagePart::default()], ..Message::default() };
    parse_message(content).unwrap_or_else(nothing)
}
