//! What a word asks.
//!
//! * **In**: [`Facts`]. **Out**: an [`Answer`]. **Promises**: what is not known at a stage is not asked. Words about hosts
//!   leave users alone. **Limits**: one look-up. **Panics**: never.
//! * **Spec**: Postfix postconf(5), smtpd(8) for codes and texts.

use std::sync::Arc;

use smtp_proto::{Domain, ForwardPath, ReplyCode};

use super::dns::{self, DnsCheck};
use super::facts::Facts;
use crate::access::common::{is_foreign_host, refusal};
use crate::access::dns_list::DnsList;
use crate::access::ladder::Ladder;
use crate::access::maps::{self, Answer, KeyStyle};
use crate::access::{AccessMap, AccessTable, PolicyService};
use crate::dns::Dns;
use crate::hooks::{Stage, StageKind};
use crate::verdict::{Effects, Rejection, RelayDecision};

/// One restriction.
#[derive(Clone)]
pub(super) enum Check {
    Permit,
    PermitNetworks,
    PermitAuthenticated,
    /// Those in the parameters, or of every authority.
    PermitCertificates {
        all: bool,
    },
    PermitDestination,
    Reject,
    Defer,
    DeferIfPermit,
    DeferIfReject,
    RefuseForeignDestination {
        code: ReplyCode,
    },
    Table {
        about: StageKind,
        table: Arc<AccessTable>,
    },
    Policy(Arc<PolicyService>),
    InvalidHelo,
    UnqualifiedHelo,
    UnqualifiedAddress(StageKind),
    SenderLogin(LoginRule),
    MultiRecipientBounce,
    PlaintextSession,
    /// The session or the delivery refuses it in any case.
    AlwaysRefused,
    Dns(DnsCheck),
    PermitListed(Dns, DnsList),
}

/// Whose senders are judged, and which of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct LoginRule {
    pub(super) logged_in: bool,
    pub(super) anonymous: bool,
    /// Of whoever logged in, only senders that belong to somebody.
    pub(super) known_only: bool,
}

impl Check {
    /// Whether the confirmed name of the client has to be found out before.
    pub(super) fn needs_client_name(&self) -> bool {
        match self {
            // A table of networks is not asked for names.
            Self::Table { about: StageKind::Client, table } => table.has_names(),
            Self::Policy(_) => true,
            Self::Dns(check) => check.needs_client_name(),
            _ => false,
        }
    }

    pub(super) async fn answer(&self, facts: &Facts<'_>) -> Result<Answer, Rejection> {
        let list = facts.stage.kind();
        Ok(match self {
            Self::Permit => ends(true),
            Self::PermitNetworks => {
                let networks = &facts.parameters.relay.networks;
                ends(networks.network_of(&facts.info.peer).is_some())
            }
            Self::PermitAuthenticated => ends(facts.info.identity.is_some()),
            Self::PermitCertificates { all } => ends(holds_certificate(facts, *all)),
            Self::PermitDestination => ends(facts.to().is_some_and(|to| is_ours(facts, to))),
            Self::RefuseForeignDestination { code } => match facts.to() {
                Some(to) if !is_ours(facts, to) => refuse_destination(facts, *code),
                _ => goes_on(),
            },
            Self::Reject => {
                let code = ReplyCode::TRANSACTION_FAILED;
                Answer::Refuses(facts.refuse(list, code, (5, 7, 1), "Access denied"))
            }
            Self::Defer => {
                let code = ReplyCode::MAILBOX_BUSY;
                Answer::Refuses(facts.refuse(list, code, (4, 3, 2), "Try again later"))
            }
            Self::DeferIfPermit => defers_if_permit(deferral(facts, "defer_if_permit requested")),
            Self::DeferIfReject => {
                Answer::DefersIfRefused(deferral(facts, "defer_if_reject requested"))
            }
            Self::Table { about, table } => match facts.at(*about) {
                Some(stage) => ask_table(table.as_ref(), *about, &stage, facts).await?,
                None => goes_on(),
            },
            Self::Policy(service) => {
                let answer = Answer::from(service.action(&facts.stage, facts.info).await?);
                answer.map_rejection(|rejection| facts.worded(list, &rejection))
            }
            Self::SenderLogin(rule) => check_login(*rule, facts).await?,
            Self::PermitListed(dns, list) => match dns::lists_client(dns, list, facts).await {
                Ok(listed) => ends(listed),
                Err(deferral) => Answer::DefersIfRefused(deferral),
            },
            Self::Dns(check) => check.answer(facts).await.unwrap_or_else(goes_on),
            Self::InvalidHelo | Self::UnqualifiedHelo => refused(self.helo_refusal(facts)),
            Self::UnqualifiedAddress(about) => refused(address_refusal(*about, facts)),
            Self::MultiRecipientBounce => refused(bounce_refusal(facts)),
            Self::PlaintextSession => refused(plaintext_refusal(facts)),
            Self::AlwaysRefused => goes_on(),
        })
    }

    fn helo_refusal(&self, facts: &Facts<'_>) -> Option<Rejection> {
        let name = facts.hello().filter(|_| is_foreign_host(facts.info))?.name.as_str();
        // Hosts do have underscores, whatever the grammar says.
        let spelled = name.replace('_', "x");
        let is_literal = spelled.starts_with('[');
        let (code, text) = match Domain::parse(&spelled) {
            Err(_) if is_literal => (ReplyCode::ARGUMENT_SYNTAX_ERROR, "invalid ip address"),
            Err(_) if matches!(self, Self::InvalidHelo) => {
                (ReplyCode::ARGUMENT_SYNTAX_ERROR, "Invalid name")
            }
            Ok(_) if matches!(self, Self::InvalidHelo) || is_literal => return None,
            Ok(_) if spelled.contains('.') => return None,
            _ => (ReplyCode::ARGUMENT_NOT_IMPLEMENTED, "need fully-qualified hostname"),
        };
        Some(facts.refuse(StageKind::Hello, code, (5, 5, 2), text))
    }
}

pub(super) fn goes_on() -> Answer {
    Answer::GoesOn(Effects::default())
}

fn ends(applies: bool) -> Answer {
    if applies { Answer::Ends(Effects::default()) } else { goes_on() }
}

pub(super) fn defers_if_permit(rejection: Rejection) -> Answer {
    Answer::GoesOn(Effects::default().defer_if_permit(rejection))
}

fn deferral(facts: &Facts<'_>, text: &str) -> Rejection {
    facts.refuse(facts.stage.kind(), ReplyCode::MAILBOX_BUSY, (4, 7, 0), text)
}

fn refused(rejection: Option<Rejection>) -> Answer {
    rejection.map_or_else(goes_on, Answer::Refuses)
}

fn is_ours(facts: &Facts<'_>, to: &ForwardPath<'_>) -> bool {
    facts.parameters.relay.destination(to, facts.info) != RelayDecision::Deny
}

fn holds_certificate(facts: &Facts<'_>, all: bool) -> bool {
    let tls = facts.info.tls.as_ref();
    let certificate = tls.and_then(|tls| tls.client_certificate.as_deref());
    certificate
        .is_some_and(|shown| all || facts.parameters.relay.certificates.reason(shown).is_some())
}

fn refuse_destination(facts: &Facts<'_>, code: ReplyCode) -> Answer {
    let text = format!("<{}>: Relay access denied", facts.address(StageKind::Recipient));
    let class = if code.is_permanent() { 5 } else { 4 };
    Answer::Refuses(refusal(code, (class, 7, 1), text))
}

async fn ask_table(
    table: &AccessTable,
    about: StageKind,
    stage: &Stage<'_>,
    facts: &Facts<'_>,
) -> Result<Answer, Rejection> {
    let ladder =
        Ladder { delimiters: facts.parameters.recipient_delimiter.clone(), ..Ladder::default() };
    let answer = maps::ask(table, &ladder, stage, facts.info).await?;
    // Sendmail's texts stand as they are.
    if table.key_style() == KeyStyle::Sendmail {
        return Ok(answer);
    }
    Ok(answer.map_rejection(|rejection| facts.worded(about, &rejection)))
}

/// The null reverse-path belongs to everybody; `<postmaster>` needs no domain.
fn address_refusal(about: StageKind, facts: &Facts<'_>) -> Option<Rejection> {
    let domain = match about {
        StageKind::Sender => facts.envelope()?.reverse_path.domain(),
        _ => facts.to()?.domain(),
    };
    let Domain::Name(name) = domain? else { return None };
    let code = ReplyCode::ARGUMENT_NOT_IMPLEMENTED;
    let text = "need fully-qualified address";
    (!name.as_str().contains('.')).then(|| facts.refuse(about, code, (5, 5, 2), text))
}

async fn check_login(rule: LoginRule, facts: &Facts<'_>) -> Result<Answer, Rejection> {
    let (Some(owners), Some(envelope)) = (&facts.parameters.sender_owners, facts.envelope()) else {
        return Ok(goes_on());
    };
    let Some(sender) = envelope.reverse_path.mailbox() else { return Ok(goes_on()) };
    let owners = owners.owners(sender).await;
    let owners = owners.map_err(|error| Rejection::local_error().with_detail(error.to_string()))?;
    let text = match &facts.info.identity {
        None if rule.anonymous && !owners.is_empty() => "not logged in".to_owned(),
        Some(identity) if rule.logged_in && !(rule.known_only && owners.is_empty()) => {
            let login = identity.authzid.as_ref().unwrap_or(&identity.authcid);
            if owners.contains(login) {
                return Ok(goes_on());
            }
            format!("not owned by user {}", identity.authcid.replace(char::is_control, "?"))
        }
        _ => return Ok(goes_on()),
    };
    let code = ReplyCode::MAILBOX_NAME_NOT_ALLOWED;
    Ok(Answer::Refuses(facts.refuse(StageKind::Sender, code, (5, 7, 1), &text)))
}

fn bounce_refusal(facts: &Facts<'_>) -> Option<Rejection> {
    let envelope = facts.envelope()?;
    let is_one = envelope.reverse_path.mailbox().is_none() && 1 < envelope.recipients.len();
    let code = ReplyCode::MAILBOX_UNAVAILABLE;
    is_one.then(|| facts.refuse(facts.stage.kind(), code, (5, 5, 3), "Multi-recipient bounce"))
}

fn plaintext_refusal(facts: &Facts<'_>) -> Option<Rejection> {
    let text = "Session encryption is required";
    facts.info.tls.is_none().then(|| refusal(ReplyCode::MAILBOX_BUSY, (4, 7, 1), text))
}
