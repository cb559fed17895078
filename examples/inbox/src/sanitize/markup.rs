//! HTML reduced to what mail needs, token by token, before a parser builds a tree of it.
//!
//! * **In**: HTML as it was sent. **Out**: start and end tags of [`ELEMENTS`], text; aside, the styles and what `<html>`
//!   and `<body>` say.
//! * **Promises**: no element is left whose content is not parsed as HTML (scripts, styles, SVG, selections, templates), so what
//!   is checked afterwards is the tree that a browser builds. Addresses and styles went through [`Urls`] and [`css`].
//! * **Limits**: [`STYLE_BYTES_MAX`]; linear in the length of the HTML. **Panics**: never. **Spec**: HTML, 13.2.5 (tokenization).

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};

use super::css;
use super::urls::{Urls, may_be_followed};

const STYLE_BYTES_MAX: usize = 1 << 20;

/// What a message is made of.
pub(super) static ELEMENTS: LazyLock<HashSet<&str>> = LazyLock::new(|| WORDS.split(' ').collect());

const WORDS: &str = "a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code \
    col colgroup dd del dfn dir div dl dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 \
    header hr i img ins kbd li main mark nav ol p pre q s samp section small span strike \
    strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr";

/// HTML without its head.
#[derive(Default)]
pub(super) struct Markup {
    pub(super) html: String,
    /// The attributes of `<html>` and of `<body>`, each with a space before it.
    pub(super) root_attributes: String,
    pub(super) body_attributes: String,
    pub(super) styles: String,
}

pub(super) fn reduce(html: &str, urls: &Urls<'_>) -> Markup {
    let sink = Reducer { urls, state: RefCell::default() };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(html));
    // A sink that never asks for a script to run is fed in one go.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let mut state = tokenizer.sink.state.into_inner();
    state.end_sheet(urls);
    state.markup
}

struct Reducer<'a> {
    urls: &'a Urls<'a>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    markup: Markup,
    /// The style sheet that is being read, as it was sent.
    sheet: String,
    inside: Inside,
}

/// Where text goes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Body,
    Style,
    /// An element whose content is not for readers.
    Nothing,
}

impl TokenSink for Reducer<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let state = &mut *self.state.borrow_mut();
        match token {
            Token::TagToken(tag) => match tag.kind {
                TagKind::StartTag => return self.start(state, &tag),
                TagKind::EndTag => state.end(&tag.name, self.urls),
            },
            Token::CharacterTokens(text) => state.text(&text),
            Token::NullCharacterToken
            | Token::CommentToken(_)
            | Token::DoctypeToken(_)
            | Token::EOFToken
            | Token::ParseError(_) => {}
        }
        TokenSinkResult::Continue
    }
}

impl Reducer<'_> {
    fn start(&self, state: &mut State, tag: &Tag) -> TokenSinkResult<()> {
        let name = &*tag.name;
        if let Some(kind) = raw_content(name) {
            state.inside = if name == "style" { Inside::Style } else { Inside::Nothing };
            return TokenSinkResult::RawData(kind);
        }
        let mut attributes = String::new();
        match name {
            "html" => self.attributes(
                &mut state.markup.root_attributes,
                tag,
                &["lang", "dir", "class", "id", "style"],
            ),
            "body" => {
                self.attributes(
                    &mut state.markup.body_attributes,
                    tag,
                    &["dir", "class", "id", "style", "bgcolor", "background"],
                );
            }
            _ if ELEMENTS.contains(name) => {
                self.attributes(&mut attributes, tag, &[]);
                // Links leave the frame.
                let target = if name == "a" { " target=\"_blank\"" } else { "" };
                let _ = write!(state.markup.html, "<{name}{attributes}{target}>");
            }
            _ => {}
        }
        TokenSinkResult::Continue
    }

    /// Those of `names`, or all if there are none, with their values made harmless.
    fn attributes(&self, into: &mut String, tag: &Tag, names: &[&str]) {
        for attribute in &tag.attrs {
            let name = &*attribute.name.local;
            if name == "target" || !is_plain(name) || !(names.is_empty() || names.contains(&name)) {
                continue;
            }
            let value = match name {
                "src" | "background" => match self.urls.picture(&attribute.value) {
                    Some(url) => url,
                    None => continue,
                },
                "href" if !may_be_followed(&attribute.value) => continue,
                "style" => css::filter(&attribute.value, self.urls),
                _ => attribute.value.to_string(),
            };
            let _ = write!(into, " {name}=\"{}\"", escaped(&value));
        }
    }
}

impl State {
    fn text(&mut self, text: &str) {
        match self.inside {
            Inside::Body => self.markup.html.push_str(&escaped(text)),
            Inside::Style => self.sheet.push_str(text),
            Inside::Nothing => {}
        }
    }

    fn end(&mut self, name: &str, urls: &Urls<'_>) {
        self.end_sheet(urls);
        // Within raw content the tokenizer reports no end tag but the one that ends it.
        self.inside = Inside::Body;
        if ELEMENTS.contains(name) {
            let _ = write!(self.markup.html, "</{name}>");
        }
    }

    /// Each sheet is filtered by itself: what it leaves open ends with it.
    fn end_sheet(&mut self, urls: &Urls<'_>) {
        let sheet = std::mem::take(&mut self.sheet);
        let styles = &mut self.markup.styles;
        if styles.len() + sheet.len() <= STYLE_BYTES_MAX {
            styles.push_str(&css::filter(&sheet, urls));
        }
    }
}

/// How the content of an element is read that has no elements within.
fn raw_content(name: &str) -> Option<RawKind> {
    match name {
        "script" => Some(RawKind::ScriptData),
        "title" | "textarea" => Some(RawKind::Rcdata),
        "style" | "xmp" | "iframe" | "noembed" | "noframes" => Some(RawKind::Rawtext),
        _ => None,
    }
}

/// Names that need no thought about how browsers read them.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|octet| octet.is_ascii_lowercase() || octet == b'-')
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\0' => {}
            _ => out.push(c),
        }
    }
    out
}
