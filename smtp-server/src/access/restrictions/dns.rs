//! What a word asks the DNS.
//!
//! * **In**: [`Facts`]. **Out**: a refusal, if there is one, now or in the end. **Promises**: a list that does not answer
//!   refuses nobody, and one that permits lets no other word refuse for good then; the name of a client is deferred at
//!   once, every other question without an answer in the end. **Limits**: those of [`Dns`]. **Panics**: never.
//! * **Spec**: Postfix postconf(5), smtpd(8) for codes and texts; RFC 5782; RFC 7505.

use smtp_proto::{Domain, ReplyCode};

use super::check::defers_if_permit;
use super::facts::Facts;
use crate::access::client_host::ClientHost;
use crate::access::common::{is_foreign_host, refusal};
use crate::access::dns_list::DnsList;
use crate::access::dnsbl::{never_listed, reversed};
use crate::access::mail_domains::{Route, route};
use crate::access::maps::Answer;
use crate::access::rhsbl::NEVER_LISTED;
use crate::dns::Dns;
use crate::hooks::StageKind;
use crate::verdict::Rejection;

/// A question, and whom to ask.
#[derive(Clone)]
pub(super) struct DnsCheck {
    pub(super) dns: Dns,
    pub(super) question: DnsQuestion,
}

#[derive(Clone)]
pub(super) enum DnsQuestion {
    UnknownClient,
    UnknownReverseClient,
    UnknownHelo,
    /// Of the sender or the recipient.
    UnknownDomain(StageKind),
    ListedClient(DnsList),
    /// The domain that belongs to this stage.
    ListedDomain(StageKind, DnsList),
    /// The name that the client's address claims, confirmed or not.
    ListedReverseClient(DnsList),
}

/// What a list is asked about.
struct Subject {
    class: &'static str,
    shown: String,
    asked: String,
    never_listed: &'static str,
}

impl DnsCheck {
    pub(super) fn needs_client_name(&self) -> bool {
        use DnsQuestion::{ListedDomain, ListedReverseClient, UnknownClient, UnknownReverseClient};
        match &self.question {
            ListedDomain(about, _) => *about == StageKind::Client,
            UnknownClient | UnknownReverseClient | ListedReverseClient(_) => true,
            _ => false,
        }
    }

    /// `None` if there is nothing against it.
    pub(super) async fn answer(&self, facts: &Facts<'_>) -> Option<Answer> {
        match &self.question {
            DnsQuestion::UnknownDomain(about) => self.domain_answer(*about, facts).await,
            // Users come from addresses and under names that no other host could have.
            DnsQuestion::UnknownHelo if is_foreign_host(facts.info) => {
                self.helo_answer(facts).await
            }
            DnsQuestion::UnknownHelo => None,
            _ => self.refusal(facts).await.map(Answer::Refuses),
        }
    }

    async fn refusal(&self, facts: &Facts<'_>) -> Option<Rejection> {
        match &self.question {
            DnsQuestion::ListedDomain(about @ (StageKind::Sender | StageKind::Recipient), list) => {
                self.list_refusal(list, address_subject(*about, facts)?).await
            }
            _ if !is_foreign_host(facts.info) => None,
            DnsQuestion::UnknownClient => self.client_refusal(facts).await,
            DnsQuestion::UnknownReverseClient => self.reverse_refusal(facts).await,
            DnsQuestion::ListedClient(list) => {
                self.list_refusal(list, client_subject(facts)?).await
            }
            DnsQuestion::ListedDomain(StageKind::Client, list) => {
                let host = ClientHost::of(&self.dns, facts.info).await;
                self.list_refusal(list, name_subject("Client host", host.confirmed())?).await
            }
            DnsQuestion::ListedDomain(_, list) => {
                let name = facts.hello()?.name.domain();
                self.list_refusal(list, name_subject("Helo command", name.as_ref())?).await
            }
            DnsQuestion::ListedReverseClient(list) => {
                let host = ClientHost::of(&self.dns, facts.info).await;
                let (ClientHost::Confirmed(name) | ClientHost::Claimed(name)) = &host else {
                    return None;
                };
                self.list_refusal(list, name_subject("Unverified Client host", Some(name))?).await
            }
            DnsQuestion::UnknownDomain(_) | DnsQuestion::UnknownHelo => None,
        }
    }

    async fn list_refusal(&self, list: &DnsList, subject: Subject) -> Option<Rejection> {
        let Subject { class, shown, asked, never_listed } = subject;
        if list.lists(&self.dns, &asked, never_listed).await != Ok(true) {
            return None;
        }
        let mut text =
            format!("Service unavailable; {class} [{shown}] blocked using {}", list.domain());
        if let Some(reason) = list.reason(&self.dns, &asked).await {
            text.push_str("; ");
            text.push_str(&reason);
        }
        Some(refusal(ReplyCode::TRANSACTION_FAILED, (5, 7, 1), text))
    }

    async fn client_refusal(&self, facts: &Facts<'_>) -> Option<Rejection> {
        let ip = facts.info.peer.ip()?;
        let host = ClientHost::of(&self.dns, facts.info).await;
        let text = format!("Client host rejected: cannot find your hostname, [{ip}]");
        host.confirmed().is_none().then(|| refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 25), text))
    }

    async fn reverse_refusal(&self, facts: &Facts<'_>) -> Option<Rejection> {
        let ip = facts.info.peer.ip()?;
        let host = ClientHost::of(&self.dns, facts.info).await;
        let is_named = matches!(host, ClientHost::Confirmed(_) | ClientHost::Claimed(_));
        let text = format!("Client host rejected: cannot find your reverse hostname, [{ip}]");
        (!is_named).then(|| refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 1), text))
    }

    async fn helo_answer(&self, facts: &Facts<'_>) -> Option<Answer> {
        let name = &facts.hello()?.name;
        if name.as_str().starts_with('[') {
            return None;
        }
        let domain = name.domain();
        let ascii = domain.as_ref().and_then(Domain::to_ascii);
        let asked = ascii.as_deref().unwrap_or(name.as_str());
        let (addresses, exchanges) =
            tokio::join!(self.dns.addresses(asked), self.dns.mail_exchanges(asked));
        let (Err(address), Err(exchange)) = (addresses, exchanges) else { return None };
        let code = ReplyCode::MAILBOX_BUSY;
        let rejection = facts.refuse(StageKind::Hello, code, (4, 7, 1), "Host not found");
        let is_definite = address.is_definite() && exchange.is_definite();
        Some(if is_definite { Answer::Refuses(rejection) } else { defers_if_permit(rejection) })
    }

    async fn domain_answer(&self, about: StageKind, facts: &Facts<'_>) -> Option<Answer> {
        let is_sender = about == StageKind::Sender;
        let domain = match about {
            StageKind::Sender => facts.envelope()?.reverse_path.domain()?,
            _ => facts.to()?.domain()?,
        };
        if facts.parameters.relay.local_domains.contains(domain) {
            return None;
        }
        let name = domain.to_ascii()?;
        match route(&self.dns, &name).await {
            Ok(Route::Somewhere) => None,
            Ok(Route::Nowhere) => {
                let text = format!("Domain {name} does not accept mail (nullMX)");
                let (code, enhanced) = if is_sender {
                    (ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, 27))
                } else {
                    (ReplyCode::DOMAIN_TAKES_NO_MAIL, (5, 1, 10))
                };
                Some(Answer::Refuses(facts.refuse(about, code, enhanced, &text)))
            }
            unknown => {
                let enhanced = if is_sender { (4, 1, 8) } else { (4, 1, 2) };
                let code = ReplyCode::MAILBOX_BUSY;
                let rejection = facts.refuse(about, code, enhanced, "Domain not found");
                let is_definite = unknown.is_ok();
                Some(if is_definite {
                    Answer::Refuses(rejection)
                } else {
                    defers_if_permit(rejection)
                })
            }
        }
    }
}

/// Whether the client is on the list; if the list does not answer, what to tell whoever is refused after all.
pub(super) async fn lists_client(
    dns: &Dns,
    list: &DnsList,
    facts: &Facts<'_>,
) -> Result<bool, Rejection> {
    let Some(subject) = client_subject(facts) else { return Ok(false) };
    list.lists(dns, &subject.asked, subject.never_listed).await.map_err(|_| {
        let text = format!("<{}>: Client host rejected: Service unavailable", subject.shown);
        refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 1), text)
    })
}

fn client_subject(facts: &Facts<'_>) -> Option<Subject> {
    let ip = facts.info.peer.ip()?;
    Some(Subject {
        class: "Client host",
        shown: ip.to_string(),
        asked: reversed(ip),
        never_listed: never_listed(ip),
    })
}

fn name_subject(class: &'static str, name: Option<&Domain<'_>>) -> Option<Subject> {
    let name = name?.to_ascii()?.into_owned();
    Some(Subject { class, shown: name.clone(), asked: name, never_listed: NEVER_LISTED })
}

fn address_subject(about: StageKind, facts: &Facts<'_>) -> Option<Subject> {
    let (class, domain) = match about {
        StageKind::Sender => ("Sender address", facts.envelope()?.reverse_path.domain()),
        _ => ("Recipient address", facts.to()?.domain()),
    };
    let subject = name_subject(class, domain)?;
    Some(Subject { shown: facts.address(about), ..subject })
}
