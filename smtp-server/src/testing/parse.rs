//! From octets to a MIME tree that is safe to hold.
//!
//! * **In**: content. **Out**: mail-parser's tree. **Promises**: no tree is so deep that walking or dropping it
//!   could exhaust a stack: mail-parser nests messages within messages without a bound, so content that names more
//!   than [`NESTED_MESSAGES_MAX`] of them is read as a header section and text. None is without a part, since
//!   mail-parser's accessors panic then; and where its parser does (it asserts, in a build that checks that), the header
//!   section is read alone.
//! * **Limits**: 4 GiB, far above what is received. **Panics**: never. **Spec**: RFC 2045, RFC 2046 5.2.1.

use std::panic::{AssertUnwindSafe, catch_unwind};

use mail_parser::{Message, MessageParser};

const NESTED_MESSAGES_MAX: usize = 50;

/// The tree of a message as the crate `mail-parser` has it; `None` for what is no message at all.
#[must_use]
pub fn parse_message(content: &[u8]) -> Option<Message<'_>> {
    let parser = MessageParser::default();
    let whole = || catch_unwind(AssertUnwindSafe(|| parser.parse(content))).ok();
    let message = (nested_messages(content) <= NESTED_MESSAGES_MAX).then(whole).flatten();
    let message = message.unwrap_or_else(|| parser.parse_headers(content));
    message.filter(|message| !message.parts.is_empty())
}

/// How often `message/` stands in the content, in any case.
fn nested_messages(content: &[u8]) -> usize {
    const TYPE: &[u8] = b"message";
    memchr::memchr_iter(b'/', content)
        .filter(|slash| {
            let before = slash.checked_sub(TYPE.len()).and_then(|start| content.get(start..*slash));
            before.is_some_and(|word| word.eq_ignore_ascii_case(TYPE))
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_none() {
        assert!(parse_message(b"").is_none());
    }

    #[test]
    fn what_the_parser_asserts_of_broken_content_costs_no_more_than_its_parts() {
        let broken = b"Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
            Content-Type: message/rfc822\r\n\r\nContent-Type: message/rfc822\r\n\r\n\
            Content-Type: text/html\r\n\r\n<a href=\"https://--b--\r\n";
        assert_eq!(parse_message(broken).unwrap().subject(), Some("x"));
    }

    #[test]
    fn messages_in_messages_end_somewhere() {
        let nested = "Content-Type: Message/RFC822\r\n\r\n".repeat(200_000);
        let message = parse_message(nested.as_bytes());
        assert!(message.is_none_or(|message| message.parts.len() <= 1));
        let few = "Content-Type: message/rfc822\r\n\r\n".repeat(NESTED_MESSAGES_MAX);
        assert_eq!(parse_message(few.as_bytes()).unwrap().attachment_count(), 1);
    }

    #[test]
    fn parts_in_parts_and_many_parts_are_read() {
        let mut deep = String::new();
        for level in 0..20_000 {
            deep +=
                &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
        }
        assert!(parse_message(deep.as_bytes()).is_some());
        let wide = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
            "--b\r\nContent-Type: image/png\r\n\r\nx\r\n".repeat(10_000)
        );
        assert_eq!(parse_message(wide.as_bytes()).unwrap().attachment_count(), 10_000);
    }
}
