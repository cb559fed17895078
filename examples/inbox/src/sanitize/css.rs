//! Styles that load nothing.
//!
//! * **In**: a style sheet or the value of a `style` attribute. **Out**: the same without imports, fonts and addresses of others.
//! * **Promises**: an address is left only if [`Urls::picture`] gave it; no `<` is left, so it cannot end its element.
//! * **Limits**: [`DEPTH_MAX`] blocks within each other; what is deeper is left out. **Panics**: never. **Spec**: CSS Syntax 3.

use std::fmt::Write as _;

use cssparser::{ParseError, Parser, ToCss, Token, TokenSerializationType};

use super::urls::Urls;

const DEPTH_MAX: usize = 16;
/// The rules that contain rules, and load nothing.
const AT_RULES: [&str; 6] =
    ["media", "supports", "layer", "container", "keyframes", "-webkit-keyframes"];
/// Functions that take an address as a mere string, or ran scripts once.
const LOADING_FUNCTIONS: [&str; 8] = [
    "image-set",
    "-webkit-image-set",
    "image",
    "cross-fade",
    "-webkit-cross-fade",
    "src",
    "element",
    "expression",
];

/// The styles that are left of `css`.
pub(super) fn filter(css: &str, urls: &Urls<'_>) -> String {
    let mut filter = Filter {
        out: String::with_capacity(css.len()),
        last: TokenSerializationType::default(),
        urls,
    };
    filter.block(&mut Parser::new(css), DEPTH_MAX);
    filter.out.replace('<', "\\3c ")
}

struct Filter<'a> {
    out: String,
    last: TokenSerializationType,
    urls: &'a Urls<'a>,
}

impl Filter<'_> {
    fn block(&mut self, parser: &mut Parser<'_>, depth_left: usize) {
        while let Ok(token) = parser.next_including_whitespace().cloned() {
            match &token {
                Token::AtKeyword(name) if !is_among(&AT_RULES, name) => skip_rule(parser),
                Token::UnquotedUrl(url) => self.url(url),
                Token::Function(name) if name.eq_ignore_ascii_case("url") => {
                    let url = parser.parse_nested_block(|inner| {
                        Ok::<_, ParseError<()>>(inner.expect_string()?.to_string())
                    });
                    self.url(&url.unwrap_or_default());
                }
                Token::Function(name) if is_among(&LOADING_FUNCTIONS, name) => self.word("none"),
                Token::BadUrl(_) | Token::BadString(_) | Token::CDO | Token::CDC => {}
                Token::Function(_) | Token::ParenthesisBlock => {
                    self.nested(parser, &token, ")", depth_left);
                }
                Token::SquareBracketBlock => self.nested(parser, &token, "]", depth_left),
                Token::CurlyBracketBlock => self.nested(parser, &token, "}", depth_left),
                Token::QuotedString(text) => self.string(&token, text),
                _ => self.token(&token),
            }
        }
    }

    /// A string in which nothing looks like a function.
    fn string(&mut self, token: &Token<'_>, text: &str) {
        let mut string = String::with_capacity(text.len() + 2);
        let _ = cssparser::serialize_string(text, &mut string);
        self.out.push_str(&string.replace('(', "\\28 "));
        self.last = token.serialization_type();
    }

    fn nested(
        &mut self,
        parser: &mut Parser<'_>,
        opening: &Token<'_>,
        closing: &str,
        depth_left: usize,
    ) {
        let Some(depth_left) = depth_left.checked_sub(1) else { return };
        self.token(opening);
        // Whatever it returns is not looked at: the block is in `out`.
        let _ = parser.parse_nested_block(|inner| {
            self.block(inner, depth_left);
            Ok::<_, ParseError<()>>(())
        });
        self.out.push_str(closing);
        self.last = TokenSerializationType::default();
    }

    fn url(&mut self, url: &str) {
        match self.urls.picture(url) {
            Some(url) => {
                self.word("url(");
                // Writing to a string cannot fail.
                let _ = cssparser::serialize_string(&url, &mut self.out);
                self.out.push(')');
            }
            None => self.word("none"),
        }
    }

    /// A word among other tokens, which must not grow together with it.
    fn word(&mut self, word: &str) {
        let _ = write!(self.out, " {word}");
        self.last = TokenSerializationType::default();
    }

    fn token(&mut self, token: &Token<'_>) {
        let kind = token.serialization_type();
        if self.last.needs_separator_when_before(kind) {
            self.out.push_str("/**/");
        }
        let _ = token.to_css(&mut self.out);
        self.last = kind;
    }
}

/// To the end of a rule: its block, or its semicolon.
fn skip_rule(parser: &mut Parser<'_>) {
    while let Ok(token) = parser.next() {
        if matches!(token, Token::Semicolon | Token::CurlyBracketBlock) {
            return;
        }
    }
}

fn is_among(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
