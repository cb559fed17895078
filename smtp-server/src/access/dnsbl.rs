//! Is the client's address on a list?
//!
//! * **In**: lists that are asked over the DNS, networks that are not asked about. **Out**: a refusal with the list's
//!   reason.
//! * **Promises**: only other hosts are judged, never users. All lists are asked at the same time; the first in order
//!   that lists the client is named. A list that does not answer, or answers nonsense, lists nobody.
//! * **Limits**: two questions to each list and one for the reason. **Panics**: never.
//! * **Spec**: RFC 5782 2.1, 2.4 and 5; Postfix `reject_rbl_client`.

use std::net::IpAddr;

use async_trait::async_trait;
use futures_util::future::join_all;
use smtp_proto::ReplyCode;

use super::common::{is_foreign_host, refusal};
use super::dns_list::{DnsList, DnsListError};
use crate::dns::Dns;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::SessionInfo;
use crate::relay::Networks;
use crate::verdict::{Rejection, Verdict};

/// Refuses clients whose address is on one of these lists: `554 5.7.1`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use smtp_server::access::{AccessMaps, Dnsbl};
/// use smtp_server::dns::Dns;
/// use smtp_server::relay::Networks;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse()?])?;
/// let lists = ["bl.example", "zen.example=127.0.0.[2;4..11]"];
/// let dnsbl = Dnsbl::new(dns, lists)?.exempt(Networks::new(["192.0.2.0/24"])?);
/// let access = AccessMaps::default().then(dnsbl);
/// # let _ = access;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dnsbl {
    dns: Dns,
    lists: Vec<DnsList>,
    exempt: Networks,
}

impl Dnsbl {
    /// Lists as [`DnsList::parse`] reads them.
    ///
    /// # Errors
    /// [`DnsListError`] for what is none.
    pub fn new<L: AsRef<str>>(
        dns: Dns,
        lists: impl IntoIterator<Item = L>,
    ) -> Result<Self, DnsListError> {
        Ok(Self { dns, lists: parse_lists(lists)?, exempt: Networks::default() })
    }

    /// Clients in these networks are not asked about.
    #[must_use]
    pub fn exempt(mut self, networks: Networks) -> Self {
        self.exempt = networks;
        self
    }
}

#[async_trait]
impl AccessControl for Dnsbl {
    fn checks(&self, stage: StageKind) -> bool {
        stage == StageKind::Client
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        let (Stage::Client { .. }, Some(ip)) = (stage, info.peer.ip()) else {
            return Verdict::Accept;
        };
        if !is_foreign_host(info) || self.exempt.network_of(&info.peer).is_some() {
            return Verdict::Accept;
        }
        let subject = Subject {
            shown: &ip.to_string(),
            asked: &reversed(ip),
            never_listed: never_listed(ip),
        };
        subject.judge(&self.dns, &self.lists).await
    }
}

/// What lists are asked about.
pub(super) struct Subject<'a> {
    /// As the client reads it.
    pub(super) shown: &'a str,
    /// As the question has it.
    pub(super) asked: &'a str,
    /// What no list that works would list.
    pub(super) never_listed: &'a str,
}

impl Subject<'_> {
    pub(super) async fn judge(&self, dns: &Dns, lists: &[DnsList]) -> Verdict {
        let asked = lists.iter().map(|list| list.lists(dns, self.asked, self.never_listed));
        let hits = join_all(asked).await;
        match lists.iter().zip(hits).find(|(_, hit)| *hit == Ok(true)) {
            Some((list, _)) => self.refuse(list, list.reason(dns, self.asked).await).into(),
            None => Verdict::Accept,
        }
    }

    fn refuse(&self, list: &DnsList, reason: Option<String>) -> Rejection {
        let mut text = format!("{} is listed by {}", self.shown, list.domain());
        if let Some(reason) = reason {
            text.push_str(": ");
            text.push_str(&reason);
        }
        refusal(ReplyCode::TRANSACTION_FAILED, (5, 7, 1), text)
    }
}

pub(super) fn parse_lists<L: AsRef<str>>(
    lists: impl IntoIterator<Item = L>,
) -> Result<Vec<DnsList>, DnsListError> {
    lists.into_iter().map(|list| DnsList::parse(list.as_ref())).collect()
}

/// The octets or nibbles from the last to the first.
pub(super) fn reversed(ip: IpAddr) -> String {
    let parts: Vec<String> = match ip {
        IpAddr::V4(ip) => ip.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(ip) => {
            let nibble = |index: u32| format!("{:x}", (ip.to_bits() >> (4 * index)) & 0xf);
            (0..32).map(nibble).collect()
        }
    };
    parts.join(".")
}

/// 127.0.0.1, as an IPv6 list has it mapped (RFC 5782 5).
pub(super) fn never_listed(ip: IpAddr) -> &'static str {
    match ip {
        IpAddr::V4(_) => "1.0.0.127",
        IpAddr::V6(_) => "1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_asked_about_backwards() {
        assert_eq!(reversed("192.0.2.99".parse().unwrap()), "99.2.0.192");
        let ipv6 = reversed("2001:db8:1:2:3:4:567:89ab".parse().unwrap());
        assert_eq!(ipv6, "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2");
        let mapped = reversed("::ffff:127.0.0.1".parse().unwrap());
        assert_eq!(mapped, never_listed("::1".parse().unwrap()));
    }
}
