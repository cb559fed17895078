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
    rest: &'a str,
    /// Octets of the line, those in front of the position included.
    line_bytes: usize,
}

impl<'a> Cursor<'a> {
    /// A cursor at the beginning of `text`.
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { rest: text, line_bytes: text.len() }
    }

    /// A cursor in front of `rest`, which stands behind the first octets of its line.
    pub(crate) const fn behind(first_bytes: usize, rest: &'a str) -> Self {
        Self { rest, line_bytes: first_bytes + rest.len() }
    }

    /// Octets of the line in front of the position.
    pub(crate) const fn offset(&self) -> usize {
        self.line_bytes - self.rest.len()
    }

    pub(crate) const fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) const fn is_at_word_end(&self) -> bool {
        matches!(self.rest.as_bytes(), [] | [b' ', ..])
    }

    pub(crate) const fn peek(&self) -> Option<u8> {
        self.rest.as_bytes().first().copied()
    }

    /// Steps over `octet`, which is ASCII, if it comes next.
    pub(crate) fn accept(&mut self, octet: u8) -> bool {
        debug_assert!(octet.is_ascii());
        let found = self.peek() == Some(octet);
        if found {
            self.split(1);
        }
        found
    }

    /// Steps over `word`, in any case, if it comes next.
    pub(crate) fn accept_word(&mut self, word: &str) -> bool {
        let next = self.rest.as_bytes().get(..word.len());
        let found = next.is_some_and(|next| class::is_word(next, word));
        if found {
            self.split(word.len());
        }
        found
    }

    /// Takes the longest run of octets of `class`, possibly empty. Classes hold all octets of
    /// non-ASCII characters or none, so a run never ends inside a character.
    pub(crate) fn take(&mut self, class: Class) -> &'a str {
        self.split(class::run_bytes(self.rest.as_bytes(), class))
    }

    /// Takes what stands before the next space, possibly nothing.
    pub(crate) fn take_word(&mut self) -> &'a str {
        let bytes = memchr::memchr(b' ', self.rest.as_bytes());
        self.split(bytes.unwrap_or(self.rest.len()))
    }

    /// Takes as many octets as `scan` finds well-formed of those that come next.
    pub(crate) fn scan(
        &mut self,
        scan: impl FnOnce(&[u8]) -> Result<usize, SyntaxError>,
    ) -> Result<&'a str, SyntaxError> {
        match scan(self.rest.as_bytes()) {
            Ok(bytes) => Ok(self.split(bytes)),
            Err(error) => Err(error.shifted(self.offset())),
        }
    }

    /// Steps over spaces and says whether there was one.
    pub(crate) fn skip_spaces(&mut self) -> bool {
        !self.take(class::SPACE).is_empty()
    }

    pub(crate) const fn error(&self, kind: SyntaxErrorKind) -> SyntaxError {
        SyntaxError::new(kind, self.offset())
    }

    /// Takes the next octets, which end with a character.
    fn split(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }
}
