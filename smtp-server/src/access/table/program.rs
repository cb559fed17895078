//! Rules in order, some of them under a condition.
//!
//! * **In**: rules, `if` and `endif`. **Out**: what the first rule that fits says. **Promises**: blocks nest and are
//!   closed. **Limits**: one pass over the rules. **Panics**: never. **Spec**: Postfix `cidr_table`(5), `regexp_table`(5).

use super::super::TableError;
use super::lines::Line;

/// The rules of a table.
pub(super) struct Program<C, R> {
    steps: Vec<Step<C, R>>,
}

enum Step<C, R> {
    Rule(R),
    /// Go on at that step unless the condition holds.
    If {
        condition: C,
        otherwise: usize,
    },
}

impl<C, R> Program<C, R> {
    /// What the first rule says that says something.
    pub(super) fn first<T, E>(
        &self,
        holds: impl Fn(&C) -> Result<bool, E>,
        apply: impl Fn(&R) -> Result<Option<T>, E>,
    ) -> Result<Option<T>, E> {
        let mut at = 0;
        while let Some(step) = self.steps.get(at) {
            at += 1;
            match step {
                Step::Rule(rule) => {
                    if let Some(found) = apply(rule)? {
                        return Ok(Some(found));
                    }
                }
                // Always further on, so this ends.
                Step::If { condition, otherwise } if !holds(condition)? => at = *otherwise,
                Step::If { .. } => {}
            }
        }
        Ok(None)
    }
}

/// A program while it is read.
pub(super) struct Builder<C, R> {
    steps: Vec<Step<C, R>>,
    /// The steps that begin open blocks, and the error if they stay open.
    open: Vec<(usize, TableError)>,
    /// Whether the last step is a rule of the block that goes on now.
    goes_on: bool,
}

impl<C, R> Builder<C, R> {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), open: Vec::new(), goes_on: false }
    }

    pub(super) fn push(&mut self, rule: R) {
        self.steps.push(Step::Rule(rule));
        self.goes_on = true;
    }

    /// The last rule, if the next one would stand right behind it.
    pub(super) fn last(&mut self) -> Option<&mut R> {
        match self.steps.last_mut().filter(|_| self.goes_on) {
            Some(Step::Rule(rule)) => Some(rule),
            _ => None,
        }
    }

    pub(super) fn begin(&mut self, line: &Line<'_>, condition: C) {
        self.open.push((self.steps.len(), line.expected(0, "an endif for this if")));
        self.steps.push(Step::If { condition, otherwise: usize::MAX });
        self.goes_on = false;
    }

    pub(super) fn end(&mut self, line: &Line<'_>) -> Result<(), TableError> {
        let (begin, _) =
            self.open.pop().ok_or_else(|| line.expected(0, "an if before this endif"))?;
        let end = self.steps.len();
        if let Some(Step::If { otherwise, .. }) = self.steps.get_mut(begin) {
            *otherwise = end;
        }
        self.goes_on = false;
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Program<C, R>, TableError> {
        match self.open.pop() {
            Some((_, error)) => Err(error),
            None => Ok(Program { steps: self.steps }),
        }
    }
}
