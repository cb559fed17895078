//! Until the seam lands.
use std::str::FromStr;
#[derive(Clone, Debug)]
pub(crate) struct Transcript;
pub(crate) struct TranscriptLine { pub(crate) at_millis: u64, pub(crate) from: Speaker, pub(crate) text: String }
#[allow(dead_code)]
pub(crate) enum Speaker { Client, Server, Note }
impl Transcript { pub(crate) fn lines(&self) -> Vec<TranscriptLine> { Vec::new() } }
#[derive(Clone, Default)]
pub(crate) struct Faults(std::sync::Arc<std::sync::Mutex<Vec<(RuleId, Rule, u64)>>>, std::sync::Arc<std::sync::atomic::AtomicU64>);
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RuleId(u64);
#[derive(Clone, Debug)]
pub(crate) struct Rule(String);
#[derive(Clone, Copy)]
pub(crate) enum On { Mail, Rcpt, Auth }
impl On { pub(crate) fn as_str(self) -> &'static str { match self { On::Mail => "mail", On::Rcpt => "rcpt", On::Auth => "auth" } } }
impl Faults {
    pub(crate) fn by_address() -> Self { Self::default() }
    pub(crate) fn add(&self, rule: Rule) -> RuleId {
        let id = RuleId(self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        self.0.lock().unwrap().push((id, rule, 0)); id
    }
    pub(crate) fn remove(&self, id: RuleId) -> bool { let mut all = self.0.lock().unwrap(); let before = all.len(); all.retain(|one| one.0 != id); all.len() < before }
    pub(crate) fn clear(&self) { self.0.lock().unwrap().clear(); }
    pub(crate) fn rules(&self) -> Vec<(RuleId, Rule, u64)> { self.0.lock().unwrap().clone() }
}
impl std::fmt::Display for RuleId { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) } }
impl FromStr for RuleId { type Err = std::num::ParseIntError; fn from_str(s: &str) -> Result<Self, Self::Err> { s.parse().map(Self) } }
impl std::fmt::Display for Rule { fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { self.0.fmt(f) } }
impl FromStr for Rule { type Err = &'static str; fn from_str(s: &str) -> Result<Self, Self::Err> { if s.contains("reply=") || s.contains("reset") { Ok(Self(s.to_owned())) } else { Err("no rule") } } }
