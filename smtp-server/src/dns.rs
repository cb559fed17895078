//! The one way to the DNS.
//!
//! * **In**: names and addresses. **Out**: records as typed values, or a [`DnsError`] that says whether asking again
//!   helps.
//! * **Promises**: names are complete, so no search list and no hosts file has a say; what is not a host name is
//!   not handed out as one. A test replaces the name server, not the resolver.
//! * **Limits**: each look-up has a time of its own; 8192 answers are kept, each as long as its TTL says; no answer
//!   gives more than [`RECORDS_MAX`] records. **Panics**: never.
//! * **Spec**: RFC 1035, 1123 2.1, 2181, 2308, 3596, 7505.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::rdata::MX;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;
use smtp_proto::Domain;

/// The most records that one look-up gives; the rest of a longer answer is left out.
pub const RECORDS_MAX: usize = 100;

/// How many answers are kept.
const CACHE_ENTRIES_MAX: u64 = 8192;

/// How long a look-up may take, unless [`Dns::with_timeout`] says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A resolver; clones share its cache.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), smtp_server::dns::DnsError> {
/// use std::time::Duration;
/// use smtp_server::dns::Dns;
///
/// let dns = Dns::with_name_servers(["127.0.0.1:53".parse().unwrap()])?;
/// let dns = dns.with_timeout(Duration::from_secs(3));
/// # let _ = dns;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Dns {
    resolver: TokioResolver,
    timeout: Duration,
}

/// Why a look-up gave no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnsError {
    /// The name does not exist (NXDOMAIN), or is none.
    #[error("no such name")]
    NoSuchName,
    /// The name exists and has no record of the kind.
    #[error("no records of this kind")]
    NoRecords,
    /// It is not known; asking again may help. The reason is for the log.
    #[error("temporary failure: {0}")]
    Temporary(String),
    /// The system's resolver configuration cannot be used.
    #[error("the resolver cannot be set up: {0}")]
    Configuration(String),
}

impl DnsError {
    /// Whether the answer is a definite "there is none".
    #[must_use]
    pub fn is_definite(&self) -> bool {
        matches!(self, Self::NoSuchName | Self::NoRecords)
    }
}

/// Where a domain's mail goes (RFC 5321 5.1).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchange {
    /// The lower, the earlier.
    pub preference: u16,
    /// The host, in lower case and without a final dot; empty for the root, which takes no mail (RFC 7505 3).
    pub host: String,
}

impl Dns {
    /// Asks the name servers of the system (`/etc/resolv.conf`).
    ///
    /// # Errors
    /// [`DnsError::Configuration`] if they cannot be found out.
    pub fn from_system() -> Result<Self, DnsError> {
        let (config, options) = read_system_conf().map_err(unusable)?;
        Self::new(config, options)
    }

    /// Asks these name servers, over UDP and, for long answers, TCP.
    ///
    /// # Errors
    /// [`DnsError::Configuration`] if there is none.
    pub fn with_name_servers(
        addresses: impl IntoIterator<Item = SocketAddr>,
    ) -> Result<Self, DnsError> {
        let servers = addresses.into_iter().map(name_server).collect::<Vec<_>>();
        if servers.is_empty() {
            return Err(DnsError::Configuration("there is no name server".to_owned()));
        }
        Self::new(ResolverConfig::from_name_servers(servers), ResolverOpts::default())
    }

    /// The same resolver, each of whose look-ups may take so long; 10 s if nothing is said.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// The IPv4 addresses of `name`.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn ipv4_addresses(&self, name: &str) -> Result<Vec<Ipv4Addr>, DnsError> {
        let address = |data: &RData| match data {
            RData::A(address) => Some(address.0),
            _ => None,
        };
        self.look_up(complete(name)?, RecordType::A, address).await
    }

    /// The IPv6 addresses of `name`.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn ipv6_addresses(&self, name: &str) -> Result<Vec<Ipv6Addr>, DnsError> {
        let address = |data: &RData| match data {
            RData::AAAA(address) => Some(address.0),
            _ => None,
        };
        self.look_up(complete(name)?, RecordType::AAAA, address).await
    }

    /// All addresses of `name`. If one kind is not known and the other is, that one is given.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, DnsError> {
        let (v4, v6) = tokio::join!(self.ipv4_addresses(name), self.ipv6_addresses(name));
        match (v4, v6) {
            (Ok(v4), v6) => {
                let v6 = v6.unwrap_or_default().into_iter().map(IpAddr::V6);
                Ok(v4.into_iter().map(IpAddr::V4).chain(v6).collect())
            }
            (Err(_), Ok(v6)) => Ok(v6.into_iter().map(IpAddr::V6).collect()),
            (Err(error), Err(other)) => Err(if error.is_definite() { other } else { error }),
        }
    }

    /// The names that the owner of `ip` says it has: a claim, until one of them has that address.
    ///
    /// Only host names are given: nothing else could be written into a log or a header field as it is.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn names(&self, ip: IpAddr) -> Result<Vec<Domain<'static>>, DnsError> {
        let name = |data: &RData| match data {
            RData::PTR(name) => host_name(&name.0),
            _ => None,
        };
        self.look_up(Name::from(ip.to_canonical()), RecordType::PTR, name).await
    }

    /// The texts of `name`, each with its parts joined; octets that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, DnsError> {
        let text = |data: &RData| match data {
            RData::TXT(text) => {
                let octets = text.txt_data.concat();
                Some(String::from_utf8_lossy(&octets).into_owned())
            }
            _ => None,
        };
        self.look_up(complete(name)?, RecordType::TXT, text).await
    }

    /// Where mail for `name` goes, the lowest preference first. A name that no host has is given with escapes, so that
    /// it leads nowhere but is not overlooked.
    ///
    /// # Errors
    /// [`DnsError`] if there is none, or it is not known.
    pub async fn mail_exchanges(&self, name: &str) -> Result<Vec<MailExchange>, DnsError> {
        let exchange = |data: &RData| match data {
            RData::MX(record) => mail_exchange(record),
            _ => None,
        };
        let mut exchanges = self.look_up(complete(name)?, RecordType::MX, exchange).await?;
        exchanges.sort();
        Ok(exchanges)
    }

    /// For a library that asks by itself.
    #[cfg(feature = "message-auth")]
    pub(crate) fn resolver(&self) -> TokioResolver {
        self.resolver.clone()
    }

    fn new(config: ResolverConfig, mut options: ResolverOpts) -> Result<Self, DnsError> {
        options.cache_size = CACHE_ENTRIES_MAX;
        options.use_hosts_file = ResolveHosts::Never;
        let provider = TokioRuntimeProvider::default();
        let builder = TokioResolver::builder_with_config(config, provider).with_options(options);
        Ok(Self { resolver: builder.build().map_err(unusable)?, timeout: TIMEOUT })
    }

    async fn look_up<T>(
        &self,
        name: Name,
        kind: RecordType,
        value: impl Fn(&RData) -> Option<T>,
    ) -> Result<Vec<T>, DnsError> {
        let answer = self.in_time(self.resolver.lookup(name, kind)).await?;
        let records = answer.answers().iter().filter_map(|record| value(&record.data));
        let values = records.take(RECORDS_MAX).collect::<Vec<_>>();
        if values.is_empty() { Err(DnsError::NoRecords) } else { Ok(values) }
    }

    async fn in_time<T>(
        &self,
        look_up: impl Future<Output = Result<T, NetError>>,
    ) -> Result<T, DnsError> {
        match tokio::time::timeout(self.timeout, look_up).await {
            Ok(answer) => answer.map_err(|error| unanswered(&error)),
            Err(_) => Err(DnsError::Temporary("no answer in time".to_owned())),
        }
    }
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = address.port();
        connection
    });
    // A name server that was chosen by hand is the one to believe.
    NameServerConfig::new(address.ip(), true, connections.into())
}

fn unusable(error: NetError) -> DnsError {
    DnsError::Configuration(error.to_string())
}

fn unanswered(error: &NetError) -> DnsError {
    if error.is_nx_domain() {
        DnsError::NoSuchName
    } else if error.is_no_records_found() {
        DnsError::NoRecords
    } else {
        DnsError::Temporary(error.to_string())
    }
}

/// The labels as they are: no escapes, no IDNA, no search list.
fn complete(name: &str) -> Result<Name, DnsError> {
    let labels = name.strip_suffix('.').unwrap_or(name).split('.').map(str::as_bytes);
    Name::from_labels(labels).map_err(|_| DnsError::NoSuchName)
}

/// A name that a host may have (RFC 1123 2.1): one that is spelled like an address is none.
fn host_name(name: &Name) -> Option<Domain<'static>> {
    let text = plain(name)?;
    let top = text.rsplit('.').next()?;
    if top.bytes().all(|octet| octet.is_ascii_digit()) {
        return None;
    }
    match Domain::parse(&text) {
        Ok(name @ Domain::Name(_)) => Some(name.into_owned()),
        _ => None,
    }
}

fn mail_exchange(record: &MX) -> Option<MailExchange> {
    let host = plain(&record.exchange).unwrap_or_else(|| record.exchange.to_ascii());
    Some(MailExchange { preference: record.preference, host })
}

/// The name in lower case and without its final dot, if nothing in it has to be escaped.
fn plain(name: &Name) -> Option<String> {
    let harmless = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    let labels = name.iter().map(|label| label.iter().all(harmless).then_some(label));
    let labels = labels.collect::<Option<Vec<_>>>()?;
    Some(String::from_utf8_lossy(&labels.join(&b'.')).to_ascii_lowercase())
}
