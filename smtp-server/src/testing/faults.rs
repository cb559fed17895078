//! Faults on purpose: what goes wrong, where, and how often.
//!
//! * **In**: rules, while the server runs. **Out**: what a connection has to do in place of, or beside, its work.
//! * **Promises**: the same rules and the same connections give the same faults: nothing is left to chance but what a
//!   seed decides. Without a rule that fits nothing changes. A message whose end of data met a fault that keeps its 250
//!   from being written whole does not reach the delivery.
//! * **Limits**: none on rules. **Panics**: only builders, on what makes no sense; see [`Trigger`].
//! * **Spec**: none.

mod address;

mod rule;

mod script;

mod table;

mod text;

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use rule::{Fault, On, Rule, Trigger};
pub use text::RuleError;

pub(crate) use script::{Occurrence, Script, recipients};

use table::Table;

/// The faults of a server: a handle, whose clones are one and the same.
///
/// Give it to [`ServerBuilder::faults`](crate::ServerBuilder::faults). Its rules may be changed while the server runs;
/// each holds from the next occurrence on.
///
/// ```
/// use smtp_server::testing::{Faults, On, Rule};
///
/// let faults = Faults::default();
/// faults.add(Rule::at(On::Rcpt).to("kim@example.org").nth(2).answer("451 4.2.1 try later"));
/// faults.add(Rule::at(On::EndOfData).on_connection(1).times(3).reset());
/// faults.add("connect probability=0.1 reply=\"421 4.3.2 busy\"".parse()?);
/// # Ok::<(), smtp_server::testing::RuleError>(())
/// ```
///
/// A fault happens to one occurrence: a command, a connection, a handshake, a message. Commands of a pipelined group
/// are occurrences of their own, and their replies stay in order: what was answered before is written first.
///
/// | fault | what the client sees |
/// |---|---|
/// | `reply="451 4.2.1 later"` | this reply in place of the real one; the command does nothing |
/// | `delay=2s` | the real reply, later |
/// | `throttle=10` | the real reply at ten octets a second; at `content`, content that is taken no faster |
/// | `close` | the end of the connection, in order (FIN) |
/// | `half-close` | the server writes no more, and reads until the client closes |
/// | `reset` | the connection is reset (RST), if it is TCP |
/// | `garbage="\xff\r\n"` | these octets in place of a reply; the command does nothing |
/// | `truncate=7` | seven octets of the real reply, then the end |
/// | `stall=5s` | at `content` alone: the server stops reading |
/// | `fail` | at `tls-handshake` alone: the alert `handshake_failure` |
///
/// Where several rules fit, the one that was added first happens. [`On`] lists the points, and a [`Rule`] has a text
/// form: its point, then conditions (`to=`, `nth=`, `connection=`, `times=`, `probability=`, `after=`) and one of the
/// faults above.
#[derive(Clone, Default)]
pub struct Faults(Arc<Mutex<Table>>);

/// The number of a rule: it is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u64);

impl Faults {
    /// With rules whose [probability](Trigger::with_probability) `seed` decides: the same seed, the same faults. The
    /// default has the seed 0.
    #[must_use]
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Table::new(seed, false))))
    }

    /// Beside its rules, what an address asks for by its local-part: any client can have a fault without
    /// being told of rules. A rule that fits comes first.
    ///
    #[doc = include_str!("faults/address.md")]
    #[must_use]
    pub fn by_address() -> Self {
        Self(Arc::new(Mutex::new(Table::new(0, true))))
    }

    /// Adds a rule behind the others. It counts connections and occurrences from here on.
    #[expect(clippy::must_use_candidate, reason = "it changes the rules")]
    pub fn add(&self, rule: Rule) -> RuleId {
        self.lock().add(rule)
    }

    /// Takes a rule away. False if there is none of this number.
    #[expect(clippy::must_use_candidate, reason = "it changes the rules")]
    pub fn remove(&self, id: RuleId) -> bool {
        self.lock().remove(id)
    }

    /// Takes all rules away.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// The rules in their order, each with how often it happened.
    #[must_use]
    pub fn rules(&self) -> Vec<(RuleId, Rule, u64)> {
        self.lock().rules()
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rules()).finish()
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for RuleId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        text.parse().map(Self)
    }
}
