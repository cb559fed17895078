//! Tables that stand in the configuration.
//!
//! * **In**: `{ {line}, {line} }` or `{ key=action, {key = action, with commas} }`. **Out**: the lines of a table, and
//!   where each began. **Promises**: braces inside braces pair up. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix `DATABASE_README` (inline:), `cidr_table`(5) and `regexp_table`(5), "INLINE SPECIFICATION".

use super::super::TableError;
use super::lines::syntax;

/// Lines, and for each the column from 0 where it stood.
type Lines = (String, Vec<usize>);

/// `{ {line}, {line} }`: the lines as they stand. `name` is the whole, of which `rest` is the end.
pub(super) fn lines(name: &str, rest: &str) -> Result<Lines, TableError> {
    let (mut text, mut columns) = (String::new(), Vec::new());
    for (offset, part) in parts(name, rest)? {
        let Some(line) = in_braces(part) else {
            return Err(error(name, offset, "a line in braces, {line}"));
        };
        let line_offset = offset + offset_in(part, line);
        columns.push(column(name, line_offset));
        text.extend([line, "\n"]);
    }
    Ok((text, columns))
}

/// `{ key=action, {key = action} }`: a line for each pair.
pub(super) fn pairs(name: &str, rest: &str) -> Result<Lines, TableError> {
    let (mut text, mut columns) = (String::new(), Vec::new());
    for (offset, part) in parts(name, rest)? {
        let pair = in_braces(part).unwrap_or(part);
        let pair_offset = offset + offset_in(part, pair);
        let Some((key, action)) = pair.split_once('=') else {
            return Err(error(name, pair_offset, "key=action"));
        };
        // As wide as it stood, so that the action's column is right.
        let key_and_gap = &pair[..offset_in(pair, action.trim_ascii_start())];
        if key.trim_ascii().is_empty() || key.trim_ascii().contains([' ', '\t']) {
            return Err(error(name, pair_offset, "a key without white space before the ="));
        }
        let width = key_and_gap.chars().count();
        columns.push(column(name, pair_offset));
        text.push_str(&format!("{:width$}{}\n", key.trim_ascii_end(), action.trim_ascii()));
    }
    Ok((text, columns))
}

/// The parts between the outer braces, separated by white space or commas, each with its offset in `name`.
fn parts<'a>(name: &str, rest: &'a str) -> Result<Vec<(usize, &'a str)>, TableError> {
    let start = name.len() - rest.len();
    let trimmed = rest.trim_ascii_end();
    if !trimmed.starts_with('{') {
        return Err(error(name, start, "entries in braces"));
    }
    let mut parts = Vec::new();
    let (mut depth, mut begin) = (0_usize, None);
    for (at, c) in trimmed.char_indices() {
        depth = match c {
            '{' => depth + 1,
            '}' => depth.saturating_sub(1),
            _ => depth,
        };
        let is_outer_brace = at == 0 || depth == 0;
        let separates = is_outer_brace || depth == 1 && (c.is_ascii_whitespace() || c == ',');
        match begin {
            None if !separates => begin = Some(at),
            Some(from) if separates => {
                parts.push((start + from, &trimmed[from..at]));
                begin = None;
            }
            _ => {}
        }
        if depth == 0 && at + 1 < trimmed.len() {
            return Err(error(name, start + at + 1, "nothing behind the closing brace"));
        }
    }
    if depth == 0 { Ok(parts) } else { Err(error(name, name.len(), "a closing brace")) }
}

fn in_braces(part: &str) -> Option<&str> {
    part.strip_prefix('{')?.strip_suffix('}').map(str::trim_ascii)
}

/// Where `part` of `whole` begins.
fn offset_in(whole: &str, part: &str) -> usize {
    part.as_ptr().addr().saturating_sub(whole.as_ptr().addr())
}

fn error(name: &str, offset: usize, expected: &str) -> TableError {
    syntax(name, 1, column(name, offset) + 1, expected)
}

fn column(name: &str, offset: usize) -> usize {
    name.get(..offset).map_or(0, |before| before.chars().count())
}
