//! What a reader of HTML sees: its text, and where its links lead.
//!
//! * **In**: HTML as mail has it. **Out**: text with a line for each block; targets of links, decoded.
//! * **Promises**: what is not shown (style, script) is not there. Mended is nothing: tags count as they come.
//! * **Limits**: none. **Panics**: never. **Spec**: WHATWG HTML 13.2.5, by way of html5gum.

use html5gum::emitters::default::{DefaultEmitter, Token};
use html5gum::{HtmlString, Tokenizer};

/// Elements whose text is not shown.
const HIDDEN: [&[u8]; 4] = [b"title", b"style", b"script", b"template"];
/// Elements that begin and end lines.
const BLOCKS: [&[u8]; 24] = [
    b"address",
    b"article",
    b"blockquote",
    b"br",
    b"center",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"footer",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"hr",
    b"li",
    b"p",
    b"pre",
    b"table",
    b"td",
    b"tr",
];

/// The text, a line for each block.
pub(super) fn lines(html: &str) -> String {
    let mut text = String::new();
    let mut hidden_by: Option<HtmlString> = None;
    for token in tokens(html) {
        match (token, &hidden_by) {
            (Token::EndTag(tag), Some(element)) if tag.name == *element => hidden_by = None,
            (_, Some(_)) => {}
            (Token::StartTag(tag), None) if is_one_of(&tag.name, &HIDDEN) => {
                hidden_by = Some(tag.name);
            }
            (Token::StartTag(tag), None) if is_one_of(&tag.name, &BLOCKS) => text.push('\n'),
            (Token::EndTag(tag), None) if is_one_of(&tag.name, &BLOCKS) => text.push('\n'),
            (Token::String(shown), None) => {
                let shown = String::from_utf8_lossy(&shown);
                text.extend(shown.chars().map(|c| if c.is_whitespace() { ' ' } else { c }));
            }
            _ => {}
        }
    }
    text
}

/// The targets of its links, in order.
pub(super) fn targets(html: &str) -> Vec<String> {
    let target = |token| match token {
        Token::StartTag(tag) if is_one_of(&tag.name, &[b"a", b"area"]) => {
            let target = tag.attributes.get(&b"href"[..])?;
            Some(String::from_utf8_lossy(target).into_owned())
        }
        _ => None,
    };
    tokens(html).filter_map(target).collect()
}

fn tokens(html: &str) -> impl Iterator<Item = Token> {
    let mut emitter = DefaultEmitter::default();
    // Or a tag in a script would be one.
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(html, emitter).flatten()
}

fn is_one_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.contains(&name)
}
