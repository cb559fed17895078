//! What searches look at: a message's fields and text in lower case, in one piece of memory.
//!
//! * **In**: facts and text. **Out**: the same in lower case, runs of white space made one space.
//! * **Promises**: no match reaches from one field into the next. **Limits**: [`BODY_BYTES_MAX`] of text.
//! * **Panics**: never. **Spec**: none.

use super::{Address, Facts};

/// More than any person writes; what follows is not found.
const BODY_BYTES_MAX: usize = 1 << 20;

/// A message as searches see it.
#[derive(Debug)]
pub(crate) struct Haystack {
    text: Box<str>,
    /// Where each [`Field`] ends.
    ends: [u32; Field::COUNT],
}

/// What can be searched by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    From,
    To,
    Cc,
    Bcc,
    ReplyTo,
    Subject,
    MessageId,
    /// The text, and the names of attachments.
    Body,
}

impl Field {
    const COUNT: usize = 8;
}

impl Haystack {
    pub(super) fn new<'a>(facts: &Facts, body: &str, names: impl Iterator<Item = &'a str>) -> Self {
        let mut text = String::with_capacity(body.len() + 256);
        let mut ends = [0; Field::COUNT];
        let addresses = [&facts.to, &facts.cc, &facts.bcc, &facts.reply_to];
        let mut end = |field: Field, text: &mut String| {
            text.push('\n');
            // Bounded by what was received, which is far less.
            ends[field as usize] = u32::try_from(text.len()).unwrap_or(u32::MAX);
        };
        push_address(&facts.from, &mut text);
        end(Field::From, &mut text);
        for (field, list) in
            [Field::To, Field::Cc, Field::Bcc, Field::ReplyTo].into_iter().zip(addresses)
        {
            list.iter().for_each(|address| push_address(address, &mut text));
            end(field, &mut text);
        }
        push(&facts.subject, &mut text);
        end(Field::Subject, &mut text);
        push(&facts.message_id, &mut text);
        end(Field::MessageId, &mut text);
        push(prefix(body, BODY_BYTES_MAX), &mut text);
        for name in names {
            push(name, &mut text);
        }
        end(Field::Body, &mut text);
        Self { text: text.into_boxed_str(), ends }
    }

    /// Everything.
    pub(crate) fn all(&self) -> &str {
        &self.text
    }

    /// One field.
    pub(crate) fn field(&self, field: Field) -> &str {
        let index = field as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start as usize..self.ends[index] as usize).unwrap_or_default()
    }
}

/// As text is kept here, so that what is looked for can be found.
pub(crate) fn normal(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    push(text, &mut normal);
    normal.truncate(normal.trim_end().len());
    normal
}

fn push_address(address: &Address, text: &mut String) {
    push(&address.name, text);
    push(&address.address, text);
}

fn push(piece: &str, text: &mut String) {
    for word in piece.split_whitespace() {
        if word.is_ascii() {
            text.extend(word.bytes().map(|octet| char::from(octet.to_ascii_lowercase())));
        } else {
            text.push_str(&word.to_lowercase());
        }
        text.push(' ');
    }
}

fn prefix(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_apart() {
        let facts = Facts {
            from: Address { name: "Ann".into(), address: "ann@example.org".into() },
            to: vec![Address::nameless("KIM@example.org"), Address::nameless("lee@example.org")],
            subject: "GRÜẞE \t an\r\n alle".into(),
            ..Facts::default()
        };
        let haystack = Haystack::new(&facts, "One\r\n Two", ["A.PDF"].into_iter());
        assert_eq!(haystack.field(Field::From), "ann ann@example.org \n");
        assert_eq!(haystack.field(Field::To), "kim@example.org lee@example.org \n");
        assert_eq!(haystack.field(Field::Cc), "\n");
        assert_eq!(haystack.field(Field::Subject), "grüße an alle \n");
        assert_eq!(haystack.field(Field::Body), "one two a.pdf \n");
        assert!(haystack.all().starts_with("ann ") && haystack.all().ends_with("a.pdf \n"));
    }

    #[test]
    fn a_long_text_ends_at_a_character() {
        assert_eq!(prefix("aé", 2), "a");
        assert_eq!(normal("  Hello \n World "), "hello world");
    }
}
