//! A list that is asked over the DNS: its name, and which of its answers count.
//!
//! * **In**: `zen.example` or `zen.example=127.0.0.[2;4..11]`. **Out**: [`DnsList`]; is something listed?
//! * **Promises**: only answers in 127.0.0.0/8 are answers. One outside (a parked domain, a resolver that lies), one in
//!   127.255.255.0/24 (the list's word for "you may not ask me") and a list that lists what must never be listed
//!   (a wildcard) are no hit; so is no answer at all. With the feature `tracing` the first three are warned of.
//! * **Limits**: 200 characters of a list's reason. **Panics**: never.
//! * **Spec**: RFC 5782 2 and 5; Postfix `reject_rbl_client` for the filter.

use std::net::Ipv4Addr;
use std::ops::RangeInclusive;

use smtp_proto::Domain;

use crate::dns::{Dns, DnsError};

/// Characters of a list's reason that reach the client.
const REASON_CHARS_MAX: usize = 200;

/// A DNS list, with or without a filter on its answers.
///
/// ```
/// use smtp_server::access::DnsList;
///
/// let list = DnsList::parse("zen.example=127.0.0.[2;4..11]").unwrap();
/// assert!(list.counts("127.0.0.5".parse().unwrap()));
/// assert!(!list.counts("127.0.0.3".parse().unwrap()));
/// assert!(DnsList::parse("zen.example=127.0.0").is_err());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsList {
    domain: String,
    filter: Option<[Vec<RangeInclusive<u8>>; 4]>,
}

/// What is no DNS list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DnsListError {
    /// The part before `=` is no domain.
    #[error("'{0}' is not the domain of a DNS list")]
    Domain(String),
    /// The part behind `=` is no filter.
    #[error("'{0}' is not a filter: write four numbers or sets, such as 127.0.0.[2;4..11]")]
    Filter(String),
}

impl DnsList {
    /// A domain, and behind `=` which addresses count as hits: four parts, each a number or, in brackets, numbers and
    /// ranges `4..11` separated by `;`. Without a filter all do.
    ///
    /// # Errors
    /// [`DnsListError`] for anything else.
    pub fn parse(text: &str) -> Result<Self, DnsListError> {
        let (domain, filter) = match text.split_once('=') {
            Some((domain, filter)) => (domain, Some(filter)),
            None => (text, None),
        };
        let name = Domain::parse(domain).ok();
        let name = name.as_ref().and_then(Domain::to_ascii);
        let Some(name) = name else { return Err(DnsListError::Domain(domain.to_owned())) };
        let filter = match filter {
            Some(text) => {
                let filter = parse_filter(text);
                Some(filter.ok_or_else(|| DnsListError::Filter(text.to_owned()))?)
            }
            None => None,
        };
        Ok(Self { domain: name.into_owned(), filter })
    }

    /// The list's name in lower case.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Whether this answer counts as a hit.
    #[must_use]
    pub fn counts(&self, answer: Ipv4Addr) -> bool {
        let passes = |filter: &[Vec<RangeInclusive<u8>>; 4]| {
            let mut parts = filter.iter().zip(answer.octets());
            parts.all(|(sets, octet)| sets.iter().any(|set| set.contains(&octet)))
        };
        is_answer(answer) && self.filter.as_ref().is_none_or(passes)
    }

    /// Whether `subject` is listed. `never_listed` is what the list must not list. An error if there is no answer.
    pub(super) async fn lists(
        &self,
        dns: &Dns,
        subject: &str,
        never_listed: &str,
    ) -> Result<bool, DnsError> {
        let answers = self.ask(dns, subject).await?;
        if let Some(strange) = answers.iter().find(|answer| !is_answer(**answer)) {
            warn(&self.domain, &format!("it answers {strange}"));
            return Ok(false);
        }
        if !answers.into_iter().any(|answer| self.counts(answer)) {
            return Ok(false);
        }
        let wildcard = self.ask(dns, never_listed).await.is_ok_and(|answers| !answers.is_empty());
        if wildcard {
            warn(&self.domain, "it lists everything");
        }
        Ok(!wildcard)
    }

    /// What the list says of `subject`, as one line.
    pub(super) async fn reason(&self, dns: &Dns, subject: &str) -> Option<String> {
        let texts = dns.texts(&format!("{subject}.{}", self.domain)).await.ok()?;
        let printable = |c: char| if c.is_control() { '?' } else { c };
        Some(texts.into_iter().next()?.chars().take(REASON_CHARS_MAX).map(printable).collect())
    }

    async fn ask(&self, dns: &Dns, subject: &str) -> Result<Vec<Ipv4Addr>, DnsError> {
        let question = format!("{subject}.{}", self.domain);
        match dns.ipv4_addresses(&question).await {
            Err(error) if error.is_definite() => Ok(Vec::new()),
            answer => answer,
        }
    }
}

fn is_answer(address: Ipv4Addr) -> bool {
    address.is_loopback() && !matches!(address.octets(), [127, 255, 255, _])
}

fn parse_filter(text: &str) -> Option<[Vec<RangeInclusive<u8>>; 4]> {
    let mut parts = Vec::new();
    let mut rest = Some(text);
    // Each turn takes at least a part off the text.
    while let Some(text) = rest {
        let (part, after) = match text.strip_prefix('[') {
            Some(inside) => {
                let (sets, after) = inside.split_once(']')?;
                let sets = sets.split(';').map(parse_range).collect::<Option<Vec<_>>>()?;
                (sets, if after.is_empty() { None } else { Some(after.strip_prefix('.')?) })
            }
            None => {
                let (number, after) = match text.split_once('.') {
                    Some((number, after)) => (number, Some(after)),
                    None => (text, None),
                };
                let number = parse_number(number)?;
                (vec![number..=number], after)
            }
        };
        parts.push(part);
        rest = after;
    }
    parts.try_into().ok()
}

fn parse_range(text: &str) -> Option<RangeInclusive<u8>> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let (low, high) = (parse_number(low)?, parse_number(high)?);
    (low <= high).then_some(low..=high)
}

/// Digits only: `parse` would take a sign, too.
fn parse_number(text: &str) -> Option<u8> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

#[cfg(feature = "tracing")]
fn warn(list: &str, fault: &str) {
    tracing::warn!(target: "smtp", list, fault, "DNS list is not believed");
}

#[cfg(not(feature = "tracing"))]
fn warn(_list: &str, _fault: &str) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_four_sets() {
        let listed = |list: &str, answer: &str| {
            DnsList::parse(list).map(|list| list.counts(answer.parse().unwrap()))
        };
        let cases = [
            ("bl.example", "127.0.0.2", true),
            ("BL.example", "127.9.9.9", true),
            ("bl.example", "192.0.2.1", false),
            ("bl.example", "127.255.255.254", false),
            ("bl.example=127.0.0.2", "127.0.0.2", true),
            ("bl.example=127.0.0.2", "127.0.0.3", false),
            ("bl.example=127.0.0.[2;4..11]", "127.0.0.11", true),
            ("bl.example=127.0.0.[2;4..11]", "127.0.0.3", false),
            ("bl.example=127.[0..1].0.[2]", "127.1.0.2", true),
            ("bl.example=127.0.[3;5..7].[0..255]", "127.0.6.200", true),
            ("bl.example=127.255.255.[0..255]", "127.255.255.254", false),
            ("bl.example=[0..255].[0..255].[0..255].[0..255]", "192.0.2.1", false),
        ];
        for (list, answer, expected) in cases {
            assert_eq!(listed(list, answer), Ok(expected), "{list} {answer}");
        }
        for bad in ["", "127", "127.0.0", "127.0.0.2.", "127.0.0.2.3", "127.0.0.256", "127.0.0.+2"]
        {
            assert_eq!(
                DnsList::parse(&format!("a.example={bad}")),
                Err(DnsListError::Filter(bad.to_owned()))
            );
        }
        for bad in [
            "127.0.0.[2",
            "127.0.0.[]",
            "127.0.0.[4..2]",
            "127.0.0.[2]3",
            "[127]0.0.2",
            "127.0.0.[2;]",
        ] {
            assert_eq!(
                DnsList::parse(&format!("a.example={bad}")),
                Err(DnsListError::Filter(bad.to_owned()))
            );
        }
        for bad in ["", "a b", "[192.0.2.1]", "a..b"] {
            assert_eq!(DnsList::parse(bad), Err(DnsListError::Domain(bad.to_owned())));
        }
    }
}
