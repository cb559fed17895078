//! Logical lines of a table.
//!
//! * **In**: a text. **Out**: lines, continuations joined. **Promises**: each knows where it stands, to the column.
//! * **Limits**: none. **Panics**: never. **Spec**: Postfix postmap(1), "TABLE FORMAT".

use std::borrow::Cow;

use super::super::TableError;

/// A table's text and what errors call it.
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    /// Where in its only line each line of the text began, if it stands in the configuration.
    columns: Option<&'a [usize]>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, columns: None }
    }

    /// Lines that are parts of one; `columns` says for each where it began, from 0.
    pub(super) fn inline(name: &'a str, text: &'a str, columns: &'a [usize]) -> Self {
        Self { name, text, columns: Some(columns) }
    }

    pub(super) fn name(&self) -> &str {
        self.name
    }

    pub(super) fn line_count(&self) -> usize {
        memchr::memchr_iter(b'\n', self.text.as_bytes()).count()
    }

    pub(super) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// The logical lines, without comments and empty ones.
    ///
    /// A line that begins with space or tab continues the one before, comments and empty lines between or not.
    pub(super) fn lines(&self) -> impl Iterator<Item = Result<Line<'_>, TableError>> {
        let mut physical = self.text.lines().enumerate().peekable();
        std::iter::from_fn(move || {
            let (index, first) = physical.find(|(_, line)| !is_idle(line))?;
            let line = Line {
                source: self,
                number: index + 1,
                text: Cow::Borrowed(first),
                joints: Vec::new(),
            };
            if first.starts_with([' ', '\t']) {
                return Some(Err(
                    line.expected(0, "a key at the start of the line: no line before goes on here")
                ));
            }
            let mut line = line;
            while let Some((index, next)) =
                physical.next_if(|(_, next)| is_idle(next) || next.starts_with([' ', '\t']))
            {
                if !is_idle(next) {
                    line.joints.push((line.text.len(), index + 1));
                    line.text.to_mut().push_str(next);
                }
            }
            Some(Ok(line))
        })
    }
}

/// Empty or a comment.
fn is_idle(line: &str) -> bool {
    line.trim_ascii_start().is_empty() || line.trim_ascii_start().starts_with('#')
}

/// One logical line.
pub(super) struct Line<'a> {
    source: &'a Source<'a>,
    number: usize,
    pub(super) text: Cow<'a, str>,
    /// Where in the text a physical line began, and its number.
    joints: Vec<(usize, usize)>,
}

impl Line<'_> {
    /// The error that at this octet of the text something else is expected.
    pub(super) fn expected(&self, offset: usize, expected: &str) -> TableError {
        let joint = self.joints.iter().rev().find(|(start, _)| *start <= offset);
        let (start, number) = joint.copied().unwrap_or((0, self.number));
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        match self.source.columns {
            Some(columns) => {
                let start = columns.get(number - 1).copied().unwrap_or_default();
                syntax(self.source.name, 1, start + column + 1, expected)
            }
            None => syntax(self.source.name, number, column + 1, expected),
        }
    }

    /// The key, the octet where the right-hand side begins, and that.
    pub(super) fn split(&self) -> Result<(&str, usize, &str), TableError> {
        let end = self.text.find([' ', '\t']).unwrap_or(self.text.len());
        let (key, rest) = self.text.split_at(end);
        let value = rest.trim_ascii();
        if value.is_empty() {
            return Err(self.expected(self.text.len(), "white space and an action behind the key"));
        }
        Ok((key, self.text.len() - rest.trim_ascii_start().len(), value))
    }
}

pub(super) fn syntax(table: &str, line: usize, column: usize, expected: &str) -> TableError {
    TableError::Syntax { table: table.to_owned(), line, column, expected: expected.to_owned() }
}
