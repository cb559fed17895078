//! The actions of a table, each kept once.
//!
//! * **In**: right-hand sides. **Out**: small numbers for them. **Promises**: a text is parsed once, however many lines
//!   have it. **Limits**: 2^32 of them. **Panics**: never. **Spec**: none.

use std::collections::HashMap;

use super::super::{AccessAction, ActionError, TableError};
use super::lines::Line;

type Parse = fn(&str) -> Result<AccessAction, ActionError>;

/// While a table is read.
pub(super) struct Actions {
    numbers: HashMap<Box<str>, u32>,
    actions: Vec<AccessAction>,
    parse: Parse,
}

impl Actions {
    pub(super) fn of_postfix() -> Self {
        Self::new(AccessAction::parse)
    }

    pub(super) fn of_sendmail() -> Self {
        Self::new(AccessAction::parse_sendmail)
    }

    fn new(parse: Parse) -> Self {
        Self { numbers: HashMap::new(), actions: Vec::new(), parse }
    }

    /// The number of the action `text`, which begins at this octet of the line.
    pub(super) fn number(
        &mut self,
        line: &Line<'_>,
        offset: usize,
        text: &str,
    ) -> Result<u32, TableError> {
        if let Some(number) = self.numbers.get(text) {
            return Ok(*number);
        }
        let action = (self.parse)(text).map_err(|error| {
            let before = text.char_indices().nth(error.column - 1).map_or(text.len(), |(at, _)| at);
            line.expected(offset + before, error.expected)
        })?;
        let full = |_| line.expected(offset, "fewer different actions in one table");
        let number = u32::try_from(self.actions.len()).map_err(full)?;
        self.actions.push(action);
        self.numbers.insert(text.into(), number);
        Ok(number)
    }

    /// The action with this number.
    pub(super) fn at(&self, number: u32) -> Option<&AccessAction> {
        self.actions.get(number as usize)
    }

    /// The actions by number.
    pub(super) fn into_vec(self) -> Vec<AccessAction> {
        self.actions
    }
}
