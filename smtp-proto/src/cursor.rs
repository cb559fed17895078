//! A position in a line.
//!
//! * **In**: a line of text. **Out**: the pieces that a parser asks for, in order.
//! * **Promises**: never leaves the text; every piece borrows from it; a piece that is refused
//!   leaves the position where it was.
//! * **Limits**: no recursion, no allocation. **Panics**: never. **Spec**: none of its own.

use crate::class::{self, Class};
use crate::error::{SyntaxError, SyntaxErrorKind};

#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    position: usize,
    /// Octets of the line in front of the text.
    before: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self::behind(0, text)
    }

    /// A cursor whose offsets count the octets of the line `before` the text, too.
    pub(crate) const fn behind(before: usize, text: &'a str) -> Self {
        Self { text, position: 0, before }
    }

    /// Octets of the line in front of the position.
    pub(crate) const fn offset(&self) -> usize {
        self.before + self.position
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// What was read since the offset `start`.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start - self.before..self.position).unwrap_or_default()
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.text.len() <= self.position
    }

    pub(crate) fn is_at_word_end(&self) -> bool {
        matches!(self.peek(), None | Some(b' '))
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    /// Steps over `octet`, which is ASCII, if it comes next.
    pub(crate) fn accept(&mut self, octet: u8) -> bool {
        debug_assert!(octet.is_ascii());
        let found = self.peek() == Some(octet);
        self.position += usize::from(found);
        found
    }

    /// Steps over `word`, in any case, if it comes next.
    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        let found = self
            .text
            .as_bytes()
            .get(self.position..self.position + word.len())
            .is_some_and(|next| class::is_word(next, word));
        if found {
            self.position += word.len();
        }
        found
    }

    /// Steps over the longest run of octets of `class` and gives it.
    pub(crate) fn skip(&mut self, class: Class) -> &'a [u8] {
        let rest = self.text.as_bytes().get(self.position..).unwrap_or_default();
        let end = rest.iter().position(|&octet| !class::is(octet, class)).unwrap_or(rest.len());
        self.position += end;
        rest.split_at(end).0
    }

    /// Takes the longest run of octets of `class`, possibly empty. Classes hold all octets of
    /// non-ASCII characters or none, so a run never ends inside a character.
    pub(crate) fn take(&mut self, class: Class) -> &'a str {
        let start = self.offset();
        self.skip(class);
        self.since(start)
    }

    /// Steps over spaces and says whether there was one.
    pub(crate) fn skip_spaces(&mut self) -> bool {
        let start = self.position;
        while self.accept(b' ') {}
        self.position > start
    }

    pub(crate) fn error(&self, kind: SyntaxErrorKind) -> SyntaxError {
        SyntaxError::new(kind, self.offset())
    }
}
