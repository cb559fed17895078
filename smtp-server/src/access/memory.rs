//! A table in memory.
//!
//! * **In**: keys and actions. **Out**: an [`AccessMap`]. **Promises**: keys match without regard to case.
//! * **Limits**: memory. **Panics**: never. **Spec**: Postfix access(5), `inline:`.

use std::collections::HashMap;

use async_trait::async_trait;

use super::{AccessAction, AccessMap};
use crate::hooks::LookupError;

/// A table that is part of the program.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap(HashMap<String, AccessAction>);

impl<K: Into<String>> FromIterator<(K, AccessAction)> for MemoryMap {
    fn from_iter<I: IntoIterator<Item = (K, AccessAction)>>(entries: I) -> Self {
        let folded = |(key, action): (K, AccessAction)| (key.into().to_lowercase(), action);
        Self(entries.into_iter().map(folded).collect())
    }
}

impl<K: Into<String>, const N: usize> From<[(K, AccessAction); N]> for MemoryMap {
    fn from(entries: [(K, AccessAction); N]) -> Self {
        entries.into_iter().collect()
    }
}

#[async_trait]
impl AccessMap for MemoryMap {
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        Ok(self.0.get(key).cloned())
    }
}
