//! The names of `-o` that say how mail leaves the queue.
//!
//! * **In**: `name=value`. **Out**: [`OutboundParameters`]. **Promises**: as [`super`]. **Limits**: none.
//! * **Panics**: never. **Spec**: Postfix postconf(5).

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use smtp_queue::ManagerConfig;
use smtp_queue::dsn::BOUNCE_BYTES_MAX;
use smtp_queue::route::Destination;
use smtp_queue::transport::smtp::TlsLevel;

use super::{Parameter, put};
use crate::options::values::{self, Wrong};
use crate::outbound::DefaultTransport;
use crate::settings::names;

/// What was set, or its default.
#[derive(Clone, Debug)]
pub(crate) struct OutboundParameters {
    /// `None` for `queue` in the data directory.
    pub(crate) queue_directory: Option<PathBuf>,
    pub(crate) manager: ManagerConfig,
    pub(crate) bounce_size_limit: usize,
    pub(crate) relayhost: Vec<Destination>,
    pub(crate) default_transport: DefaultTransport,
    pub(crate) transport_maps: Option<PathBuf>,
    pub(crate) smtp_tls_security_level: TlsLevel,
    pub(crate) smtp_tls_wrappermode: bool,
    pub(crate) smtp_tls_policy_maps: Option<PathBuf>,
    pub(crate) smtp_tls_ca_file: Option<PathBuf>,
    pub(crate) smtp_sasl_password_maps: Option<PathBuf>,
    pub(crate) smtp_bind_addresses: Vec<IpAddr>,
}

pub(super) static TABLE: &[Parameter] = &[
    Parameter {
        name: "queue_directory",
        meaning: "where the queue lies (queue in the data directory)",
        set: |all, value| put(&mut all.outbound.queue_directory, values::path(value)),
    },
    Parameter {
        name: "relayhost",
        meaning: "where mail for other domains goes, such as [mail.example.org]:587; several: the first that can be \
                  reached (none: the domain's mail exchangers)",
        set: |all, value| {
            let hosts =
                names::list(value).map(|host| host.parse().map_err(|wrong| format!("{wrong}")));
            put(&mut all.outbound.relayhost, hosts.collect())
        },
    },
    Parameter {
        name: "default_transport",
        meaning: "how mail for other domains leaves: smtp:, lmtp:HOST, discard: or error:TEXT (smtp:)",
        set: |all, value| put(&mut all.outbound.default_transport, DefaultTransport::parse(value)),
    },
    Parameter {
        name: "transport_maps",
        meaning: "texthash:FILE, a domain (or .domain, or *) and TRANSPORT:DESTINATION on each line (none)",
        set: |all, value| put(&mut all.outbound.transport_maps, values::text_table(value)),
    },
    Parameter {
        name: "smtp_tls_security_level",
        meaning: "none, may, encrypt, verify or secure (may)",
        set: |all, value| {
            let level = value.parse().map_err(|wrong| format!("{wrong}"));
            put(&mut all.outbound.smtp_tls_security_level, level)
        },
    },
    Parameter {
        name: "smtp_tls_wrappermode",
        meaning: "yes: TLS before anything is said, for a relayhost on the port 465 (no)",
        set: |all, value| put(&mut all.outbound.smtp_tls_wrappermode, values::yes_or_no(value)),
    },
    Parameter {
        name: "smtp_tls_policy_maps",
        meaning: "texthash:FILE, a destination and its level on each line (none)",
        set: |all, value| put(&mut all.outbound.smtp_tls_policy_maps, values::text_table(value)),
    },
    Parameter {
        name: "smtp_tls_CAfile",
        meaning: "authorities in PEM that next hops' certificates come from (the system's)",
        set: |all, value| put(&mut all.outbound.smtp_tls_ca_file, values::path(value)),
    },
    Parameter {
        name: "smtp_sasl_password_maps",
        meaning: "texthash:FILE, a destination and USER:PASSWORD on each line; a password is told only at the levels verify and \
                  secure (none)",
        set: |all, value| put(&mut all.outbound.smtp_sasl_password_maps, values::text_table(value)),
    },
    Parameter {
        name: "smtp_bind_address",
        meaning: "our own address towards next hops, of either family; several: one of each (the system's choice)",
        set: |all, value| {
            let parse =
                |word: &str| word.parse().map_err(|_| format!("'{word}' is not an IP address"));
            let addresses = names::list(value).map(parse).collect::<Result<_, Wrong>>();
            put(&mut all.outbound.smtp_bind_addresses, addresses)
        },
    },
    Parameter {
        name: "minimal_backoff_time",
        meaning: "the wait after a first failure (300s)",
        set: |all, value| {
            put(&mut all.outbound.manager.retry.minimal_backoff_time, seconds(value, 1))
        },
    },
    Parameter {
        name: "maximal_backoff_time",
        meaning: "the longest wait between two attempts (4000s)",
        set: |all, value| {
            put(&mut all.outbound.manager.retry.maximal_backoff_time, seconds(value, 1))
        },
    },
    Parameter {
        name: "maximal_queue_lifetime",
        meaning: "a message goes back after this time (5d)",
        set: |all, value| {
            put(&mut all.outbound.manager.retry.maximal_queue_lifetime, seconds(value, DAY))
        },
    },
    Parameter {
        name: "bounce_queue_lifetime",
        meaning: "the same for reports (5d)",
        set: |all, value| {
            put(&mut all.outbound.manager.retry.bounce_queue_lifetime, seconds(value, DAY))
        },
    },
    Parameter {
        name: "delay_warning_time",
        meaning: "a sender is told of a delay after this time; 0 is never (0h)",
        set: |all, value| {
            put(&mut all.outbound.manager.retry.delay_warning_time, seconds(value, HOUR))
        },
    },
    Parameter {
        name: "bounce_size_limit",
        meaning: "a larger message comes back as its header alone, in octets (50000)",
        set: |all, value| {
            let limit = values::limit(value).map(|limit| limit.unwrap_or(usize::MAX));
            put(&mut all.outbound.bounce_size_limit, limit)
        },
    },
    Parameter {
        name: "default_process_limit",
        meaning: "deliveries at once (100)",
        set: |all, value| put(&mut all.outbound.manager.default_process_limit, count(value)),
    },
    Parameter {
        name: "initial_destination_concurrency",
        meaning: "deliveries at once to a site that was not tried yet (5)",
        set: |all, value| {
            put(&mut all.outbound.manager.initial_destination_concurrency, count(value))
        },
    },
    Parameter {
        name: "default_destination_concurrency_limit",
        meaning: "deliveries at once to a site (20)",
        set: |all, value| {
            put(&mut all.outbound.manager.default_destination_concurrency_limit, count(value))
        },
    },
    Parameter {
        name: "default_destination_recipient_limit",
        meaning: "recipients of one delivery (50)",
        set: |all, value| {
            put(&mut all.outbound.manager.default_destination_recipient_limit, count(value))
        },
    },
];

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

impl Default for OutboundParameters {
    fn default() -> Self {
        Self {
            queue_directory: None,
            manager: ManagerConfig::default(),
            bounce_size_limit: BOUNCE_BYTES_MAX,
            relayhost: Vec::new(),
            default_transport: DefaultTransport::Smtp,
            transport_maps: None,
            smtp_tls_security_level: TlsLevel::May,
            smtp_tls_wrappermode: false,
            smtp_tls_policy_maps: None,
            smtp_tls_ca_file: None,
            smtp_sasl_password_maps: None,
            smtp_bind_addresses: Vec::new(),
        }
    }
}

/// A time in Postfix's form: digits, and s, m, h, d or w, in the parameter's own unit without one.
fn seconds(value: &str, unit_secs: u64) -> Result<Duration, Wrong> {
    let wrong = || format!("'{value}' is not a time: write 300s, 20m, 4h, 5d or 1w");
    let digits = value.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match value.get(digits.len()..).unwrap_or_default() {
        "" => unit_secs,
        "s" => 1,
        "m" => 60,
        "h" => HOUR,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return Err(wrong()),
    };
    let number = digits.bytes().all(|octet| octet.is_ascii_digit()).then(|| digits.parse::<u64>());
    let number = number.and_then(Result::ok).ok_or_else(wrong)?;
    number.checked_mul(unit).map(Duration::from_secs).ok_or_else(wrong)
}

/// At least one.
fn count(value: &str) -> Result<u32, Wrong> {
    let number = values::limit(value)?;
    number.ok_or_else(|| "0 would deliver nothing: write at least 1".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit_or_the_parameters_own() {
        for (value, unit, expected) in [
            ("300", 1, Some(300)),
            ("300s", DAY, Some(300)),
            ("5", DAY, Some(5 * DAY)),
            ("20m", 1, Some(1200)),
            ("4h", 1, Some(4 * HOUR)),
            ("1w", 1, Some(7 * DAY)),
            ("0", HOUR, Some(0)),
            ("", 1, None),
            ("d", 1, None),
            ("5x", 1, None),
            ("-5s", 1, None),
            ("1.5h", 1, None),
            ("99999999999999999999", 1, None),
            ("999999999999999999w", 1, None),
        ] {
            let found = seconds(value, unit).ok();
            assert_eq!(found, expected.map(Duration::from_secs), "{value}");
        }
    }
}
