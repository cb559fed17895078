//! May this host send for that domain?
//!
//! * **In**: an address, a domain, the sender, what the client calls itself. **Out**: an [`SpfResult`].
//! * **Promises**: a record is read as a whole before any of it counts; several records are an error; what the DNS does
//!   not answer is [`TempError`](SpfResult::TempError) and nothing else.
//! * **Limits**: [`TERMS_MAX`], [`VOID_LOOK_UPS_MAX`], [`NAMES_MAX`], [`TIMEOUT`]. **Panics**: never.
//! * **Spec**: RFC 7208 4 to 7, RFC 8616 4. `mail-auth` parses records and expands macros.

use std::net::IpAddr;
use std::time::Duration;

use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::spf::{Macro, Mechanism, Qualifier, Spf, Variable, Variables};

use super::results::SpfResult;
use crate::access::ClientHost;
use crate::dns::{Dns, DnsError};

/// How many terms may ask the DNS, those of included records too (RFC 7208 4.6.4).
const TERMS_MAX: u32 = 10;
/// How many questions may have no answer (RFC 7208 4.6.4).
const VOID_LOOK_UPS_MAX: u32 = 2;
/// How many hosts of one `mx`, and names of one `ptr`, are looked up (RFC 7208 4.6.4).
const NAMES_MAX: usize = 10;
/// How long all of it may take (RFC 7208 4.6.4).
const TIMEOUT: Duration = Duration::from_secs(20);
/// The longest name that macros make (RFC 7208 7.3).
const NAME_BYTES_MAX: usize = 253;

const MECHANISMS: [&str; 8] = ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists"];

/// `check_host()` of RFC 7208 4.
pub(super) async fn check_host(
    dns: &Dns,
    ip: IpAddr,
    domain: &str,
    sender: &str,
    helo: &str,
) -> SpfResult {
    let mut check = Check { dns, ip, sender, helo, host: None, terms: 0, void_look_ups: 0 };
    match tokio::time::timeout(TIMEOUT, check.evaluate(domain)).await {
        Ok(Ok(result) | Err(result)) => result,
        Err(_) => SpfResult::TempError,
    }
}

struct Check<'a> {
    dns: &'a Dns,
    ip: IpAddr,
    sender: &'a str,
    helo: &'a str,
    /// The client's confirmed name, once a macro asked for it.
    host: Option<String>,
    terms: u32,
    void_look_ups: u32,
}

/// An error ends the whole evaluation, however deep.
type Outcome<T> = Result<T, SpfResult>;

impl Check<'_> {
    async fn evaluate(&mut self, domain: &str) -> Outcome<SpfResult> {
        let Some(record) = self.record(domain).await? else { return Ok(SpfResult::None) };
        for directive in &record.directives {
            if self.matches(&directive.mechanism, domain).await? {
                return Ok(match directive.qualifier {
                    Qualifier::Pass => SpfResult::Pass,
                    Qualifier::Fail => SpfResult::Fail,
                    Qualifier::SoftFail => SpfResult::SoftFail,
                    Qualifier::Neutral => SpfResult::Neutral,
                });
            }
        }
        let Some(target) = &record.redirect else { return Ok(SpfResult::Neutral) };
        if self.is_unnameable(target) {
            return Err(SpfResult::PermError);
        }
        match self.follow(target, domain).await? {
            SpfResult::None => Err(SpfResult::PermError),
            result => Ok(result),
        }
    }

    async fn record(&self, domain: &str) -> Outcome<Option<Spf>> {
        let labels = domain.split('.').count();
        if labels < 2 || NAME_BYTES_MAX < domain.len() {
            return Ok(None);
        }
        let texts = match self.dns.texts(domain).await {
            Ok(texts) => texts,
            Err(error) if error.is_definite() => return Ok(None),
            Err(_) => return Err(SpfResult::TempError),
        };
        let mut records = texts.iter().filter(|text| is_spf(text));
        match (records.next(), records.next()) {
            (None, _) => Ok(None),
            (Some(record), None) if terms_are_known(record) => {
                Spf::parse(record.as_bytes()).map(Some).map_err(|_| SpfResult::PermError)
            }
            _ => Err(SpfResult::PermError),
        }
    }

    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Outcome<bool> {
        if target_of(mechanism).is_some_and(|target| self.is_unnameable(target)) {
            return Ok(false);
        }
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip4 { addr, mask } => Ok(is_within(self.ip, (*addr).into(), *mask, 0)),
            Mechanism::Ip6 { addr, mask } => Ok(is_within(self.ip, (*addr).into(), 0, *mask)),
            Mechanism::A { macro_string, ip4_mask, ip6_mask } => {
                let name = self.target(macro_string, domain).await?;
                self.has_address(&name, *ip4_mask, *ip6_mask).await
            }
            Mechanism::Mx { macro_string, ip4_mask, ip6_mask } => {
                let name = self.target(macro_string, domain).await?;
                self.mx_has_address(&name, *ip4_mask, *ip6_mask).await
            }
            Mechanism::Ptr { macro_string } => {
                let name = self.target(macro_string, domain).await?;
                self.has_name_below(&name).await
            }
            Mechanism::Exists { macro_string } => {
                let name = self.target(macro_string, domain).await?;
                let answer = self.dns.ipv4_addresses(&name).await;
                Ok(!self.records(answer)?.is_empty())
            }
            Mechanism::Include { macro_string } => match self.follow(macro_string, domain).await? {
                SpfResult::None => Err(SpfResult::PermError),
                result => Ok(result == SpfResult::Pass),
            },
        }
    }

    /// Whether the name would have a local-part in it that no name in the DNS has (RFC 8616 4). The sender's domain is
    /// in A-labels.
    fn is_unnameable(&self, target: &Macro) -> bool {
        !self.sender.is_ascii() && has_local_part(target)
    }

    /// The result of another domain's record.
    async fn follow(&mut self, target: &Macro, domain: &str) -> Outcome<SpfResult> {
        let name = self.target(target, domain).await?;
        Box::pin(self.evaluate(&name)).await
    }

    /// The name that a term asks about, counted.
    async fn target(&mut self, target: &Macro, domain: &str) -> Outcome<String> {
        self.terms += 1;
        if TERMS_MAX < self.terms {
            return Err(SpfResult::PermError);
        }
        if target.needs_ptr() && self.host.is_none() {
            self.host = Some(ClientHost::look_up(self.dns, self.ip).await.to_string());
        }
        let mut variables = Variables::new();
        variables.set_ip(&self.ip);
        variables.set_sender(self.sender.as_bytes());
        variables.set_domain(domain.as_bytes());
        variables.set_helo_domain(self.helo.as_bytes());
        variables.set_validated_domain(self.host.as_deref().unwrap_or("unknown").as_bytes());
        Ok(shortened(target.eval(&variables, domain, false).trim_end_matches('.')).to_owned())
    }

    async fn mx_has_address(&mut self, name: &str, mask4: u32, mask6: u128) -> Outcome<bool> {
        let answer = self.dns.mail_exchanges(name).await;
        let exchanges = self.records(answer)?;
        for (index, exchange) in exchanges.iter().enumerate() {
            if NAMES_MAX <= index {
                return Err(SpfResult::PermError);
            }
            if self.has_address(&exchange.host, mask4, mask6).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn has_address(&mut self, name: &str, mask4: u32, mask6: u128) -> Outcome<bool> {
        let answer = addresses_like(self.dns, name, self.ip).await;
        let addresses = self.records(answer)?;
        Ok(addresses.into_iter().any(|address| is_within(self.ip, address, mask4, mask6)))
    }

    /// Errors of the DNS mean no match here (RFC 7208 5.5).
    async fn has_name_below(&mut self, domain: &str) -> Outcome<bool> {
        let answer = self.dns.names(self.ip).await;
        let names = match answer {
            Err(DnsError::Temporary(_)) => return Ok(false),
            answer => self.records(answer)?,
        };
        for name in names.iter().take(NAMES_MAX).filter(|name| is_below(name.as_str(), domain)) {
            let addresses = addresses_like(self.dns, name.as_str(), self.ip).await;
            if addresses.is_ok_and(|all| all.contains(&self.ip)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The records, possibly none.
    fn records<T>(&mut self, answer: Result<Vec<T>, DnsError>) -> Outcome<Vec<T>> {
        match answer {
            Ok(records) => Ok(records),
            Err(error) if error.is_definite() && self.void_look_ups < VOID_LOOK_UPS_MAX => {
                self.void_look_ups += 1;
                Ok(Vec::new())
            }
            Err(error) if error.is_definite() => Err(SpfResult::PermError),
            Err(_) => Err(SpfResult::TempError),
        }
    }
}

/// The addresses of `name` that are of the same kind as `ip`.
async fn addresses_like(dns: &Dns, name: &str, ip: IpAddr) -> Result<Vec<IpAddr>, DnsError> {
    Ok(match ip {
        IpAddr::V4(_) => dns.ipv4_addresses(name).await?.into_iter().map(IpAddr::V4).collect(),
        IpAddr::V6(_) => dns.ipv6_addresses(name).await?.into_iter().map(IpAddr::V6).collect(),
    })
}

/// `v=spf1`, then a space or the end (RFC 7208 4.5).
fn is_spf(text: &str) -> bool {
    let version = text.split(' ').next().unwrap_or_default();
    version.eq_ignore_ascii_case("v=spf1")
}

/// Whether each term is a mechanism that there is, or a modifier: other names are for modifiers alone (RFC 7208 4.6.1).
fn terms_are_known(record: &str) -> bool {
    record.split(' ').skip(1).filter(|term| !term.is_empty()).all(|term| {
        let directive = term.trim_start_matches(['+', '-', '~', '?']);
        let name = directive.split([':', '/', '=']).next().unwrap_or_default();
        let is_modifier = term.get(name.len()..).is_some_and(|rest| rest.starts_with('='));
        is_modifier || MECHANISMS.iter().any(|known| known.eq_ignore_ascii_case(name))
    })
}

/// The name that a mechanism asks about, if it asks the DNS.
fn target_of(mechanism: &Mechanism) -> Option<&Macro> {
    match mechanism {
        Mechanism::A { macro_string, .. }
        | Mechanism::Mx { macro_string, .. }
        | Mechanism::Ptr { macro_string }
        | Mechanism::Exists { macro_string }
        | Mechanism::Include { macro_string } => Some(macro_string),
        Mechanism::All | Mechanism::Ip4 { .. } | Mechanism::Ip6 { .. } => None,
    }
}

fn has_local_part(target: &Macro) -> bool {
    match target {
        Macro::Variable { letter, .. } => {
            matches!(letter, Variable::Sender | Variable::SenderLocalPart)
        }
        Macro::List(parts) => parts.iter().any(has_local_part),
        Macro::Literal(_) | Macro::None => false,
    }
}

fn is_within(ip: IpAddr, network: IpAddr, mask4: u32, mask6: u128) -> bool {
    match (ip, network) {
        (IpAddr::V4(ip), IpAddr::V4(network)) => ip.to_bits() & mask4 == network.to_bits() & mask4,
        (IpAddr::V6(ip), IpAddr::V6(network)) => ip.to_bits() & mask6 == network.to_bits() & mask6,
        _ => false,
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    let start = name.len().checked_sub(domain.len()).and_then(|at| name.split_at_checked(at));
    start.is_some_and(|(start, end)| {
        end.eq_ignore_ascii_case(domain) && (start.is_empty() || start.ends_with('.'))
    })
}

/// Without as many labels on the left as make it too long.
fn shortened(name: &str) -> &str {
    let mut names = std::iter::successors(Some(name), |name| Some(name.split_once('.')?.1));
    names.find(|name| name.len() <= NAME_BYTES_MAX).unwrap_or_default()
}
