//! From the text of a list to its restrictions.
//!
//! * **In**: words. **Out**: restrictions. **Promises**: nothing unknown is ignored; an error says which words there are, or
//!   where the word belongs. **Limits**: none. **Panics**: never. **Spec**: Postfix postconf(5).

use std::borrow::Cow;
use std::sync::Arc;

use smtp_proto::ReplyCode;

use super::check::{Check, LoginRule};
use super::dns::{DnsCheck, DnsQuestion};
use super::{Restriction, RestrictionParameters};
use crate::access::dns_list::DnsList;
use crate::access::{AccessTable, PolicyService};
use crate::dns::Dns;
use crate::error::ConfigError;
use crate::hooks::StageKind;
use crate::words::words;

const WARN_IF_REJECT: &str = "warn_if_reject";

/// How a word without an argument becomes a check.
type Simple = fn(&Reader<'_>) -> Result<Check, Fault>;

/// The same for a word with one.
type WithArgument = fn(&mut Reader<'_>, &str) -> Result<Check, Fault>;

#[derive(Clone, Copy)]
enum Make {
    Simple(Simple),
    With(&'static str, WithArgument),
}

enum Fault {
    Word(Cow<'static, str>),
    Table(String),
}

/// A word, what of a session it speaks of, and what it becomes.
struct Word(&'static str, Option<StageKind>, Make);

use Make::{Simple as Plain, With};
use StageKind::{Client, Data, Etrn, Hello, Recipient, Sender};

const TABLE: &str = "a table, as TYPE:FILE";
const LIST: &str = "a DNS list, as zone.example or zone.example=127.0.0.[2;4..11]";
const SERVICE: &str = "a policy service, as inet:HOST:PORT or unix:PATH";

/// Every word but `warn_if_reject`.
static WORDS: [Word; 44] = [
    Word("permit", None, Plain(|_| Ok(Check::Permit))),
    Word("reject", None, Plain(|_| Ok(Check::Reject))),
    Word("defer", None, Plain(|_| Ok(Check::Defer))),
    Word("defer_if_permit", None, Plain(|_| Ok(Check::DeferIfPermit))),
    Word("defer_if_reject", None, Plain(|_| Ok(Check::DeferIfReject))),
    Word("permit_mynetworks", None, Plain(|_| Ok(Check::PermitNetworks))),
    Word("permit_sasl_authenticated", None, Plain(|_| Ok(Check::PermitAuthenticated))),
    Word("permit_tls_clientcerts", None, Plain(|_| Ok(Check::PermitCertificates { all: false }))),
    Word(
        "permit_tls_all_clientcerts",
        None,
        Plain(|_| Ok(Check::PermitCertificates { all: true })),
    ),
    Word("permit_auth_destination", Some(Recipient), Plain(|_| Ok(Check::PermitDestination))),
    Word(
        "reject_unauth_destination",
        Some(Recipient),
        Plain(|_| Ok(Check::RefuseForeignDestination { code: ReplyCode::TRANSACTION_FAILED })),
    ),
    Word(
        "defer_unauth_destination",
        Some(Recipient),
        Plain(|_| Ok(Check::RefuseForeignDestination { code: ReplyCode::TEMPORARY_FAILURE })),
    ),
    Word("check_client_access", None, With(TABLE, |reader, name| reader.table(Client, name))),
    Word("check_helo_access", Some(Hello), With(TABLE, |reader, name| reader.table(Hello, name))),
    Word(
        "check_sender_access",
        Some(Sender),
        With(TABLE, |reader, name| reader.table(Sender, name)),
    ),
    Word(
        "check_recipient_access",
        Some(Recipient),
        With(TABLE, |reader, name| reader.table(Recipient, name)),
    ),
    Word("check_etrn_access", Some(Etrn), With(TABLE, |reader, name| reader.table(Etrn, name))),
    Word("check_policy_service", None, With(SERVICE, |reader, name| reader.service(name))),
    Word(
        "permit_dnswl_client",
        None,
        With(LIST, |reader, name| Ok(Check::PermitListed(reader.dns()?, list(name)?))),
    ),
    Word(
        "reject_rbl_client",
        None,
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedClient(list(name)?))),
    ),
    Word(
        "reject_rhsbl_client",
        None,
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedDomain(Client, list(name)?))),
    ),
    Word(
        "reject_rhsbl_reverse_client",
        None,
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedReverseClient(list(name)?))),
    ),
    Word(
        "reject_rhsbl_helo",
        Some(Hello),
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedDomain(Hello, list(name)?))),
    ),
    Word(
        "reject_rhsbl_sender",
        Some(Sender),
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedDomain(Sender, list(name)?))),
    ),
    Word(
        "reject_rhsbl_recipient",
        Some(Recipient),
        With(LIST, |reader, name| reader.ask(DnsQuestion::ListedDomain(Recipient, list(name)?))),
    ),
    Word(
        "reject_unknown_client_hostname",
        None,
        Plain(|reader| reader.ask(DnsQuestion::UnknownClient)),
    ),
    Word(
        "reject_unknown_reverse_client_hostname",
        None,
        Plain(|reader| reader.ask(DnsQuestion::UnknownReverseClient)),
    ),
    Word("reject_invalid_helo_hostname", Some(Hello), Plain(|_| Ok(Check::InvalidHelo))),
    Word("reject_non_fqdn_helo_hostname", Some(Hello), Plain(|_| Ok(Check::UnqualifiedHelo))),
    Word(
        "reject_unknown_helo_hostname",
        Some(Hello),
        Plain(|reader| reader.ask(DnsQuestion::UnknownHelo)),
    ),
    Word("reject_non_fqdn_sender", Some(Sender), Plain(|_| Ok(Check::UnqualifiedAddress(Sender)))),
    Word(
        "reject_non_fqdn_recipient",
        Some(Recipient),
        Plain(|_| Ok(Check::UnqualifiedAddress(Recipient))),
    ),
    Word(
        "reject_unknown_sender_domain",
        Some(Sender),
        Plain(|reader| reader.ask(DnsQuestion::UnknownDomain(Sender))),
    ),
    Word(
        "reject_unknown_recipient_domain",
        Some(Recipient),
        Plain(|reader| reader.ask(DnsQuestion::UnknownDomain(Recipient))),
    ),
    Word(
        "reject_sender_login_mismatch",
        Some(Sender),
        Plain(|reader| {
            reader.login(LoginRule { logged_in: true, anonymous: true, known_only: false })
        }),
    ),
    Word(
        "reject_authenticated_sender_login_mismatch",
        Some(Sender),
        Plain(|reader| {
            reader.login(LoginRule { logged_in: true, anonymous: false, known_only: false })
        }),
    ),
    Word(
        "reject_known_sender_login_mismatch",
        Some(Sender),
        Plain(|reader| {
            reader.login(LoginRule { logged_in: true, anonymous: false, known_only: true })
        }),
    ),
    Word(
        "reject_unauthenticated_sender_login_mismatch",
        Some(Sender),
        Plain(|reader| {
            reader.login(LoginRule { logged_in: false, anonymous: true, known_only: false })
        }),
    ),
    Word("reject_multi_recipient_bounce", Some(Data), Plain(|_| Ok(Check::MultiRecipientBounce))),
    Word("reject_plaintext_session", None, Plain(|_| Ok(Check::PlaintextSession))),
    // The delivery is asked after the lists, whatever they say.
    Word("reject_unlisted_recipient", Some(Recipient), Plain(|_| Ok(Check::AlwaysRefused))),
    // The session refuses it, unless the embedder tells it not to.
    Word("reject_unauth_pipelining", None, Plain(|_| Ok(Check::AlwaysRefused))),
    Word(
        "reject_unlisted_sender",
        None,
        Plain(|_| {
            Err(Fault::Word("which senders of ours exist is not known here: leave it out".into()))
        }),
    ),
    Word(
        "sleep",
        None,
        Plain(|_| Err(Fault::Word("nobody is made to wait here: leave it out".into()))),
    ),
];

/// Reads one list.
pub(super) struct Reader<'a> {
    list: StageKind,
    parameters: &'a RestrictionParameters,
    tables: &'a mut Vec<Arc<AccessTable>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        list: StageKind,
        parameters: &'a RestrictionParameters,
        tables: &'a mut Vec<Arc<AccessTable>>,
    ) -> Self {
        Self { list, parameters, tables }
    }

    pub(super) fn read(mut self, text: &str) -> Result<Vec<Restriction>, ConfigError> {
        let mut restrictions = Vec::new();
        let mut words = words(text);
        // Each turn takes at least a word.
        while let Some(mut word) = words.next() {
            let warns = word == WARN_IF_REJECT;
            if warns {
                let behind = words.next();
                word = behind
                    .ok_or_else(|| self.fault(word, "the word that it is about follows it"))?;
            }
            let restriction = self.restriction(word, &mut words)?;
            restrictions.push(Restriction { warns, ..restriction });
        }
        Ok(restrictions)
    }

    fn restriction<'l>(
        &mut self,
        word: &str,
        words: &mut impl Iterator<Item = &'l str>,
    ) -> Result<Restriction, ConfigError> {
        let Some(Word(name, about, make)) = WORDS.iter().find(|Word(name, ..)| *name == word)
        else {
            let known: Vec<_> = WORDS.iter().map(|Word(name, ..)| *name).collect();
            let known = known.join(", ");
            let fault = format!("there is no such word; there are {WARN_IF_REJECT}, {known}");
            return Err(self.fault(word, fault));
        };
        if let Some(place) = about.and_then(|about| place_of(about, self.list)) {
            return Err(self.fault(name, format!("what it is about is known only at {place}")));
        }
        let (text, check) = match make {
            Plain(make) => ((*name).to_owned(), make(self)),
            With(what, make) => {
                let argument = words.next();
                let argument =
                    argument.ok_or_else(|| self.fault(name, format!("{what} follows it")))?;
                (format!("{name} {argument}"), make(self, argument))
            }
        };
        match check {
            Ok(check) => Ok(Restriction { text, check, warns: false }),
            Err(Fault::Word(fault)) => Err(self.fault(&text, fault)),
            Err(Fault::Table(fault)) => Err(ConfigError::Table(fault)),
        }
    }

    fn fault(&self, word: &str, fault: impl Into<Cow<'static, str>>) -> ConfigError {
        ConfigError::Restriction { list: self.list, word: word.to_owned(), fault: fault.into() }
    }

    fn table(&mut self, about: StageKind, name: &str) -> Result<Check, Fault> {
        let table = AccessTable::open(name).map_err(|error| Fault::Table(error.to_string()))?;
        let table = Arc::new(table);
        self.tables.push(table.clone());
        Ok(Check::Table { about, table })
    }

    fn service(&self, name: &str) -> Result<Check, Fault> {
        let service = match name.split_once(':') {
            Some(("inet", address)) if address.contains(':') => PolicyService::tcp(address),
            #[cfg(unix)]
            Some(("unix", path)) if !path.is_empty() => PolicyService::unix(path),
            _ => return Err(Fault::Word(format!("'{name}' is not {SERVICE}").into())),
        };
        Ok(Check::Policy(Arc::new(service.at(self.list))))
    }

    fn dns(&self) -> Result<Dns, Fault> {
        let dns = self.parameters.dns.clone();
        dns.ok_or(Fault::Word("it asks the DNS, and no name server is known".into()))
    }

    fn ask(&self, question: DnsQuestion) -> Result<Check, Fault> {
        Ok(Check::Dns(DnsCheck { dns: self.dns()?, question }))
    }

    fn login(&self, rule: LoginRule) -> Result<Check, Fault> {
        match self.parameters.sender_owners {
            Some(_) => Ok(Check::SenderLogin(rule)),
            None => Err(Fault::Word("it needs smtpd_sender_login_maps".into())),
        }
    }
}

fn list(name: &str) -> Result<DnsList, Fault> {
    DnsList::parse(name).map_err(|error| Fault::Word(error.to_string().into()))
}

/// The lists at which what a word is about is known, if `list` is none of them.
fn place_of(about: StageKind, list: StageKind) -> Option<&'static str> {
    use StageKind::EndOfData;
    let (is_known, place) = match about {
        Hello => (list != Client, "every list but the client's"),
        Sender => (
            matches!(list, Sender | Recipient | Data | EndOfData),
            "the lists for sender, recipient, data and end of data",
        ),
        Recipient => (list == Recipient, "the list for the recipient"),
        Etrn => (list == Etrn, "the list for ETRN"),
        _ => (matches!(list, Data | EndOfData), "the lists for data and end of data"),
    };
    (!is_known).then_some(place)
}
