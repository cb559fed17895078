//! The names of `-o`: one table of what each means.
//!
//! * **In**: `name=value`. **Out**: [`Parameters`] with typed values.
//! * **Promises**: whatever is not in [`table`] is an error; no value is ignored; the last of several wins, as
//!   with Postfix. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix postconf(5), where a name there means the same here.

pub(crate) mod outbound;

use std::path::PathBuf;

use smtp_server::{BareNewline, Limits};

use outbound::OutboundParameters;

use super::values::{self, Wrong};
use crate::delivery::LocalTransport;
use crate::failure::Failure;
use crate::message_checks::MessageAuthentication;
use crate::recipients::RecipientMaps;
use crate::settings::names;
use crate::signing::KeyFile;

/// What was set with `-o`, or its default.
#[derive(Clone, Debug)]
pub(crate) struct Parameters {
    /// Lower-case A-labels; `None` for what the system says.
    pub(crate) myhostname: Option<String>,
    /// With `$myhostname` and `$mydomain` not yet replaced.
    pub(crate) mydestination: String,
    /// Networks in CIDR form, not yet read.
    pub(crate) mynetworks: String,
    /// Domains, not yet read.
    pub(crate) relay_domains: String,
    /// Words, not yet read.
    pub(crate) smtpd_relay_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_client_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_helo_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_sender_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_recipient_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_data_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_end_of_data_restrictions: String,
    /// Words, not yet read.
    pub(crate) smtpd_etrn_restrictions: String,
    pub(crate) smtpd_client_connection_rate_limit: Option<u32>,
    pub(crate) smtpd_client_message_rate_limit: Option<u32>,
    pub(crate) smtpd_client_recipient_rate_limit: Option<u32>,
    pub(crate) smtpd_client_auth_rate_limit: Option<u32>,
    /// Networks in CIDR form, not yet read; `None` for those of `mynetworks`.
    pub(crate) smtpd_client_event_limit_exceptions: Option<String>,
    pub(crate) smtpd_delay_reject: bool,
    pub(crate) smtpd_sender_login_maps: Option<PathBuf>,
    pub(crate) smtpd_sasl_type_is_dovecot: bool,
    pub(crate) smtpd_sasl_path: Option<PathBuf>,
    pub(crate) dkim_keys: Vec<KeyFile>,
    pub(crate) message_authentication: MessageAuthentication,
    /// Networks in CIDR form, not yet read.
    pub(crate) smtpd_authorized_xclient_hosts: String,
    /// The same.
    pub(crate) smtpd_authorized_xforward_hosts: String,
    pub(crate) message_size_limit: Option<u64>,
    pub(crate) smtpd_recipient_limit: Option<usize>,
    pub(crate) smtpd_client_connection_count_limit: Option<usize>,
    pub(crate) smtpd_tls_cert_file: Option<PathBuf>,
    pub(crate) smtpd_tls_key_file: Option<PathBuf>,
    pub(crate) smtpd_tls_ca_file: Option<PathBuf>,
    pub(crate) smtpd_tls_ask_ccert: bool,
    pub(crate) smtpd_tls_req_ccert: bool,
    pub(crate) relay_clientcerts: Option<PathBuf>,
    pub(crate) smtpd_tls_auth_only: bool,
    pub(crate) smtpd_forbid_bare_newline: BareNewline,
    pub(crate) strict_rfc821_envelopes: bool,
    /// `None` for `Maildir` in the data directory.
    pub(crate) mail_spool_directory: Option<PathBuf>,
    pub(crate) local_recipient_maps: RecipientMaps,
    pub(crate) local_transport: LocalTransport,
    pub(crate) outbound: OutboundParameters,
}

/// One name.
pub(crate) struct Parameter {
    pub(crate) name: &'static str,
    /// What it means and its default, for `--help`.
    pub(crate) meaning: &'static str,
    set: fn(&mut Parameters, &str) -> Result<(), Wrong>,
}

/// Every name that `-o` takes.
pub(crate) fn table() -> impl Iterator<Item = &'static Parameter> {
    TABLE.iter().chain(outbound::TABLE)
}

/// How mail comes in.
static TABLE: &[Parameter] = &[
    Parameter {
        name: "myhostname",
        meaning: "our name in greetings and trace fields (the system's)",
        set: |all, value| put(&mut all.myhostname, values::host_name(value).map(Some)),
    },
    Parameter {
        name: "mydestination",
        meaning: "the local domains ($myhostname, localhost.$mydomain, localhost)",
        set: |all, value| put(&mut all.mydestination, Ok(value.to_owned())),
    },
    Parameter {
        name: "mynetworks",
        meaning: "trusted networks such as 192.0.2.0/24, behind those that are excluded (!192.0.2.1) (none)",
        set: |all, value| put(&mut all.mynetworks, Ok(value.to_owned())),
    },
    Parameter {
        name: "relay_domains",
        meaning: "domains that mail is passed on to for everybody (none)",
        set: |all, value| put(&mut all.relay_domains, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_relay_restrictions",
        meaning: "who may relay (permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination)",
        set: |all, value| put(&mut all.smtpd_relay_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_client_restrictions",
        meaning: "what there may be against clients (nothing)",
        set: |all, value| put(&mut all.smtpd_client_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_helo_restrictions",
        meaning: "what there may be against names in EHLO (nothing)",
        set: |all, value| put(&mut all.smtpd_helo_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_sender_restrictions",
        meaning: "what there may be against senders (nothing)",
        set: |all, value| put(&mut all.smtpd_sender_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_recipient_restrictions",
        meaning: "what there may be against recipients, after the relay restrictions (nothing)",
        set: |all, value| put(&mut all.smtpd_recipient_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_data_restrictions",
        meaning: "what there may be against messages before their content (nothing)",
        set: |all, value| put(&mut all.smtpd_data_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_end_of_data_restrictions",
        meaning: "what there may be against messages behind their content (nothing)",
        set: |all, value| put(&mut all.smtpd_end_of_data_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_etrn_restrictions",
        meaning: "what there may be against ETRN (nothing)",
        set: |all, value| put(&mut all.smtpd_etrn_restrictions, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_client_connection_rate_limit",
        meaning: "connections of one client in a minute (0)",
        set: |all, value| put(&mut all.smtpd_client_connection_rate_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_client_message_rate_limit",
        meaning: "messages of one client, or of one login, in a minute (0)",
        set: |all, value| put(&mut all.smtpd_client_message_rate_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_client_recipient_rate_limit",
        meaning: "recipients of one client, or of one login, in a minute (0)",
        set: |all, value| put(&mut all.smtpd_client_recipient_rate_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_client_auth_rate_limit",
        meaning: "failed logins of one client in a minute; Postfix counts the others, too (0)",
        set: |all, value| put(&mut all.smtpd_client_auth_rate_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_client_event_limit_exceptions",
        meaning: "networks whose clients these four do not count ($mynetworks)",
        set: |all, value| {
            put(&mut all.smtpd_client_event_limit_exceptions, Ok(Some(value.to_owned())))
        },
    },
    Parameter {
        name: "smtpd_delay_reject",
        meaning: "yes: client, EHLO and sender are judged at RCPT; no: each at once (yes)",
        set: |all, value| put(&mut all.smtpd_delay_reject, values::yes_or_no(value)),
    },
    Parameter {
        name: "smtpd_helo_required",
        meaning: "yes, as there is no mail without EHLO or HELO here (yes)",
        set: |_, value| values::only_yes(value),
    },
    Parameter {
        name: "smtpd_sender_login_maps",
        meaning: "texthash:FILE, an address (or @domain) and the logins that may send as it on each line (none)",
        set: |all, value| put(&mut all.smtpd_sender_login_maps, values::text_table(value)),
    },
    Parameter {
        name: "smtpd_sasl_type",
        meaning: "dovecot: logins are checked by Dovecot in place of --passwd (none)",
        set: |all, value| put(&mut all.smtpd_sasl_type_is_dovecot, values::sasl_type(value)),
    },
    Parameter {
        name: "smtpd_sasl_path",
        meaning: "the socket of Dovecot's auth service (none)",
        set: |all, value| put(&mut all.smtpd_sasl_path, values::path(value)),
    },
    Parameter {
        name: "dkim_keys",
        meaning: "DOMAIN:SELECTOR:FILE of private keys in PEM that sign what users send; not of Postfix (none)",
        set: |all, value| {
            let keys = names::list(value).map(KeyFile::parse).collect::<Result<_, _>>();
            put(&mut all.dkim_keys, keys)
        },
    },
    Parameter {
        name: "message_authentication",
        meaning: "SPF, DKIM, DMARC and ARC of what other hosts send: none; add: checked, told in \
                  Authentication-Results and sealed with the first of dkim_keys; reject: also refused if DMARC asks \
                  for it; not of Postfix (none)",
        set: |all, value| put(&mut all.message_authentication, MessageAuthentication::parse(value)),
    },
    Parameter {
        name: "smtpd_authorized_xclient_hosts",
        meaning: "networks of proxies, which may claim any client and any login (none)",
        set: |all, value| put(&mut all.smtpd_authorized_xclient_hosts, Ok(value.to_owned())),
    },
    Parameter {
        name: "smtpd_authorized_xforward_hosts",
        meaning: "networks of filters, which may tell the log where a message came from (none)",
        set: |all, value| put(&mut all.smtpd_authorized_xforward_hosts, Ok(value.to_owned())),
    },
    Parameter {
        name: "message_size_limit",
        meaning: "octets of a message (10240000)",
        set: |all, value| put(&mut all.message_size_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_recipient_limit",
        meaning: "recipients of a message (1000)",
        set: |all, value| put(&mut all.smtpd_recipient_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_client_connection_count_limit",
        meaning: "connections of one client (50)",
        set: |all, value| put(&mut all.smtpd_client_connection_count_limit, values::limit(value)),
    },
    Parameter {
        name: "smtpd_tls_cert_file",
        meaning: "certificate chain in PEM (a self-signed one, kept in the data directory)",
        set: |all, value| put(&mut all.smtpd_tls_cert_file, values::path(value)),
    },
    Parameter {
        name: "smtpd_tls_key_file",
        meaning: "its private key in PEM",
        set: |all, value| put(&mut all.smtpd_tls_key_file, values::path(value)),
    },
    Parameter {
        name: "smtpd_tls_CAfile",
        meaning: "authorities in PEM that vouch for certificates of clients (none)",
        set: |all, value| put(&mut all.smtpd_tls_ca_file, values::path(value)),
    },
    Parameter {
        name: "smtpd_tls_ask_ccert",
        meaning: "yes: clients are asked for a certificate; one that nobody vouches for ends TLS (no)",
        set: |all, value| put(&mut all.smtpd_tls_ask_ccert, values::yes_or_no(value)),
    },
    Parameter {
        name: "smtpd_tls_req_ccert",
        meaning: "yes: clients without a certificate get no TLS, on any service (no)",
        set: |all, value| put(&mut all.smtpd_tls_req_ccert, values::yes_or_no(value)),
    },
    Parameter {
        name: "relay_clientcerts",
        meaning: "texthash:FILE, the SHA-256 fingerprint of a certificate first on each line: whom \
                  permit_tls_clientcerts means (none)",
        set: |all, value| put(&mut all.relay_clientcerts, values::text_table(value)),
    },
    Parameter {
        name: "smtpd_tls_auth_only",
        meaning: "yes: passwords only under TLS; no: also in clear (yes)",
        set: |all, value| put(&mut all.smtpd_tls_auth_only, values::yes_or_no(value)),
    },
    Parameter {
        name: "smtpd_forbid_bare_newline",
        meaning: "reject, or normalize (= yes): what a line feed without carriage return gets (reject)",
        set: |all, value| put(&mut all.smtpd_forbid_bare_newline, values::bare_newline(value)),
    },
    Parameter {
        name: "strict_rfc821_envelopes",
        meaning: "no: one space before the address in MAIL and RCPT is forgiven; yes: it is not (no)",
        set: |all, value| put(&mut all.strict_rfc821_envelopes, values::yes_or_no(value)),
    },
    Parameter {
        name: "mail_spool_directory",
        meaning: "where the Maildirs lie, as DOMAIN/LOCAL-PART/ (Maildir in the data directory)",
        set: |all, value| put(&mut all.mail_spool_directory, values::path(value)),
    },
    Parameter {
        name: "local_recipient_maps",
        meaning: "a file, a local-part or address first on each line; static:all is everyone (everyone)",
        set: |all, value| put(&mut all.local_recipient_maps, values::recipient_maps(value)),
    },
    Parameter {
        name: "local_transport",
        meaning: "local:, discard: or error:TEXT (local:, which are the Maildirs)",
        set: |all, value| put(&mut all.local_transport, values::local_transport(value)),
    },
];

fn put<T>(place: &mut T, value: Result<T, Wrong>) -> Result<(), Wrong> {
    *place = value?;
    Ok(())
}

impl Default for Parameters {
    fn default() -> Self {
        let limits = Limits::default();
        Self {
            myhostname: None,
            mydestination: "$myhostname, localhost.$mydomain, localhost".to_owned(),
            mynetworks: String::new(),
            relay_domains: String::new(),
            smtpd_relay_restrictions:
                "permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination".to_owned(),
            smtpd_client_restrictions: String::new(),
            smtpd_helo_restrictions: String::new(),
            smtpd_sender_restrictions: String::new(),
            smtpd_recipient_restrictions: String::new(),
            smtpd_data_restrictions: String::new(),
            smtpd_end_of_data_restrictions: String::new(),
            smtpd_etrn_restrictions: String::new(),
            smtpd_client_connection_rate_limit: None,
            smtpd_client_message_rate_limit: None,
            smtpd_client_recipient_rate_limit: None,
            smtpd_client_auth_rate_limit: None,
            smtpd_client_event_limit_exceptions: None,
            smtpd_delay_reject: true,
            smtpd_sender_login_maps: None,
            smtpd_sasl_type_is_dovecot: false,
            smtpd_sasl_path: None,
            dkim_keys: Vec::new(),
            message_authentication: MessageAuthentication::None,
            smtpd_authorized_xclient_hosts: String::new(),
            smtpd_authorized_xforward_hosts: String::new(),
            message_size_limit: limits.message_bytes_max,
            smtpd_recipient_limit: limits.recipients_max,
            smtpd_client_connection_count_limit: limits.connections_per_client_max,
            smtpd_tls_cert_file: None,
            smtpd_tls_key_file: None,
            smtpd_tls_ca_file: None,
            smtpd_tls_ask_ccert: false,
            smtpd_tls_req_ccert: false,
            relay_clientcerts: None,
            smtpd_tls_auth_only: true,
            smtpd_forbid_bare_newline: BareNewline::default(),
            strict_rfc821_envelopes: false,
            mail_spool_directory: None,
            local_recipient_maps: RecipientMaps::Everyone,
            local_transport: LocalTransport::Maildirs,
            outbound: OutboundParameters::default(),
        }
    }
}

impl Parameters {
    /// Takes one `name=value`.
    pub(crate) fn set(&mut self, assignment: &str) -> Result<(), Failure> {
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(Failure::usage(format!("-o {assignment}: write it as -o name=value")));
        };
        let (name, value) = (name.trim(), value.trim());
        let Some(parameter) = table().find(|parameter| parameter.name == name) else {
            return Err(Failure::usage(unknown(name)));
        };
        (parameter.set)(self, value).map_err(|wrong| Failure::usage(format!("-o {name}: {wrong}")))
    }
}

/// What to say about a name that is none: the one that was probably meant, or all of them.
fn unknown(name: &str) -> String {
    /// As many letters may be wrong in a name that is still recognised.
    const DISTANCE_MAX: usize = 4;
    let nearest = table()
        .map(|parameter| (distance(name, parameter.name), parameter.name))
        .min()
        .filter(|(distance, _)| *distance <= DISTANCE_MAX);
    match nearest {
        Some((_, nearest)) => format!("-o {name}: there is no such name; is it {nearest}?"),
        None => {
            let names: Vec<_> = table().map(|parameter| parameter.name).collect();
            format!("-o {name}: there is no such name; there are {}", names.join(", "))
        }
    }
}

/// Levenshtein's distance: how many characters to insert, remove or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (removed, letter) in from.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], removed + 1);
        for (index, wanted) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *wanted);
            diagonal = row[index + 1];
            row[index + 1] = replaced.min(row[index] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(assignment: &str) -> Result<Parameters, String> {
        let mut parameters = Parameters::default();
        match parameters.set(assignment) {
            Ok(()) => Ok(parameters),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn names_are_distinct() {
        let names: std::collections::HashSet<_> = table().map(|row| row.name).collect();
        assert_eq!(names.len(), table().count());
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(set("message_size_limit=0").unwrap().message_size_limit, None);
        assert_eq!(set("message_size_limit=7").unwrap().message_size_limit, Some(7));
        assert_eq!(set("smtpd_recipient_limit=0").unwrap().smtpd_recipient_limit, None);
        let none = set("smtpd_client_connection_count_limit=0").unwrap();
        assert_eq!(none.smtpd_client_connection_count_limit, None);
    }

    #[test]
    fn values_are_typed() {
        assert_eq!(set("myhostname=MX.Example.ORG").unwrap().myhostname.unwrap(), "mx.example.org");
        assert_eq!(
            set("myhostname=bücher.example").unwrap().myhostname.unwrap(),
            "xn--bcher-kva.example"
        );
        assert!(!set("smtpd_tls_auth_only=no").unwrap().smtpd_tls_auth_only);
        let bare_newline = |value: &str| {
            set(&format!("smtpd_forbid_bare_newline={value}")).unwrap().smtpd_forbid_bare_newline
        };
        assert_eq!(bare_newline("reject"), BareNewline::Reject);
        assert_eq!(bare_newline("yes"), BareNewline::Normalize);
        assert_eq!(bare_newline("normalize"), BareNewline::Normalize);
        assert_eq!(set("mail_spool_directory=").unwrap().mail_spool_directory, None);
        assert_eq!(
            set("mail_spool_directory=/srv").unwrap().mail_spool_directory.unwrap(),
            PathBuf::from("/srv")
        );
        let maps = |value: &str| {
            set(&format!("local_recipient_maps={value}")).unwrap().local_recipient_maps
        };
        for everyone in ["", "static:all"] {
            assert_eq!(maps(everyone), RecipientMaps::Everyone, "{everyone}");
        }
        for file in ["/etc/users", "hash:/etc/users", "texthash:/etc/users"] {
            assert_eq!(maps(file), RecipientMaps::File("/etc/users".into()), "{file}");
        }
        assert_eq!(maps("./a:b"), RecipientMaps::File("./a:b".into()));
    }

    #[test]
    fn transports_are_typed() {
        let transport =
            |value: &str| set(&format!("local_transport={value}")).unwrap().local_transport;
        assert_eq!(transport("local:"), LocalTransport::Maildirs);
        assert_eq!(transport("discard:"), LocalTransport::Discard);
        let LocalTransport::Error(plain) = transport("error:no mail here") else { panic!("error") };
        assert_eq!(plain.reply().to_string(), "550 5.1.1 no mail here");
        let LocalTransport::Error(coded) = transport("error:5.7.1 not for you") else {
            panic!("error")
        };
        assert_eq!(coded.reply().to_string(), "550 5.7.1 not for you");
    }

    #[test]
    fn bad_values_say_what_is_right() {
        for (assignment, part) in [
            ("message_size_limit", "name=value"),
            ("message_size_limit=10M", "not a number"),
            ("message_size_limit=-1", "not a number"),
            ("message_size_limit=", "not a number"),
            ("message_size_limit=99999999999999999999", "not a number"),
            ("smtpd_tls_auth_only=maybe", "neither yes nor no"),
            ("smtpd_forbid_bare_newline=no", "smuggle"),
            ("smtpd_forbid_bare_newline=note", "smuggle"),
            ("smtpd_forbid_bare_newline=", "none of"),
            ("smtpd_helo_required=no", "always"),
            ("smtpd_sender_login_maps=/etc/x", "texthash:FILE"),
            ("smtpd_sender_login_maps=hash:/etc/x", "texthash:FILE"),
            ("smtpd_sasl_type=cyrus", "dovecot"),
            ("message_authentication=yes", "none of none, add, reject"),
            ("relay_clientcerts=/etc/x", "texthash:FILE"),
            ("dkim_keys=example.org", "DOMAIN:SELECTOR:FILE"),
            ("smtpd_client_message_rate_limit=x", "not a number"),
            ("myhostname=", "host name"),
            ("myhostname=[127.0.0.1]", "host name"),
            ("myhostname=a b", "host name"),
            ("local_recipient_maps=ldap:/etc/x", "no table"),
            ("local_recipient_maps=static:some", "no table"),
            ("local_transport=smtp:", "no transport"),
            ("local_transport=error:", "text"),
            ("local_transport=error:5.7.1", "text"),
            ("local_transport=error:4.2.0 later", "begins with 5"),
            ("local_transport=error:a\r\nb", "text"),
        ] {
            let message = set(assignment).expect_err(assignment);
            assert!(message.contains(part) && message.ends_with("(64)"), "{assignment}: {message}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest_or_all() {
        let nearest = set("mydestinations=x").expect_err("unknown");
        assert!(nearest.contains("is it mydestination?"), "{nearest}");
        let all = set("alias_database=x").expect_err("unknown");
        assert!(table().all(|row| all.contains(row.name)), "{all}");
    }

    #[test]
    fn distances() {
        for (from, to, expected) in
            [("", "", 0), ("", "ab", 2), ("ab", "", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(from, to), expected, "{from} {to}");
        }
    }
}
