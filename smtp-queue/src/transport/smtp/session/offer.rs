//! What a next hop offers.
//!
//! * **In**: its reply to EHLO or LHLO. **Out**: [`Offer`].
//! * **Promises**: a HELO server offers nothing; the latest reply alone counts. **Limits**: the reply's.
//! * **Panics**: never. **Spec**: RFC 5321 4.1.1.1, RFC 9422 3.6.

use smtp_proto::{EhloReply, Extension, Reply};

/// The extensions of a next hop, as far as a client uses them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// PIPELINING
    pub pipelining: bool,
    /// SIZE
    pub size: bool,
    /// The limit that came with it.
    pub size_max: Option<u64>,
    /// 8BITMIME
    pub eight_bit_mime: bool,
    /// SMTPUTF8
    pub smtputf8: bool,
    /// STARTTLS
    pub starttls: bool,
    /// AUTH: the mechanisms, in upper case.
    pub auth: Vec<String>,
    /// CHUNKING
    pub chunking: bool,
    /// BINARYMIME
    pub binary_mime: bool,
    /// DSN
    pub dsn: bool,
    /// DELIVERBY
    pub deliver_by: bool,
    /// The least time that came with it, in seconds.
    pub deliver_by_seconds_min: Option<u32>,
    /// MT-PRIORITY
    pub mt_priority: bool,
    /// REQUIRETLS
    pub require_tls: bool,
    /// RRVS
    pub rrvs: bool,
    /// How many recipients a transaction may have (LIMITS).
    pub recipients_max: Option<u32>,
    /// How many transactions a connection may have (LIMITS).
    pub transactions_max: Option<u32>,
}

impl Offer {
    /// What the reply offers; nothing, unless it is a success.
    #[must_use]
    pub fn of(reply: &Reply) -> Self {
        let mut offer = Self::default();
        let extensions = EhloReply::parse(reply).map(|reply| reply.extensions).unwrap_or_default();
        extensions.into_iter().for_each(|extension| offer.add(extension));
        offer
    }

    fn add(&mut self, extension: Extension<'_>) {
        match extension {
            Extension::Pipelining => self.pipelining = true,
            Extension::Size(limit) => {
                self.size = true;
                self.size_max = limit.filter(|bytes| *bytes > 0);
            }
            Extension::EightBitMime => self.eight_bit_mime = true,
            Extension::SmtpUtf8 => self.smtputf8 = true,
            Extension::StartTls => self.starttls = true,
            Extension::Auth(mechanisms) => {
                self.auth =
                    mechanisms.iter().map(|name| name.as_str().to_ascii_uppercase()).collect();
            }
            Extension::Chunking => self.chunking = true,
            Extension::BinaryMime => self.binary_mime = true,
            Extension::Dsn => self.dsn = true,
            Extension::DeliverBy(seconds_min) => {
                self.deliver_by = true;
                self.deliver_by_seconds_min = seconds_min;
            }
            Extension::MtPriority(_) => self.mt_priority = true,
            Extension::RequireTls => self.require_tls = true,
            Extension::Rrvs => self.rrvs = true,
            Extension::Limits { mail_max, rcpt_max, .. } => {
                self.transactions_max = mail_max;
                self.recipients_max = rcpt_max;
            }
            _ => {}
        }
    }
}
