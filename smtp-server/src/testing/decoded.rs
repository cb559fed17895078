//! What the octets of a message mean.
//!
//! * **In**: content. **Out**: owned values. **Promises**: whatever the octets are, something comes of them: content that
//!   is no message is a text without fields. **Limits**: none of its own. **Panics**: never.
//! * **Spec**: RFC 5322, RFC 2045 to 2047, RFC 2231; by way of mail-parser.

use std::fmt;

use mail_parser::parsers::MessageStream;
use mail_parser::{Addr, Message, MessagePart, MimeHeaders, PartType};

use super::parse::parse_message;
use super::{code, html, links};

/// A mailbox as a header field has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Address {
    /// What is shown in its place, decoded.
    pub name: Option<String>,
    /// `local-part@domain`, as it is written.
    pub address: String,
}

/// A part of a message that is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attachment {
    /// The file's name, decoded.
    pub name: Option<String>,
    /// The media type, such as `image/png`; `application/octet-stream` if the part does not say.
    pub content_type: String,
    /// By which HTML refers to it (`cid:`), without angle brackets.
    pub content_id: Option<String>,
    /// The octets, decoded; text is in UTF-8.
    pub content: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Decoded {
    pub(super) headers: Vec<(String, String)>,
    pub(super) from: Vec<Address>,
    pub(super) to: Vec<Address>,
    pub(super) cc: Vec<Address>,
    pub(super) text: Option<String>,
    pub(super) html: Option<String>,
    pub(super) attachments: Vec<Attachment>,
    pub(super) links: Vec<String>,
    pub(super) code: Option<String>,
}

impl Decoded {
    pub(super) fn new(content: &[u8]) -> Self {
        let mut decoded = match parse_message(content) {
            Some(message) => Self::of(&message, content),
            None => Self {
                text: Some(String::from_utf8_lossy(content).trim_start().to_owned()),
                ..Self::default()
            },
        };
        let html = decoded.html.as_deref().unwrap_or_default();
        let readable = decoded.text.clone().unwrap_or_else(|| html::lines(html));
        let subject = decoded.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("subject"));
        decoded.code = code::find(&readable, subject.map_or("", |(_, value)| value));
        decoded.links = links::find(decoded.text.as_deref().unwrap_or_default(), html);
        decoded
    }

    fn of(message: &Message<'_>, content: &[u8]) -> Self {
        let text = message.text_bodies().find_map(|part| match &part.body {
            PartType::Text(text) => Some(text.to_string()),
            _ => None,
        });
        let html = message.html_bodies().find_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        });
        Self {
            headers: headers(message, content),
            from: addresses(message.from()),
            to: addresses(message.to()),
            cc: addresses(message.cc()),
            text,
            html,
            attachments: message.attachments().map(|part| attachment(part, content)).collect(),
            ..Self::default()
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} <{}>", self.address),
            None => f.write_str(&self.address),
        }
    }
}

fn headers(message: &Message<'_>, content: &[u8]) -> Vec<(String, String)> {
    let decode = |octets| MessageStream::new(octets).parse_unstructured().into_text();
    let fields = message.headers().iter().map(|field| {
        let octets = content.get(field.offset_start() as usize..field.offset_end() as usize);
        let value = octets.and_then(decode).unwrap_or_default();
        (field.name().to_owned(), value.into_owned())
    });
    fields.collect()
}

fn addresses(field: Option<&mail_parser::Address<'_>>) -> Vec<Address> {
    let address = |one: &Addr<'_>| {
        let name = one.name().map(str::to_owned);
        one.address().map(|address| Address { name, address: address.to_owned() })
    };
    field.into_iter().flat_map(mail_parser::Address::iter).filter_map(address).collect()
}

fn attachment(part: &MessagePart<'_>, content: &[u8]) -> Attachment {
    let octets = match &part.body {
        // A message in a message is given with all that surrounds it.
        PartType::Message(_) if part.encoding == mail_parser::Encoding::None => content
            .get(part.raw_body_offset() as usize..part.raw_end_offset() as usize)
            .unwrap_or_default(),
        _ => part.contents(),
    };
    let media_type = part.content_type().and_then(|media_type| {
        let subtype = media_type.subtype()?;
        Some(format!("{}/{subtype}", media_type.ctype()).to_ascii_lowercase())
    });
    Attachment {
        name: part.attachment_name().map(str::to_owned),
        content_type: media_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
        content_id: part.content_id().map(str::to_owned),
        content: octets.to_vec(),
    }
}
