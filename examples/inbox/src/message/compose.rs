//! From a description to a message.
//!
//! * **In**: mailpit's `SendRequest`. **Out**: an envelope and content. **Promises**: names and subjects are encoded,
//!   addresses are checked, and a field that could begin another one is refused.
//! * **Limits**: whoever reads the description bounds it. **Panics**: never. **Spec**: RFC 5322, RFC 2045 to 2047.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::raw::Raw;
use serde::Deserialize;
use smtp_server::proto::Mailbox;
use smtp_server::{QueueId, UnixMillis};

use super::envelope::{EnvelopeFacts, RecipientFacts};

/// What to send.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Draft {
    from: Person,
    #[serde(default)]
    to: Vec<Person>,
    #[serde(default)]
    cc: Vec<Person>,
    #[serde(default)]
    bcc: Vec<String>,
    #[serde(default)]
    reply_to: Vec<Person>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    text: String,
    #[serde(rename = "HTML", default)]
    html: String,
    #[serde(default)]
    attachments: Vec<File>,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Person {
    #[serde(default)]
    name: String,
    email: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct File {
    /// In base64, possibly behind `data:image/png;base64,`.
    content: String,
    filename: String,
    #[serde(default)]
    content_type: String,
    #[serde(rename = "ContentID", default)]
    content_id: String,
}

/// The message, or what is wrong with the description.
pub(crate) fn compose(
    draft: Draft,
    id: QueueId,
    at: UnixMillis,
) -> Result<(EnvelopeFacts, Vec<u8>), String> {
    let envelope = envelope(&draft)?;
    let seconds = i64::try_from(at.0 / 1000).unwrap_or_default();
    let mut message = MessageBuilder::new()
        .from(people(std::slice::from_ref(&draft.from)))
        .subject(one_line("Subject", &draft.subject)?.to_owned())
        .date(seconds)
        .message_id(format!("{id}@inbox.localhost"));
    if !draft.to.is_empty() {
        message = message.to(people(&draft.to));
    }
    if !draft.cc.is_empty() {
        message = message.cc(people(&draft.cc));
    }
    if !draft.reply_to.is_empty() {
        message = message.reply_to(people(&draft.reply_to));
    }
    if !draft.tags.is_empty() {
        let tags = draft.tags.join(", ");
        message = message.header("X-Tags", Raw::new(one_line("Tags", &tags)?.to_owned()));
    }
    for (name, value) in &draft.headers {
        message = message
            .header(own_field(name)?.to_owned(), Raw::new(one_line(name, value)?.to_owned()));
    }
    if !draft.text.is_empty() || draft.html.is_empty() {
        message = message.text_body(draft.text);
    }
    if !draft.html.is_empty() {
        message = message.html_body(draft.html);
    }
    for file in draft.attachments {
        let File { content, filename, content_type, content_id } = file;
        let base64 = content.rsplit(',').next().unwrap_or_default();
        let octets = STANDARD
            .decode(base64.trim())
            .map_err(|error| format!("attachment '{filename}' is not base64: {error}"))?;
        let kind = match one_line("ContentType", &content_type)? {
            "" => "application/octet-stream".to_owned(),
            kind => kind.to_owned(),
        };
        let filename = one_line("Filename", &filename)?.to_owned();
        message = match one_line("ContentID", &content_id)? {
            "" => message.attachment(kind, filename, octets),
            id => message.inline(kind, id.to_owned(), octets),
        };
    }
    let content = message.write_to_vec().map_err(|error| error.to_string())?;
    Ok((envelope, content))
}

fn envelope(draft: &Draft) -> Result<EnvelopeFacts, String> {
    let people = [&draft.to, &draft.cc].into_iter().flatten().map(|person| person.email.as_str());
    let recipients = people.chain(draft.bcc.iter().map(String::as_str));
    let recipients = recipients
        .map(|address| Ok(RecipientFacts { address: mailbox(address)?, parameters: Vec::new() }));
    for person in &draft.reply_to {
        mailbox(&person.email)?;
    }
    for person in [&draft.to, &draft.cc, &draft.reply_to].into_iter().flatten().chain([&draft.from])
    {
        one_line("Name", &person.name)?;
    }
    Ok(EnvelopeFacts {
        reverse_path: mailbox(&draft.from.email)?,
        recipients: recipients.collect::<Result<_, String>>()?,
        hello: "HTTP".to_owned(),
        ..EnvelopeFacts::default()
    })
}

fn mailbox(address: &str) -> Result<String, String> {
    let parsed = Mailbox::parse(address);
    parsed.map(|mailbox| mailbox.to_string()).map_err(|_| format!("'{address}' is not an address"))
}

fn people(people: &[Person]) -> Address<'static> {
    let one = |person: &Person| {
        let name = (!person.name.is_empty()).then(|| person.name.clone());
        Address::new_address(name, person.email.clone())
    };
    Address::new_list(people.iter().map(one).collect())
}

fn one_line<'a>(name: &str, value: &'a str) -> Result<&'a str, String> {
    if value.chars().any(char::is_control) {
        return Err(format!("{name} has a line break or another control character in it"));
    }
    Ok(value)
}

/// The name of a field that we do not write ourselves.
fn own_field(name: &str) -> Result<&str, String> {
    const OURS: [&str; 14] = [
        "from",
        "to",
        "cc",
        "bcc",
        "reply-to",
        "date",
        "subject",
        "content-type",
        "mime-version",
        "content-transfer-encoding",
        "content-disposition",
        "content-id",
        "message-id",
        "x-tags",
    ];
    let is_name = !name.is_empty()
        && name.len() < 100
        && name.bytes().all(|octet| octet.is_ascii_graphic() && octet != b':');
    if !is_name || OURS.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(format!("cannot overwrite header: '{name}'"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Facts;
    use crate::message::detail::Detail;

    fn compose_json(json: &str) -> Result<(EnvelopeFacts, Vec<u8>), String> {
        let draft = serde_json::from_str(json).map_err(|error| error.to_string())?;
        compose(draft, QueueId(1), UnixMillis(0))
    }

    #[test]
    fn a_message_as_it_was_described() {
        let json = r#"{"From": {"Name": "Änn, A", "Email": "ann@example.org"}, "To": [{"Email": "kim@example.org"}],
            "Bcc": ["boss@example.org"], "Subject": "Grüße", "Text": "Hi", "HTML": "<b>Hi</b>", "Tags": ["one", "two"],
            "Headers": {"X-Ip": "1.2.3.4"}, "Attachments": [{"Filename": "a.txt", "Content": "data:text/plain;base64,YWJj"},
            {"Filename": "i.png", "Content": "AAEC", "ContentType": "image/png", "ContentID": "logo"}]}"#;
        let (envelope, content) = compose_json(json).unwrap();
        assert_eq!(envelope.reverse_path, "ann@example.org");
        assert_eq!(envelope.recipients.len(), 2);
        let (facts, _) = Facts::read(&content, &envelope);
        assert_eq!((facts.from.name.as_str(), facts.subject.as_str()), ("Änn, A", "Grüße"));
        assert_eq!(facts.tags, ["one", "two"]);
        assert_eq!((facts.attachments, facts.inlines), (1, 1));
        let detail = Detail::read("1".into(), &content, &envelope, "");
        let detail = serde_json::to_value(detail).unwrap();
        assert_eq!(detail["Text"], "Hi");
        assert_eq!(detail["Bcc"][0]["Address"], "boss@example.org");
        assert_eq!(detail["Attachments"][0]["Size"], 3);
        assert_eq!(detail["Inline"][0]["ContentID"], "logo");
    }

    #[test]
    fn what_would_bring_fields_with_it_is_refused() {
        for wrong in [
            r#"{"From": {"Email": "nobody"}}"#,
            r#"{"From": {"Email": "a@b.test\r\nX: y"}}"#,
            r#"{"From": {"Email": "a@b.test"}, "Subject": "x\r\nBcc: c@d.test"}"#,
            r#"{"From": {"Email": "a@b.test", "Name": "x\ny"}}"#,
            r#"{"From": {"Email": "a@b.test"}, "Headers": {"X": "y\r\nZ: w"}}"#,
            r#"{"From": {"Email": "a@b.test"}, "Headers": {"X: y": "w"}}"#,
            r#"{"From": {"Email": "a@b.test"}, "Headers": {"subject": "w"}}"#,
            r#"{"From": {"Email": "a@b.test"}, "Attachments": [{"Filename": "a", "Content": "!"}]}"#,
            r#"{"To": []}"#,
            "[]",
        ] {
            assert!(compose_json(wrong).is_err(), "{wrong}");
        }
    }
}
