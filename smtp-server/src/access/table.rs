//! A table as an operator writes it.
//!
//! * **In**: `TYPE:FILE`, or the table itself in the configuration. **Out**: [`AccessTable`], an [`AccessMap`].
//! * **Promises**: a table is read whole or not at all. One that is read again takes the old one's place at once for
//!   every later look-up, or the old one stays. A look-up touches no file.
//! * **Limits**: a table of 4 GiB. **Panics**: never. **Spec**: Postfix `DATABASE_README`, postmap(1), `cidr_table`(5),
//!   `regexp_table`(5), `pcre_table`(5); Sendmail makemap(8).

mod actions;
mod coverage;
mod inline;
mod lines;
mod network;
#[cfg(feature = "regex-maps")]
mod pattern;
mod program;
mod text;

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use async_trait::async_trait;
use ipnet::IpNet;

use self::actions::Actions;
use self::lines::Source;
use self::network::NetworkTable;
#[cfg(feature = "regex-maps")]
use self::pattern::PatternTable;
use self::text::TextTable;
use super::{AccessAction, AccessMap, KeyStyle, ReloadError, TableError};
use crate::hooks::LookupError;

/// What a table is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableType {
    /// `texthash`: a key and an action of access(5) a line.
    Text,
    /// `sendmail`: a tagged key and an action of Sendmail a line.
    Sendmail,
    /// `cidr`: a network and an action a line, the first that fits counts; also `!network`, `if` and `endif`.
    Network,
    /// `regexp`: a POSIX extended regular expression and an action a line, the first that fits counts; also
    /// `!/pattern/`, `if` and `endif`. `$1` in the action is what the first group matched.
    ///
    /// What differs from POSIX: of several alternatives the first that matches is taken, not the longest (which shows
    /// in `$1` only); basic expressions (flag `x`) are not there; `\d`, `\b` and the like mean something.
    #[cfg(feature = "regex-maps")]
    Regexp,
    /// `pcre`: the same with a Perl-compatible expression: look-around, back-references, atomic groups. One that needs
    /// more than a million steps of backtracking is given up, and the client told to try again. The flags `A`,
    /// `E`, `U` and `X` are not there.
    #[cfg(feature = "regex-maps")]
    Pcre,
}

/// A table that can be read again while it is in use.
///
/// ```
/// use smtp_server::StageKind;
/// use smtp_server::access::{AccessMaps, AccessTable};
///
/// let clients = AccessTable::open("cidr:{ {192.0.2.1 OK}, {192.0.2.0/24 REJECT Not from there} }")?;
/// let access = AccessMaps::default().with(StageKind::Client, clients);
/// # Ok::<(), smtp_server::access::TableError>(())
/// ```
///
/// Nothing watches the file: call [`reload_if_changed`](Self::reload_if_changed) from a timer, or
/// [`reload`](Self::reload) at a signal. A look-up that had to ask the file system would block its thread.
pub struct AccessTable {
    table_type: TableType,
    file: Option<PathBuf>,
    entries: RwLock<Arc<Entries>>,
    /// A relay policy believes it.
    is_for_relaying: bool,
    /// Of the file when it was last read, with or without success. Held while it is read again.
    stamp: Mutex<Option<Stamp>>,
}

impl AccessTable {
    /// The table that `name` says: `TYPE:FILE`, or instead of the file `{ {line}, {line} }`; for type `static` one
    /// action for every key, for type `inline` the pairs `{ key = action, {key = action, with commas} }`.
    ///
    /// The types are those of [`TableType`].
    ///
    /// # Errors
    /// [`TableError`], which says what is wrong with the name, or with which line of the table.
    pub fn open(name: &str) -> Result<Self, TableError> {
        let (kind, rest) = name.split_once(':').unwrap_or((name, ""));
        match kind {
            "static" => return Self::of_static(name, rest),
            "inline" => {
                let (lines, columns) = inline::pairs(name, rest)?;
                let entries =
                    Entries::parse(TableType::Text, &Source::inline(name, &lines, &columns))?;
                return Ok(Self::new(TableType::Text, None, entries, None));
            }
            _ => {}
        }
        let table_type = TableType::from_name(kind).ok_or_else(|| unknown_type(name, kind))?;
        if rest.starts_with('{') {
            let (lines, columns) = inline::lines(name, rest)?;
            let entries = Entries::parse(table_type, &Source::inline(name, &lines, &columns))?;
            return Ok(Self::new(table_type, None, entries, None));
        }
        if rest.is_empty() {
            let expected = "a file, or lines in braces";
            return Err(lines::syntax(name, 1, name.chars().count() + 1, expected));
        }
        Self::read(table_type, Path::new(rest))
    }

    /// The table in a file.
    ///
    /// # Errors
    /// [`TableError`] for a file that cannot be read, and for a line that is none of such a table.
    pub fn read(table_type: TableType, file: &Path) -> Result<Self, TableError> {
        let (text, stamp) = read(file)?;
        let entries = Entries::parse(table_type, &Source::new(&file.to_string_lossy(), &text))?;
        Ok(Self::new(table_type, Some(file.to_owned()), entries, Some(stamp)))
    }

    /// The table in `text`, which errors call `name`.
    ///
    /// # Errors
    /// [`TableError`] for a line that is none of such a table.
    pub fn parse(table_type: TableType, name: &str, text: &str) -> Result<Self, TableError> {
        let entries = Entries::parse(table_type, &Source::new(name, text))?;
        Ok(Self::new(table_type, None, entries, None))
    }

    fn of_static(name: &str, action: &str) -> Result<Self, TableError> {
        let before = "static:".len();
        let action = AccessAction::parse(action)
            .map_err(|error| lines::syntax(name, 1, before + error.column, error.expected))?;
        // For every key, so the keys are not taken apart.
        Ok(Self::new(TableType::Network, None, Entries::Static(action), None))
    }

    fn new(
        table_type: TableType,
        file: Option<PathBuf>,
        entries: Entries,
        stamp: Option<Stamp>,
    ) -> Self {
        let (entries, stamp) = (RwLock::new(Arc::new(entries)), Mutex::new(stamp));
        Self { table_type, file, entries, is_for_relaying: false, stamp }
    }

    /// The networks of whose clients it says `OK` or `RELAY` at the moment.
    pub(crate) fn granted_networks(&self) -> Vec<IpNet> {
        match &**self.entries.read().unwrap_or_else(PoisonError::into_inner) {
            Entries::Text(table) => table.granted_networks(),
            Entries::Network(table) => table.granted_networks(),
            _ => Vec::new(),
        }
    }

    /// Whether keys may be names of clients, which have to be found out first.
    #[cfg(feature = "dns")]
    pub(super) fn has_names(&self) -> bool {
        self.table_type != TableType::Network
    }

    /// The same table for a relay policy, to which `OK` grants relaying.
    ///
    /// # Errors
    /// [`TableError::OpenRelay`] for one that leaves nobody out, or of patterns, of which nobody can tell;
    /// [`TableError::NotForRelaying`] for actions that a relay policy cannot carry out. So does a reload.
    pub(crate) fn for_relaying(mut self, name: &str) -> Result<Self, TableError> {
        let entries = Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner));
        entries.check_relaying(name)?;
        self.is_for_relaying = true;
        Ok(self)
    }

    /// Reads the file again. A table without a file stays as it is.
    ///
    /// It blocks: in an asynchronous program it belongs on a blocking pool.
    ///
    /// # Errors
    /// [`ReloadError`] for a file that cannot be read or has a fault; then what was read before stays in use.
    pub fn reload(&self) -> Result<(), ReloadError> {
        self.reload_unless(|_| false).map(|_| ())
    }

    /// Reads the file again if it is not the one that was read last, by its inode, its size or its time; says
    /// whether it was read. A file with a fault is an error once, until it changes again.
    ///
    /// # Errors
    /// As [`reload`](Self::reload).
    pub fn reload_if_changed(&self) -> Result<bool, ReloadError> {
        self.reload_unless(|unchanged| unchanged)
    }

    fn reload_unless(&self, skips: impl FnOnce(bool) -> bool) -> Result<bool, ReloadError> {
        let Some(file) = &self.file else { return Ok(false) };
        // A reload that panicked left the old entries and the old stamp.
        let mut stamp = self.stamp.lock().unwrap_or_else(PoisonError::into_inner);
        let there = fs::metadata(file)
            .map(|metadata| Stamp::of(&metadata))
            .map_err(|error| read_error(file, error))?;
        if skips(*stamp == Some(there)) {
            return Ok(false);
        }
        *stamp = Some(there);
        let (text, read_stamp) = read(file)?;
        *stamp = Some(read_stamp);
        let entries =
            Entries::parse(self.table_type, &Source::new(&file.to_string_lossy(), &text))?;
        if self.is_for_relaying {
            entries.check_relaying(&file.to_string_lossy())?;
        }
        *self.entries.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(entries);
        Ok(true)
    }

    /// The entry for `key`, without waiting. A key of a table of type `texthash` or `sendmail` is in lower case.
    ///
    /// # Errors
    /// [`LookupError`] if a pattern takes too long, or what it puts into an action makes none.
    pub fn find(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        self.entries().find(key)
    }

    /// As they are now; a replacement leaves them as they are.
    fn entries(&self) -> Arc<Entries> {
        Arc::clone(&self.entries.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl fmt::Debug for AccessTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessTable")
            .field("table_type", &self.table_type)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl AccessMap for AccessTable {
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        self.find(key)
    }

    async fn lookup_first(
        &self,
        keys: &[&str],
    ) -> Result<Option<(usize, AccessAction)>, LookupError> {
        let entries = self.entries();
        for (place, key) in keys.iter().enumerate() {
            if let Some(action) = entries.find(key)? {
                return Ok(Some((place, action)));
            }
        }
        Ok(None)
    }

    fn key_style(&self) -> KeyStyle {
        match self.table_type {
            TableType::Text => KeyStyle::Ladder,
            TableType::Sendmail => KeyStyle::Sendmail,
            _ => KeyStyle::Whole,
        }
    }
}

#[cfg(feature = "regex-maps")]
const TYPES: &str = "texthash, sendmail, cidr, regexp, pcre, static and inline";
#[cfg(not(feature = "regex-maps"))]
const TYPES: &str = "texthash, sendmail, cidr, static and inline";

impl TableType {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "texthash" => Self::Text,
            "sendmail" => Self::Sendmail,
            "cidr" => Self::Network,
            #[cfg(feature = "regex-maps")]
            "regexp" => Self::Regexp,
            #[cfg(feature = "regex-maps")]
            "pcre" => Self::Pcre,
            _ => return None,
        })
    }
}

enum Entries {
    Static(AccessAction),
    Text(TextTable),
    Network(NetworkTable),
    #[cfg(feature = "regex-maps")]
    Pattern(PatternTable),
}

impl Entries {
    fn find(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        match self {
            Self::Static(action) => Ok(Some(action.clone())),
            Self::Text(table) => Ok(table.find(key)),
            Self::Network(table) => Ok(table.find(key)),
            #[cfg(feature = "regex-maps")]
            Self::Pattern(table) => table.find(key),
        }
    }

    fn parse(table_type: TableType, source: &Source<'_>) -> Result<Self, TableError> {
        Ok(match table_type {
            TableType::Text => Self::Text(TextTable::parse(source, Actions::of_postfix())?),
            TableType::Sendmail => Self::Text(TextTable::parse_sendmail(source)?),
            TableType::Network => Self::Network(NetworkTable::parse(source)?),
            #[cfg(feature = "regex-maps")]
            TableType::Regexp => {
                Self::Pattern(PatternTable::parse(source, pattern::Syntax::Regexp)?)
            }
            #[cfg(feature = "regex-maps")]
            TableType::Pcre => Self::Pattern(PatternTable::parse(source, pattern::Syntax::Pcre)?),
        })
    }

    fn check_relaying(&self, name: &str) -> Result<(), TableError> {
        let open = |fault: &str| {
            Err(TableError::OpenRelay { table: name.to_owned(), fault: fault.to_owned() })
        };
        match self {
            Self::Static(action) if coverage::grants(action) => open("it is about everybody"),
            Self::Static(action) if coverage::is_for_relaying(action) => Ok(()),
            Self::Static(_) => Err(TableError::NotForRelaying { table: name.to_owned() }),
            Self::Text(table) => table.check_relaying(name),
            Self::Network(table) => table.check_relaying(name),
            #[cfg(feature = "regex-maps")]
            Self::Pattern(_) => open("whom patterns leave out cannot be told"),
        }
    }
}

fn unknown_type(name: &str, kind: &str) -> TableError {
    match kind {
        "hash" | "btree" | "lmdb" => {
            let expected = format!(
                "texthash:, which reads the text that postmap would compile (what {kind}: reads is not read here)"
            );
            lines::syntax(name, 1, 1, &expected)
        }
        _ => lines::syntax(name, 1, 1, &format!("one of the table types {TYPES}")),
    }
}

/// What tells one file from another of the same name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let inode = std::os::unix::fs::MetadataExt::ino(metadata);
        #[cfg(not(unix))]
        let inode = 0;
        Self { inode, bytes: metadata.len(), modified: metadata.modified().ok() }
    }
}

/// The text, and the stamp of the file that it is from: a file that takes its place meanwhile has another.
fn read(file: &Path) -> Result<(String, Stamp), TableError> {
    let read = || -> io::Result<_> {
        let mut open = File::open(file)?;
        let stamp = Stamp::of(&open.metadata()?);
        let mut text = String::new();
        open.read_to_string(&mut text)?;
        Ok((text, stamp))
    };
    read().map_err(|error| read_error(file, error))
}

fn read_error(file: &Path, error: io::Error) -> TableError {
    TableError::Read { table: file.to_string_lossy().into_owned(), error }
}
