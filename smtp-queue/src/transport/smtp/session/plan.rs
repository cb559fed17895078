//! A mail transaction as this next hop can take it.
//!
//! * **In**: a queue entry, some of its recipients, facts about content and next hop. **Out**: [`Transaction`], or why
//!   there is none.
//! * **Promises**: no parameter of an extension that was not offered; what must not be lost on the way is refused
//!   instead of left out; addresses and content are never rewritten. **Limits**: the entry's. **Panics**: never.
//! * **Spec**: RFC 5321 2.4 and 4.1.1.11, 1870 6, 6152 3, 3030 3, 6531 3.2, 3461 5.2, 2852 4.1.4, 6710 4.2, 7293 5.1.1,
//!   8689 4.2.1, 4954 5, 6533 3.

use smtp_proto::{BodyType, ByMode, Command, DeliverBy, EnhancedCode, NoSupportAction, RcptParams};
use smtp_proto::{MailParams, ReversePath};
use smtp_server::UnixMillis;

use super::{ContentFacts, Offer};
use crate::entry::{QueueEntry, QueuedRecipient};

/// MAIL, RCPT and the content's form, ready to be sent.
#[derive(Clone, Debug)]
pub struct Transaction {
    pub(super) mail: Command<'static>,
    /// With the recipients' indices in the entry.
    pub(super) recipients: Vec<(u32, Command<'static>)>,
    /// One chunk of so many octets (BDAT) in place of DATA.
    pub(super) chunk_bytes: Option<u64>,
    /// What could not be put into it, and why.
    pub refused: Vec<(u32, Refusal)>,
}

/// Why a message, or a recipient, cannot go to this next hop as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A code of class 5.
    pub code: EnhancedCode,
    /// The reason.
    pub text: &'static str,
}

/// What a plan has to know of the connection.
pub(super) struct Terms<'a> {
    pub(super) offer: &'a Offer,
    pub(super) is_verified_tls: bool,
    pub(super) is_tls: bool,
    pub(super) is_authenticated: bool,
    pub(super) now: UnixMillis,
}

const SMTPUTF8_ADDRESS: Refusal =
    Refusal::new(5, 6, 7, "SMTPUTF8 is required for the addresses, but was not offered");
const SMTPUTF8_HEADER: Refusal =
    Refusal::new(5, 6, 9, "SMTPUTF8 is required for the header, but was not offered");
const BINARY: Refusal = Refusal::new(5, 6, 3, "BINARYMIME is required, but was not offered");
const EIGHT_BIT: Refusal = Refusal::new(5, 6, 3, "8BITMIME is required, but was not offered");
const TOO_LARGE: Refusal = Refusal::new(5, 3, 4, "the message is larger than the next hop takes");
const NO_REQUIRETLS: Refusal = Refusal::new(5, 7, 30, "REQUIRETLS support required");
pub(crate) const NO_VERIFIED_TLS: Refusal =
    Refusal::new(5, 7, 10, "REQUIRETLS needs a TLS connection with a verified certificate");
const NO_RRVS: Refusal = Refusal::new(5, 7, 19, "RRVS is required, but was not offered");
const NO_DELIVERBY: Refusal = Refusal::new(5, 3, 3, "DELIVERBY is required, but was not offered");
const TOO_LATE: Refusal = Refusal::new(5, 4, 7, "the time to deliver the message by is over");

impl Refusal {
    const fn new(class: u8, subject: u16, detail: u16, text: &'static str) -> Self {
        Self { code: EnhancedCode::new(class, subject, detail), text }
    }
}

impl Transaction {
    pub(super) fn plan(
        entry: &QueueEntry,
        recipients: &[u32],
        facts: &ContentFacts,
        terms: &Terms<'_>,
    ) -> Result<Self, Refusal> {
        let offer = terms.offer;
        if offer.size_max.is_some_and(|bytes_max| bytes_max < facts.wire_bytes) {
            return Err(TOO_LARGE);
        }
        let is_utf8_header = entry.params.smtputf8 && facts.eight_bit_header;
        if is_utf8_header && !offer.smtputf8 {
            return Err(SMTPUTF8_HEADER);
        }
        if !entry.reverse_path.is_ascii() && !offer.smtputf8 {
            return Err(SMTPUTF8_ADDRESS);
        }
        let params = mail_params(entry, facts, terms)?;
        let mut transaction = Self {
            mail: Command::Data,
            recipients: Vec::with_capacity(recipients.len()),
            chunk_bytes: chunk_bytes(facts, offer, params.body),
            refused: Vec::new(),
        };
        let mut needs_utf8 = is_utf8_header || !entry.reverse_path.is_ascii();
        for index in recipients {
            let Some(recipient) = entry.recipients.get(*index as usize) else { continue };
            match rcpt(recipient, offer) {
                Ok(command) => {
                    needs_utf8 |= !recipient.recipient.path.is_ascii();
                    transaction.recipients.push((*index, command));
                }
                Err(refusal) => transaction.refused.push((*index, refusal)),
            }
        }
        let from = entry.reverse_path.clone().without_route();
        let params = with_smtputf8(params, needs_utf8);
        transaction.mail = Command::Mail { from, params };
        Ok(transaction)
    }

    /// How many recipients it has.
    #[must_use]
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }
}

fn with_smtputf8(mut params: MailParams<'static>, smtputf8: bool) -> MailParams<'static> {
    params.smtputf8 = smtputf8;
    params
}

fn mail_params(
    entry: &QueueEntry,
    facts: &ContentFacts,
    terms: &Terms<'_>,
) -> Result<MailParams<'static>, Refusal> {
    let offer = terms.offer;
    let asked = &entry.params;
    let mut params = MailParams::default();
    params.size = offer.size.then_some(facts.wire_bytes);
    params.body = body(asked, facts, offer)?;
    params.require_tls = require_tls(entry, terms)?;
    params.mt_priority = asked.mt_priority.filter(|_| offer.mt_priority);
    params.by = deliver_by(entry, terms)?;
    if offer.dsn {
        params.ret = asked.ret;
        params.envid = asked.envid.clone();
    }
    if terms.is_authenticated && !offer.auth.is_empty() {
        params.auth = asked.auth.clone();
    }
    Ok(params)
}

fn body(
    asked: &MailParams<'_>,
    facts: &ContentFacts,
    offer: &Offer,
) -> Result<Option<BodyType>, Refusal> {
    if asked.body == Some(BodyType::BinaryMime) {
        let is_offered = offer.binary_mime && offer.chunking;
        return if is_offered { Ok(asked.body) } else { Err(BINARY) };
    }
    // RFC 5321 2.4: what is no MIME is passed on as it came, but 8BITMIME is not asked for it. UTF-8 in a header has
    // no label (RFC 6532 3).
    let is_labelled = facts.eight_bit_mime || (asked.smtputf8 && facts.eight_bit_header);
    match (facts.eight_bit, offer.eight_bit_mime) {
        (true, true) => Ok(is_labelled.then_some(BodyType::EightBitMime)),
        (true, false) => Err(EIGHT_BIT),
        (false, is_offered) => Ok(asked.body.filter(|_| is_offered)),
    }
}

/// RFC 3030: where octets are no lines, and where it saves waiting for 354.
fn chunk_bytes(facts: &ContentFacts, offer: &Offer, body: Option<BodyType>) -> Option<u64> {
    let is_binary = body == Some(BodyType::BinaryMime);
    let is_shorter = offer.chunking && !offer.pipelining && facts.canonical;
    (is_binary || is_shorter).then_some(facts.bytes)
}

fn require_tls(entry: &QueueEntry, terms: &Terms<'_>) -> Result<bool, Refusal> {
    let is_possible = terms.is_verified_tls && terms.offer.require_tls;
    // RFC 8689 5: a report is better sent without than dropped.
    if !entry.params.require_tls || is_possible || entry.reverse_path == ReversePath::Null {
        return Ok(entry.params.require_tls && terms.is_tls && terms.offer.require_tls);
    }
    Err(if terms.is_verified_tls { NO_REQUIRETLS } else { NO_VERIFIED_TLS })
}

/// RFC 2852 4.1.4: what is left of the time.
fn deliver_by(entry: &QueueEntry, terms: &Terms<'_>) -> Result<Option<DeliverBy>, Refusal> {
    let Some(by) = entry.params.by else { return Ok(None) };
    let passed_seconds = terms.now.0.saturating_sub(entry.arrived.0) / 1000;
    let left = i64::from(by.seconds()).saturating_sub_unsigned(passed_seconds);
    let is_returned = by.mode() == ByMode::Return;
    let offer = terms.offer;
    let is_too_late =
        left <= 0 || offer.deliver_by_seconds_min.is_some_and(|least| left < i64::from(least));
    match (is_returned, offer.deliver_by) {
        (true, _) if left <= 0 => Err(TOO_LATE),
        (true, false) => Err(NO_DELIVERBY),
        (true, true) if is_too_late => Err(TOO_LATE),
        (_, true) => {
            let left = i32::try_from(left).unwrap_or(i32::MIN);
            Ok(DeliverBy::new(left, by.mode(), by.trace()))
        }
        (false, false) => Ok(None),
    }
}

fn rcpt(recipient: &QueuedRecipient, offer: &Offer) -> Result<Command<'static>, Refusal> {
    let recipient = &recipient.recipient;
    if !recipient.path.is_ascii() && !offer.smtputf8 {
        return Err(SMTPUTF8_ADDRESS);
    }
    let mut params = RcptParams::default();
    if offer.dsn {
        params.notify = recipient.params.notify;
        let orcpt = recipient.params.orcpt.clone();
        params.orcpt = if offer.smtputf8 {
            orcpt
        } else {
            orcpt.and_then(|orcpt| Some(orcpt.to_ascii()?.into_owned()))
        };
    }
    if let Some(rrvs) = &recipient.params.rrvs {
        match (offer.rrvs, rrvs.no_support()) {
            (true, _) => params.rrvs = Some(rrvs.clone()),
            (false, Some(NoSupportAction::Continue)) => {}
            (false, _) => return Err(NO_RRVS),
        }
    }
    Ok(Command::Rcpt { to: recipient.path.clone().without_route(), params })
}
