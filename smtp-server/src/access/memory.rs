//! A table in memory.
//!
//! * **In**: keys and actions. **Out**: an [`AccessMap`]. **Promises**: keys match as the essay of
//!   [`access`](super) says. **Limits**: memory. **Panics**: never. **Spec**: Postfix access(5).

use std::collections::HashMap;

use async_trait::async_trait;

use super::{AccessAction, AccessMap, key};
use crate::hooks::LookupError;

/// A table that is part of the program.
#[derive(Clone, Debug, Default)]
pub struct MemoryMap(HashMap<String, AccessAction>);

impl<K: Into<String>> FromIterator<(K, AccessAction)> for MemoryMap {
    fn from_iter<I: IntoIterator<Item = (K, AccessAction)>>(entries: I) -> Self {
        let folded =
            |(key, action): (K, AccessAction)| (key::fold(&key.into()).into_owned(), action);
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
