//! The words of a line behind its path.
//!
//! * **In**: ` SIZE=500 SMTPUTF8`. **Out**: [`Word`]s, one after the other.
//! * **Promises**: a word has a well-formed keyword and, behind a `=`, a value that is not empty.
//! * **Limits**: those of the line; borrows. **Panics**: never. **Spec**: RFC 5321 4.1.2.

use crate::class;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// A parameter that stands in a line.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) keyword: &'a str,
    pub(super) value: Option<&'a str>,
}

impl<'a> Word<'a> {
    /// Reads all words up to the end of the line and gives each to `add`, whose errors are those of
    /// the word's beginning.
    pub(super) fn read_all(
        cursor: &mut Cursor<'a>,
        mut add: impl FnMut(Self) -> Result<(), SyntaxErrorKind>,
    ) -> Result<(), SyntaxError> {
        // Every turn takes a word, so this ends.
        while !cursor.is_at_end() {
            if !cursor.skip_spaces() {
                return Err(cursor.error(SyntaxErrorKind::Parameter));
            }
            let offset = cursor.offset();
            let keyword = cursor.take(class::KEYWORD);
            if keyword.is_empty() || keyword.starts_with('-') {
                return Err(SyntaxError::new(SyntaxErrorKind::Parameter, offset));
            }
            let value = cursor.accept(b'=').then(|| cursor.take(class::VALUE));
            if value == Some("") || !cursor.is_at_word_end() {
                return Err(cursor.error(SyntaxErrorKind::Parameter));
            }
            add(Self { keyword, value }).map_err(|kind| SyntaxError::new(kind, offset))?;
        }
        Ok(())
    }

    /// Puts what `parse` makes of the value into `slot`, which has to be empty.
    pub(super) fn set<T>(
        self,
        slot: &mut Option<T>,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Result<(), SyntaxErrorKind> {
        if slot.is_some() {
            return Err(SyntaxErrorKind::DuplicateParameter);
        }
        *slot = Some(self.value.and_then(parse).ok_or(SyntaxErrorKind::ParameterValue)?);
        Ok(())
    }

    /// Sets `flag`, which must not be set, for a keyword that takes no value.
    pub(super) const fn set_flag(self, flag: &mut bool) -> Result<(), SyntaxErrorKind> {
        if *flag {
            return Err(SyntaxErrorKind::DuplicateParameter);
        }
        if self.value.is_some() {
            return Err(SyntaxErrorKind::ParameterValue);
        }
        *flag = true;
        Ok(())
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        class::is_word(self.keyword.as_bytes(), keyword)
    }
}
