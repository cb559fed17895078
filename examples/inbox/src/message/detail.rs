//! One message in full, as it is looked at.
//!
//! * **In**: content and envelope. **Out**: what the page and clients of mailpit's API show: texts, addresses,
//!   attachments, fields, parts.
//! * **Promises**: a part's number means the same part each time. **Limits**: those of [`parse()`].
//! * **Panics**: never. **Spec**: mailpit's API v1 for the names; RFC 2369 3.2, RFC 8058 (`List-Unsubscribe`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use mail_parser::{
    Addr, Address as Addresses, HeaderName, Message, MessagePart, MimeHeaders, PartType,
};
use md5::{Digest, Md5};
use serde::Serialize;
use sha1::Sha1;
use sha2::Sha256;

use super::envelope::EnvelopeFacts;
use super::{Address, Facts, addresses, attachments, is_inline, parse, text, unnamed};
use crate::moment;

/// A message without the content of its attachments.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Detail {
    #[serde(rename = "ID")]
    pub(crate) id: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    from: Address,
    to: Vec<Address>,
    cc: Vec<Address>,
    bcc: Vec<Address>,
    reply_to: Vec<Address>,
    return_path: String,
    subject: String,
    list_unsubscribe: ListUnsubscribe,
    /// What the message says, else when it arrived.
    date: String,
    pub(crate) tags: Vec<String>,
    username: String,
    text: String,
    #[serde(rename = "HTML")]
    html: String,
    size: usize,
    inline: Vec<Attachment>,
    attachments: Vec<Attachment>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Attachment {
    #[serde(rename = "PartID")]
    part_id: String,
    file_name: String,
    content_type: String,
    #[serde(rename = "ContentID")]
    content_id: String,
    size: usize,
    checksums: Checksums,
}

/// Of the decoded octets, in hexadecimal.
#[derive(Debug, Serialize)]
struct Checksums {
    #[serde(rename = "MD5")]
    md5: String,
    #[serde(rename = "SHA1")]
    sha1: String,
    #[serde(rename = "SHA256")]
    sha256: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListUnsubscribe {
    header: String,
    links: Vec<String>,
    errors: String,
    header_post: String,
}

/// A part to download.
pub(crate) struct Part {
    pub(crate) content: Bytes,
    pub(crate) content_type: String,
    pub(crate) file_name: String,
}

impl Detail {
    pub(crate) fn read(
        id: String,
        content: &[u8],
        envelope: &EnvelopeFacts,
        created: &str,
    ) -> Self {
        let message = parse(content);
        let mut named = Facts {
            to: addresses(message.all_to()),
            cc: addresses(message.all_cc()),
            bcc: addresses(message.all_bcc()),
            ..Facts::default()
        };
        named.bcc.extend(unnamed(&named, envelope));
        let (inline, attachments) = attachments(&message)
            .map(|(number, part)| (is_inline(part), Attachment::of(number, part)))
            .partition::<Vec<_>, _>(|(is_inline, _)| *is_inline);
        let without_flag =
            |list: Vec<(bool, Attachment)>| list.into_iter().map(|(_, one)| one).collect();
        Self {
            id,
            message_id: message.message_id().unwrap_or_default().to_owned(),
            from: message.from().and_then(Addresses::first).map(Address::of).unwrap_or_default(),
            to: named.to,
            cc: named.cc,
            bcc: named.bcc,
            reply_to: addresses(message.reply_to().into_iter()),
            return_path: envelope.reverse_path.clone(),
            subject: message.subject().unwrap_or_default().to_owned(),
            list_unsubscribe: ListUnsubscribe::of(&message),
            date: date(&message).unwrap_or_else(|| created.to_owned()),
            tags: Vec::new(),
            username: envelope.login.clone().unwrap_or_default(),
            text: text(&message),
            html: html(&message),
            size: content.len(),
            inline: without_flag(inline),
            attachments: without_flag(attachments),
        }
    }
}

impl Attachment {
    fn of(number: u32, part: &MessagePart<'_>) -> Self {
        Self {
            part_id: number.to_string(),
            file_name: part.attachment_name().unwrap_or_default().to_owned(),
            content_type: content_type(part),
            content_id: part.content_id().unwrap_or_default().to_owned(),
            size: contents(part).len(),
            checksums: Checksums::of(contents(part)),
        }
    }
}

impl Checksums {
    fn of(octets: &[u8]) -> Self {
        Self {
            md5: hex(&Md5::digest(octets)),
            sha1: hex(&Sha1::digest(octets)),
            sha256: hex(&Sha256::digest(octets)),
        }
    }
}

impl ListUnsubscribe {
    fn of(message: &Message<'_>) -> Self {
        let raw =
            |name: HeaderName<'static>| unfolded(message.header_raw(name).unwrap_or_default());
        let header = raw(HeaderName::ListUnsubscribe);
        let links = match message.list_unsubscribe().as_address() {
            Some(list) => list.iter().filter_map(Addr::address).map(str::to_owned).collect(),
            None => Vec::new(),
        };
        let is_link = |link: &String| {
            let link = link.to_ascii_lowercase();
            ["mailto:", "https://", "http://"].iter().any(|scheme| link.starts_with(scheme))
        };
        let errors = match (header.is_empty(), links.iter().all(is_link) && !links.is_empty()) {
            (false, false) => "neither mailto: nor https: in angle brackets".to_owned(),
            _ => String::new(),
        };
        Self { links, errors, header_post: raw(HeaderName::ListUnsubscribePost), header }
    }
}

/// The HTML text, where there is any.
pub(crate) fn html(message: &Message<'_>) -> String {
    let parts = message.html_body.iter().filter_map(|number| message.part(*number));
    let html = parts.filter_map(|part| match &part.body {
        PartType::Html(html) => Some(html.as_ref()),
        _ => None,
    });
    html.collect()
}

/// The fields by name, spelt as Go's libraries do, since mailpit's clients look for `Message-Id`.
pub(crate) fn headers(content: &[u8]) -> BTreeMap<String, Vec<String>> {
    let message = parse(content);
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in message.headers_raw() {
        headers.entry(canonical(name)).or_default().push(unfolded(value));
    }
    headers
}

/// A part by its number.
pub(crate) fn part(content: &[u8], number: u32) -> Option<Part> {
    let message = parse(content);
    let part = message.part(number)?;
    if part.is_multipart() {
        return None;
    }
    Some(Part {
        content: Bytes::copy_from_slice(contents(part)),
        content_type: match &part.body {
            // These were decoded, whatever charset they came in.
            PartType::Text(_) | PartType::Html(_) => {
                format!("{}; charset=utf-8", content_type(part))
            }
            _ => content_type(part),
        },
        file_name: match part.attachment_name() {
            Some(name) => name.to_owned(),
            None => format!("part-{number}"),
        },
    })
}

/// The picture that `cid:` means, as `data:`, and what is left of `room` octets; `None` if there is none, or no room.
pub(crate) fn picture(message: &Message<'_>, id: &str, room: usize) -> Option<(String, usize)> {
    let part = message.parts.iter().find(|part| part.content_id() == Some(id))?;
    let left = room.checked_sub(contents(part).len())?;
    Some((format!("data:{};base64,{}", content_type(part), STANDARD.encode(contents(part))), left))
}

/// `type/subtype` in lower case; what is not spelt like one is unknown.
pub(super) fn content_type(part: &MessagePart<'_>) -> String {
    let is_token = |text: &str| {
        let is_token_octet =
            |octet: u8| octet.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&octet);
        !text.is_empty() && text.bytes().all(is_token_octet)
    };
    let default = match &part.body {
        PartType::Text(_) => "text/plain",
        PartType::Html(_) => "text/html",
        _ => "application/octet-stream",
    };
    let named = part.content_type().and_then(|named| {
        let subtype = named.subtype().unwrap_or_default();
        let is_valid = is_token(named.ctype()) && is_token(subtype);
        is_valid.then(|| format!("{}/{subtype}", named.ctype()).to_ascii_lowercase())
    });
    named.unwrap_or_else(|| default.to_owned())
}

pub(super) fn contents<'a>(part: &'a MessagePart<'_>) -> &'a [u8] {
    match &part.body {
        PartType::Message(message) => &message.raw_message,
        PartType::Multipart(_) => &[],
        _ => part.contents(),
    }
}

fn date(message: &Message<'_>) -> Option<String> {
    let date = message.date().filter(|date| date.is_valid())?;
    moment::parse_rfc3339(&date.to_rfc3339()).map(|_| date.to_rfc3339())
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unfolded(value: &str) -> String {
    value.replace(['\r', '\n'], "").trim().to_owned()
}

/// `message-ID` as `Message-Id`.
fn canonical(name: &str) -> String {
    let mut canonical = String::with_capacity(name.len());
    let mut begins = true;
    for character in name.chars() {
        let cased =
            if begins { character.to_ascii_uppercase() } else { character.to_ascii_lowercase() };
        canonical.push(cased);
        begins = character == '-';
    }
    canonical
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "From: ann@example.org\r\nSubject: Two\r\n\tparts\r\nDate: Thu, 1 Jan 2026 10:00:00 +0100\r\n\
        list-unsubscribe: <https://example.org/u>, <mailto:u@example.org>\r\nmessage-ID: <a@b>\r\n\
        Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n\
        --c\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n\
        --c\r\nContent-Type: text/html\r\n\r\n<p>Hi <img src=\"cid:i\"></p>\r\n--c--\r\n\
        --b\r\nContent-Type: image/png; name=\"i.png\"\r\nContent-ID: <i>\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n\
        --b\r\nContent-Type: x\"y/z; name=a\r\nContent-Disposition: attachment; filename=\"../a.txt\"\r\n\r\nabc\r\n--b--\r\n";

    fn detail() -> serde_json::Value {
        let envelope = EnvelopeFacts::to(&["kim@example.org"]);
        let detail = Detail::read("1".into(), MIXED.as_bytes(), &envelope, "2026-01-02T00:00:00Z");
        serde_json::to_value(detail).unwrap()
    }

    #[test]
    fn a_message_in_full() {
        let detail = detail();
        assert_eq!(detail["Text"].as_str().unwrap().trim_end(), "Grüße");
        assert_eq!(detail["HTML"].as_str().unwrap().trim_end(), "<p>Hi <img src=\"cid:i\"></p>");
        assert_eq!(detail["Date"], "2026-01-01T10:00:00+01:00");
        assert_eq!(detail["Bcc"][0]["Address"], "kim@example.org");
        assert_eq!(detail["ListUnsubscribe"]["Links"][1], "mailto:u@example.org");
        assert_eq!(detail["ListUnsubscribe"]["Errors"], "");
        assert_eq!(detail["Inline"][0]["ContentID"], "i");
        assert_eq!(detail["Inline"][0]["Size"], 3);
        assert_eq!(detail["Attachments"][0]["FileName"], "../a.txt");
        assert_eq!(detail["Attachments"][0]["ContentType"], "application/octet-stream");
    }

    #[test]
    fn parts_and_fields() {
        let detail = detail();
        let number = detail["Inline"][0]["PartID"].as_str().unwrap().parse().unwrap();
        let picture = part(MIXED.as_bytes(), number).unwrap();
        assert_eq!(
            (&picture.content[..], picture.content_type.as_str()),
            (&[0, 1, 2][..], "image/png")
        );
        assert!(part(MIXED.as_bytes(), 0).is_none(), "a container has no content");
        assert!(part(MIXED.as_bytes(), 99).is_none());
        let headers = headers(MIXED.as_bytes());
        assert_eq!(headers["Message-Id"], ["<a@b>"]);
        assert_eq!(headers["Subject"], ["Two\tparts"]);
    }

    #[test]
    fn a_date_that_is_none_is_the_time_of_arrival() {
        for date in ["", "Date: yesterday\r\n", "Date: Thu, 99 Foo 99999 99:99:99 +9999\r\n"] {
            let content = format!("{date}Subject: x\r\n\r\n");
            let envelope = EnvelopeFacts::default();
            let detail =
                Detail::read("1".into(), content.as_bytes(), &envelope, "2026-01-02T00:00:00Z");
            assert_eq!(detail.date, "2026-01-02T00:00:00Z", "{date}");
        }
    }
}
