//! What is wrong with a table.
//!
//! * **In**: a place in a table. **Out**: an error that an operator can act on. **Promises**: it names the table, the
//!   line, the column and what was expected there. **Limits**: none. **Panics**: never. **Spec**: none.

use std::io;

/// Why a table was not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TableError {
    /// The table has something else than what it may have there.
    #[error("{table}:{line}:{column}: expected {expected}")]
    Syntax {
        /// The table's file, or its text if it stands in the configuration.
        table: String,
        /// Which line, from 1.
        line: usize,
        /// Where in the line, in characters from 1.
        column: usize,
        /// What should stand there.
        expected: String,
    },
    /// Whoever the table names may relay, and that is everybody, or cannot be told.
    #[error("{table}: {fault}: that is an open relay")]
    OpenRelay {
        /// The table's file, or its text.
        table: String,
        /// Whom it leaves out, or why that cannot be told.
        fault: String,
    },
    /// A relay policy cannot do what the table says.
    #[error(
        "{table}: for relaying it may have no actions but OK, RELAY, DUNNO, REJECT, DEFER and reply codes"
    )]
    NotForRelaying {
        /// The table's file, or its text.
        table: String,
    },
    /// The table's file cannot be read.
    #[error("{table}: {error}")]
    Read {
        /// The file.
        table: String,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// A table could not be read again.
#[derive(Debug, thiserror::Error)]
#[error("{0}; what was read before stays in use")]
pub struct ReloadError(#[from] pub TableError);
