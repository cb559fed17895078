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
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    pub(crate) const fn at(text: &'a str, offset: usize) -> Self {
        Self { text, offset }
    }

    pub(crate) const fn offset(&self) -> usize {
        self.offset
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    /// What was read since `start`.
    pub(crate) fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.offset).unwrap_or_default()
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.offset >= self.text.len()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.offset).copied()
    }

    /// Steps over `octet`, which is ASCII, if it comes next.
    pub(crate) fn accept(&mut self, octet: u8) -> bool {
        debug_assert!(octet.is_ascii());
        let found = self.peek() == Some(octet);
        if found {
            self.offset += 1;
        }
        found
    }

    /// Steps over `word`, in any case, if it comes next.
    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        let found = self
            .text
            .as_bytes()
            .get(self.offset..self.offset + word.len())
            .is_some_and(|next| next.eq_ignore_ascii_case(word.as_bytes()));
        if found {
            self.offset += word.len();
        }
        found
    }

    /// Steps over the longest run of octets of `class` and says how long it is.
    pub(crate) fn skip(&mut self, class: Class) -> usize {
        let start = self.offset;
        let octets = self.text.as_bytes();
        while octets.get(self.offset).is_some_and(|&octet| class::is(octet, class)) {
            self.offset += 1;
        }
        self.offset - start
    }

    /// Takes the longest run of octets of `class`, possibly empty. Classes hold all octets of
    /// non-ASCII characters or none, so a run never ends inside a character.
    pub(crate) fn take(&mut self, class: Class) -> &'a str {
        let start = self.offset;
        self.skip(class);
        self.since(start)
    }

    /// Steps over spaces and says whether there was one.
    pub(crate) fn skip_spaces(&mut self) -> bool {
        let start = self.offset;
        while self.accept(b' ') {}
        self.offset > start
    }

    pub(crate) fn error(&self, kind: SyntaxErrorKind) -> SyntaxError {
        SyntaxError::new(kind, self.offset)
    }
}
