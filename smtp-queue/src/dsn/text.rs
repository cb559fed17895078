//! Text in lines: what stands in a field of a report, and what a person reads.
//!
//! * **In**: words, also those of a remote host. **Out**: lines that end in CRLF.
//! * **Promises**: no control character but CRLF; no line is longer than 78 columns where the words allow it,
//!   or than 998 octets in any case; ASCII alone, unless UTF-8 is asked for.
//! * **Limits**: 4096 octets of one text. **Panics**: never. **Spec**: RFC 5322 2.1.1, 2.2.3; RFC 6532 3.4.

use std::borrow::Cow;

const COLUMNS_MAX: usize = 78;
/// Less than 998 by the longest prefix.
const WORD_BYTES_MAX: usize = 900;
const TEXT_BYTES_MAX: usize = 4096;

/// Writes `prefix` and `words`, going on behind `indent` where a line is full.
pub(super) fn push(lines: &mut String, prefix: &str, words: &str, indent: &str, utf8: bool) {
    let words = clean(words, utf8);
    lines.push_str(prefix);
    let mut column = prefix.rsplit('\n').next().map_or(0, str::len);
    let mut is_first = true;
    for piece in words.split(' ').flat_map(|word| pieces(word).into_iter()) {
        let is_full = column + 1 + piece.chars().count() > COLUMNS_MAX;
        if is_full && piece.is_empty() {
            // More spaces would make a line too long, or one of nothing else.
            continue;
        }
        if !is_first && is_full {
            lines.push_str("\r\n");
            lines.push_str(indent);
            column = indent.len();
        } else if !is_first {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(piece);
        column += piece.chars().count();
        is_first = false;
    }
    // A line of nothing but spaces would be an end of a header section to some.
    let end = lines.trim_end_matches(' ').len();
    lines.truncate(end);
    lines.push_str("\r\n");
}

/// At most 4096 octets of the text, with `?` for what must not stand in a line.
fn clean(text: &str, utf8: bool) -> Cow<'_, str> {
    let end = text.floor_char_boundary(TEXT_BYTES_MAX);
    let text = text.get(..end).unwrap_or_default();
    let is_refused = |character: char| character.is_control() || !(utf8 || character.is_ascii());
    if text.contains(is_refused) {
        Cow::Owned(text.replace(is_refused, "?"))
    } else {
        Cow::Borrowed(text)
    }
}

/// The word, in pieces that a line can hold.
fn pieces(word: &str) -> Vec<&str> {
    let mut pieces = Vec::with_capacity(1);
    let mut rest = word;
    // Every turn takes at least 897 octets off the rest, so this ends.
    while rest.len() > WORD_BYTES_MAX {
        let (piece, behind) = rest.split_at(rest.floor_char_boundary(WORD_BYTES_MAX));
        pieces.push(piece);
        rest = behind;
    }
    pieces.push(rest);
    pieces
}
