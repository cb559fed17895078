//! The text of HTML, as a reader sees it.
//!
//! * **In**: HTML as mail has it. **Out**: its text: a line for each block, a space between cells, white space made one
//!   space. **Promises**: words that stand apart are apart; what is not shown (style, script) is not there.
//! * **Limits**: linear. **Panics**: never. **Spec**: WHATWG HTML 13.2.5 by way of html5gum; 15.3.3 and 15.3.8 (blocks
//!   and cells).

use html5gum::emitters::default::{DefaultEmitter, Token};
use html5gum::{HtmlString, Tokenizer};

pub(super) fn readable(html: &str) -> String {
    let mut emitter = DefaultEmitter::default();
    // Or a tag in a script would be one.
    emitter.naively_switch_states(true);
    let mut text = String::new();
    let mut hidden_by: Option<HtmlString> = None;
    for token in Tokenizer::new_with_emitter(html, emitter).flatten() {
        match (token, &hidden_by) {
            (Token::EndTag(tag), Some(element)) if tag.name == *element => hidden_by = None,
            (_, Some(_)) => {}
            (Token::StartTag(tag), None) if is_hidden(&tag.name) => hidden_by = Some(tag.name),
            (Token::StartTag(tag), None) => part(&mut text, &tag.name, true),
            (Token::EndTag(tag), None) => part(&mut text, &tag.name, false),
            (Token::String(shown), None) => {
                for shown in String::from_utf8_lossy(&shown).chars() {
                    if shown.is_whitespace() { space(&mut text) } else { text.push(shown) }
                }
            }
            _ => {}
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn is_hidden(name: &[u8]) -> bool {
    matches!(name, b"title" | b"style" | b"script" | b"template")
}

/// What a tag means for the text around it.
fn part(text: &mut String, name: &[u8], begins: bool) {
    match name {
        b"td" | b"th" => space(text),
        b"br" if begins => {
            text.truncate(text.trim_end_matches(' ').len());
            text.push('\n');
        }
        b"address" | b"article" | b"aside" | b"blockquote" | b"caption" | b"center" | b"dd"
        | b"div" | b"dl" | b"dt" | b"footer" | b"h1" | b"h2" | b"h3" | b"h4" | b"h5" | b"h6"
        | b"header" | b"hr" | b"li" | b"main" | b"nav" | b"ol" | b"p" | b"pre" | b"section"
        | b"table" | b"tr" | b"ul" => {
            text.truncate(text.trim_end_matches(' ').len());
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
        }
        _ => {}
    }
}

fn space(text: &mut String) {
    if !text.is_empty() && !text.ends_with([' ', '\n']) {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_stand_apart_are_apart() {
        for (html, expected) in [
            ("<table><tr><td>A</td><td>B</td></tr></table>", "A B"),
            ("<TABLE><TR><TH>A<TD>B<TR><TD>C</TABLE>D", "A B\nC\nD"),
            ("<h1>Hi</h1><a>go</a>", "Hi\ngo"),
            ("one<div> two </div>three", "one\ntwo\nthree"),
            ("<ul>\n<li>one\n<li>two</ul>", "one\ntwo"),
            ("<p>one<p>two</p>three<br>four<br><br>five", "one\ntwo\nthree\nfour\n\nfive"),
            ("<p><b>Dear</b> Kim and Lee,</p>", "Dear Kim and Lee,"),
            ("<b>12</b><i>34</i> 56&nbsp;7\r\n", "1234 56 7"),
            ("<style>td > p {}</style><!-- <td>x</td> -->a &lt; b", "a < b"),
            ("<title>no</title><script>'<p>'</script><template>n<i>o</i></template>yes", "yes"),
            ("<a title='>no'>yes</a>", "yes"),
            ("1 < 2 <", "1 < 2 <"),
            ("<style>no", ""),
            ("", ""),
        ] {
            assert_eq!(readable(html), expected, "{html}");
        }
    }
}
