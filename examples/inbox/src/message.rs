//! What is learnt of a message when it arrives, once.
//!
//! * **In**: content, and the envelope it came in. **Out**: [`Facts`] for lists, [`Haystack`] for searches.
//! * **Promises**: whatever the content is, it is taken: what cannot be read is missing, and nothing else.
//! * **Limits**: in lists [`SUBJECT_CHARS_MAX`], [`ADDRESSES_MAX`] and [`SNIPPET_CHARS_MAX`]; what [`parse()`] and
//!   [`Haystack`] say. **Panics**: never. **Spec**: RFC 5322, RFC 2045 to 2047, RFC 2231.

pub(crate) mod compose;
pub(crate) mod detail;
pub(crate) mod envelope;
mod haystack;
mod parse;
mod readable;
pub(crate) mod structure;

use std::borrow::Cow;

use mail_parser::{Addr, Address as Addresses, HeaderName, Message, MimeHeaders, PartType};
use serde::Serialize;

use envelope::EnvelopeFacts;
pub(crate) use haystack::{Field, Haystack, normal};
pub(crate) use parse::parse;
use readable::readable;

const SUBJECT_CHARS_MAX: usize = 1000;
const ADDRESSES_MAX: usize = 100;
const SNIPPET_CHARS_MAX: usize = 250;

/// A name and a mailbox, either of them possibly empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Address {
    pub(crate) name: String,
    pub(crate) address: String,
}

/// What a list shows of a message.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    /// Without angle brackets.
    pub(crate) message_id: String,
    pub(crate) from: Address,
    pub(crate) to: Vec<Address>,
    pub(crate) cc: Vec<Address>,
    /// And the recipients of the envelope that no field names.
    pub(crate) bcc: Vec<Address>,
    pub(crate) reply_to: Vec<Address>,
    pub(crate) subject: String,
    pub(crate) attachments: usize,
    pub(crate) inlines: usize,
    pub(crate) snippet: String,
    /// What `X-Tags` asks for.
    pub(crate) tags: Vec<String>,
}

impl Facts {
    /// Reads a message: what lists show of it, and what searches look at.
    pub(crate) fn read(content: &[u8], envelope: &EnvelopeFacts) -> (Self, Haystack) {
        let message = parse(content);
        let mut facts = Self {
            message_id: message.message_id().unwrap_or_default().to_owned(),
            from: message.from().and_then(Addresses::first).map(Address::of).unwrap_or_default(),
            to: addresses(message.all_to()),
            cc: addresses(message.all_cc()),
            bcc: addresses(message.all_bcc()),
            reply_to: addresses(message.reply_to().into_iter()),
            subject: message.subject().unwrap_or_default().to_owned(),
            tags: tags(&message),
            ..Self::default()
        };
        facts.bcc.extend(unnamed(&facts, envelope));
        for part in attachments(&message) {
            if is_inline(part.1) {
                facts.inlines += 1;
            } else {
                facts.attachments += 1;
            }
        }
        let text = text(&message);
        facts.snippet = shorten(&text, SNIPPET_CHARS_MAX);
        let names = attachments(&message).filter_map(|(_, part)| part.attachment_name());
        let haystack = Haystack::new(&facts, &text, names);
        facts.subject = facts.subject.chars().take(SUBJECT_CHARS_MAX).collect();
        for list in [&mut facts.to, &mut facts.cc, &mut facts.bcc, &mut facts.reply_to] {
            list.truncate(ADDRESSES_MAX);
        }
        (facts, haystack)
    }
}

impl Address {
    pub(crate) fn of(address: &Addr<'_>) -> Self {
        Self {
            name: address.name().unwrap_or_default().to_owned(),
            address: address.address().unwrap_or_default().to_owned(),
        }
    }

    /// Without a name.
    pub(crate) fn nameless(address: &str) -> Self {
        Self { name: String::new(), address: address.to_owned() }
    }
}

/// All mailboxes of these fields, groups taken apart.
pub(crate) fn addresses<'a>(fields: impl Iterator<Item = &'a Addresses<'a>>) -> Vec<Address> {
    fields.flat_map(|field| field.iter().map(Address::of).collect::<Vec<_>>()).collect()
}

/// The recipients of the envelope that stand in no field.
pub(crate) fn unnamed(facts: &Facts, envelope: &EnvelopeFacts) -> Vec<Address> {
    let is_named = |address: &str| {
        [&facts.to, &facts.cc, &facts.bcc]
            .into_iter()
            .flatten()
            .any(|named| named.address.eq_ignore_ascii_case(address))
    };
    let recipients = envelope.recipients.iter().map(|recipient| recipient.address.as_str());
    recipients.filter(|address| !is_named(address)).map(Address::nameless).collect()
}

/// The text to read: the plain one, else that of the HTML.
pub(crate) fn text(message: &Message<'_>) -> String {
    let parts = message.text_body.iter().filter_map(|number| message.part(*number));
    let texts = parts.filter_map(|part| match &part.body {
        PartType::Text(text) => Some(Cow::Borrowed(text.as_ref())),
        PartType::Html(html) => Some(Cow::Owned(readable(html))),
        _ => None,
    });
    let mut joined = String::new();
    for text in texts {
        if !joined.is_empty() {
            joined.push('\n');
        }
        joined.push_str(&text);
    }
    joined
}

/// The parts that are neither text to read nor containers, with their numbers.
pub(crate) fn attachments<'a>(
    message: &'a Message<'a>,
) -> impl Iterator<Item = (u32, &'a mail_parser::MessagePart<'a>)> {
    message.attachments.iter().filter_map(|number| Some((*number, message.part(*number)?)))
}

/// Whether a part is shown within the message and not offered beside it.
pub(crate) fn is_inline(part: &mail_parser::MessagePart<'_>) -> bool {
    let disposition = part.content_disposition();
    match disposition {
        Some(disposition) if disposition.is_attachment() => false,
        Some(disposition) if disposition.is_inline() => true,
        _ => part.content_id().is_some() || matches!(part.body, PartType::InlineBinary(_)),
    }
}

/// `X-Tags: one, two`.
fn tags(message: &Message<'_>) -> Vec<String> {
    let field = message.header_raw(HeaderName::Other("X-Tags".into())).unwrap_or_default();
    clean_tags(field.split(',').map(str::to_owned))
}

/// Tags as they are kept: trimmed, each once, none empty, none of them long.
pub(crate) fn clean_tags(tags: impl Iterator<Item = String>) -> Vec<String> {
    const TAG_CHARS_MAX: usize = 100;
    const TAGS_MAX: usize = 100;
    let mut clean: Vec<String> = Vec::new();
    for tag in tags {
        let tag: String = tag
            .trim()
            .chars()
            .filter(|character| !character.is_control())
            .take(TAG_CHARS_MAX)
            .collect();
        let is_new = !clean.iter().any(|known| known.eq_ignore_ascii_case(&tag));
        if !tag.is_empty() && is_new && clean.len() < TAGS_MAX {
            clean.push(tag);
        }
    }
    clean.sort_unstable();
    clean
}

/// The first characters, white space collapsed.
fn shorten(text: &str, chars_max: usize) -> String {
    let mut short = String::new();
    let mut chars = 0;
    for word in text.split_whitespace() {
        if chars > 0 {
            short.push(' ');
            chars += 1;
        }
        for character in word.chars() {
            if chars >= chars_max {
                return short;
            }
            short.push(character);
            chars += 1;
        }
        if chars >= chars_max {
            return short;
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &str, recipients: &[&str]) -> Facts {
        Facts::read(content.as_bytes(), &EnvelopeFacts::to(recipients)).0
    }

    #[test]
    fn facts_of_a_message() {
        let content = "From: =?utf-8?q?Ann_=C3=9Cber?= <ann@example.org>\r\nTo: Kim <kim@example.org>, lee@example.org\r\n\
                       Cc: team: pat@example.org;\r\nSubject: =?utf-8?b?SMOpbGxv?=\r\nMessage-ID: <1@example.org>\r\n\
                       Reply-To: help@example.org\r\nX-Tags: b, a ,b,\r\n\r\nDear  Kim,\r\n\r\nyour code is 1234.\r\n";
        let facts = read(content, &["kim@example.org", "boss@example.org"]);
        assert_eq!(
            facts.from,
            Address { name: "Ann Über".into(), address: "ann@example.org".into() }
        );
        assert_eq!(facts.to.len(), 2);
        assert_eq!(facts.cc, [Address::nameless("pat@example.org")]);
        assert_eq!(facts.bcc, [Address::nameless("boss@example.org")]);
        assert_eq!(facts.subject, "Héllo");
        assert_eq!(facts.message_id, "1@example.org");
        assert_eq!(facts.snippet, "Dear Kim, your code is 1234.");
        assert_eq!(facts.tags, ["a", "b"]);
    }

    #[test]
    fn what_is_no_message_is_taken() {
        for content in ["", "\r\n", "no header at all", "Subject:\r\n", "\u{0}\u{1}"] {
            let facts = read(content, &["kim@example.org"]);
            assert_eq!(facts.subject, "", "{content:?}");
            assert_eq!(facts.bcc, [Address::nameless("kim@example.org")], "{content:?}");
        }
    }

    #[test]
    fn lists_are_short_however_long_a_field_is() {
        let many = (0..500).map(|n| format!("u{n}@example.org")).collect::<Vec<_>>().join(",\r\n ");
        let content =
            format!("To: {many}\r\nSubject: {}\r\n\r\n{}", "é".repeat(5000), "x".repeat(5000));
        let facts = read(&content, &[]);
        assert_eq!(facts.to.len(), ADDRESSES_MAX);
        assert_eq!(facts.subject.chars().count(), SUBJECT_CHARS_MAX);
        assert_eq!(facts.snippet.chars().count(), SNIPPET_CHARS_MAX);
    }

    #[test]
    fn cells_and_headings_of_html_are_words_of_their_own() {
        let html = "<h1>Hi</h1><table><tr><td>A</td><td>B</td></tr></table>";
        let content = format!("Content-Type: text/html\r\n\r\n{html}\r\n");
        assert_eq!(read(&content, &[]).snippet, "Hi A B");
    }

    #[test]
    fn attachments_and_what_is_inline_are_counted_apart() {
        let content = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>Hi</p>\r\n\
                       --b\r\nContent-Type: image/png\r\nContent-ID: <i>\r\n\r\nx\r\n\
                       --b\r\nContent-Type: image/png\r\nContent-ID: <j>\r\nContent-Disposition: attachment; filename=j.png\r\n\r\nx\r\n\
                       --b\r\nContent-Type: application/pdf\r\n\r\nx\r\n--b--\r\n";
        let facts = read(content, &[]);
        assert_eq!((facts.attachments, facts.inlines), (2, 1));
        assert_eq!(facts.snippet, "Hi");
    }
}
