//! DMARC of the author's domain.
//!
//! * **In**: a message, what SPF and DKIM said. **Out**: a [`DmarcCheck`].
//! * **Promises**: several records at one name are none. A record with a policy that cannot be read asks for nothing.
//! * **Limits**: 8 look-ups for each domain; those below the author's organization count for alignment alone.
//! * **Panics**: never. **Spec**: RFC 9989 4.7, 4.10, 5.3. `mail-auth` decides; the records are chosen here.

use std::collections::HashMap;
use std::sync::Arc;

use mail_auth::common::parse::TxtRecordParser as _;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::dmarc::{Dmarc, Policy, Psd};
use mail_auth::{
    AuthenticatedMessage, DkimOutput, DnsError as NoRecord, Error, MessageAuthenticator,
    Parameters, SpfOutput, Txt,
};
use smtp_proto::Domain;

use super::dkim::{KnownTexts, failed};
use super::results::{DmarcCheck, DmarcPolicy, DmarcResult, SpfOutcome, SpfResult};
use super::tags;
use crate::dns::Dns;

/// The names asked for one domain (RFC 9989 4.10).
const LABELS_MAX: usize = 8;
/// Tags that make the whole policy void if they cannot be read (RFC 9989 4.10.1).
const POLICIES: [&str; 3] = ["p", "sp", "np"];

/// What DMARC says of `message`.
pub(super) async fn check(
    dns: &Dns,
    message: &AuthenticatedMessage<'_>,
    dkim: &[DkimOutput<'_>],
    spf: Option<&SpfOutcome>,
) -> DmarcCheck {
    let Some(author) = author_domain(message) else {
        return DmarcCheck {
            result: DmarcResult::None,
            policy: DmarcPolicy::None,
            domain: String::new(),
        };
    };
    let records = records(dns, &author).await;
    let domain = spf.and_then(|spf| spf.mail_from.as_deref().or(spf.helo.as_deref()));
    let domain = domain.unwrap_or_default();
    let result = spf.map_or(SpfResult::None, |spf| spf.mail_from_result);
    let spf = SpfOutput::new(domain.to_owned()).with_result(in_their_words(result));
    let parameters = DmarcParameters::new(message, dkim, domain, &spf);
    let parameters = Parameters::new(parameters).with_txt_cache(&records);
    let output = MessageAuthenticator(dns.resolver()).verify_dmarc(parameters).await;
    DmarcCheck {
        result: match output.result() {
            mail_auth::DmarcResult::None => DmarcResult::None,
            mail_auth::DmarcResult::Pass => DmarcResult::Pass,
            mail_auth::DmarcResult::Fail(_) => DmarcResult::Fail,
            mail_auth::DmarcResult::TempError(_) => DmarcResult::TempError,
            mail_auth::DmarcResult::PermError(_) => DmarcResult::PermError,
        },
        policy: match output.policy() {
            Policy::Reject => DmarcPolicy::Reject,
            Policy::Quarantine => DmarcPolicy::Quarantine,
            Policy::None | Policy::Unspecified => DmarcPolicy::None,
        },
        domain: author,
    }
}

/// The domain that the authors have in common, in A-labels.
fn author_domain(message: &AuthenticatedMessage<'_>) -> Option<String> {
    let domain = |from: &String| {
        let (_, domain) = from.rsplit_once('@')?;
        Domain::parse(domain).ok()?.to_ascii().map(|name| name.into_owned())
    };
    let mut domains = message.froms().iter().map(domain);
    let first = domains.next()??;
    domains.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// The records on the way from `domain` up to its top-level domain, or to one that says where to stop.
async fn records(dns: &Dns, domain: &str) -> KnownTexts {
    let mut known = HashMap::new();
    for name in walk(domain) {
        let at = format!("_dmarc.{name}.");
        let record = match dns.texts(&at).await {
            Ok(texts) => chosen(&texts),
            Err(error) => Err(failed(&error)),
        };
        let is_last = record.as_ref().is_ok_and(|record| record.psd != Psd::Default);
        let is_unknown = matches!(record, Err(Error::Dns(NoRecord::Resolver(_))));
        let text = record.map_or_else(Txt::Error, |record| Txt::Dmarc(Arc::new(record)));
        known.insert(at.into_boxed_str(), text);
        if is_last || is_unknown {
            break;
        }
    }
    KnownTexts(known)
}

/// The name itself and those above it; of a long one the seven shortest.
fn walk(domain: &str) -> impl Iterator<Item = &str> {
    let labels = domain.split('.').count();
    let names = std::iter::successors(Some(domain), |name| Some(name.split_once('.')?.1));
    names.enumerate().filter_map(move |(index, name)| {
        (index == 0 || labels - index < LABELS_MAX).then_some(name)
    })
}

/// The one record among the texts, if there is exactly one.
fn chosen(texts: &[String]) -> Result<Dmarc, Error> {
    let is_record = |text: &&String| {
        let version = text.split(';').next().and_then(|tag| tag.split_once('='));
        version.is_some_and(|(name, value)| name.trim() == "v" && value.trim() == "DMARC1")
    };
    let mut records = texts.iter().filter(is_record);
    match (records.next(), records.next()) {
        (Some(record), None) => {
            Dmarc::parse(record.as_bytes()).or_else(|_| Dmarc::parse(readable(record).as_bytes()))
        }
        _ => Err(Error::Dns(NoRecord::InvalidRecordType)),
    }
}

/// The record without what cannot be read.
fn readable(record: &str) -> String {
    let is_readable = |name: &str, value: &str| {
        Dmarc::parse(format!("v=DMARC1; {name}={value}").as_bytes()).is_ok()
    };
    let tags = tags::parse(record).unwrap_or_default();
    let spoilt =
        |name: &str| tags::find(&tags, name).is_some_and(|value| !is_readable(name, value));
    let without_policy = POLICIES.into_iter().any(spoilt);
    let mut text = String::from("v=DMARC1");
    for (name, value) in tags.iter().skip(1) {
        if is_readable(name, value) && !(without_policy && POLICIES.contains(name)) {
            text.push_str(&format!("; {name}={value}"));
        }
    }
    text
}

fn in_their_words(result: SpfResult) -> mail_auth::SpfResult {
    match result {
        SpfResult::None => mail_auth::SpfResult::None,
        SpfResult::Neutral => mail_auth::SpfResult::Neutral,
        SpfResult::Pass => mail_auth::SpfResult::Pass,
        SpfResult::Fail => mail_auth::SpfResult::Fail,
        SpfResult::SoftFail => mail_auth::SpfResult::SoftFail,
        SpfResult::TempError => mail_auth::SpfResult::TempError,
        SpfResult::PermError => mail_auth::SpfResult::PermError,
    }
}
