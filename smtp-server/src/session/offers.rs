//! What EHLO offers on behalf of the delivery, and what that says about parameters.
//!
//! * **In**: [`Capabilities`](crate::hooks::Capabilities), the service, TLS, the time. **Out**: lines of the EHLO
//!   reply; whether parameters of MAIL and RCPT are taken.
//! * **Promises**: one function says what is offered and what is taken, so that the two cannot differ.
//!   What could be refused for its value alone never reaches a hook.
//! * **Limits**: seconds of 9 digits. **Panics**: never.
//! * **Spec**: RFC 2852 4; RFC 4865 4.2 and 5.2.2; RFC 6531 3.1; RFC 6710 4.1; RFC 8689 2.

use smtp_proto::{ByMode, DateTime, Extension, MailParams, MtPriority, Reply, limits, replies};

use super::Session;
use crate::envelope::Envelope;

impl Session {
    /// Whether the parameters of an extension, named by its EHLO keyword, have a meaning here.
    pub(super) fn takes_parameters_of(&self, keyword: &str) -> bool {
        let capabilities = &self.config.capabilities;
        match keyword {
            "SIZE" => true,
            "AUTH" => self.offers_auth() || self.info.identity.is_some(),
            "8BITMIME" => capabilities.eight_bit_mime,
            "SMTPUTF8" => self.config.offers_smtputf8(),
            "BINARYMIME" => capabilities.binary_mime,
            "DSN" => capabilities.dsn,
            "REQUIRETLS" => capabilities.require_tls && self.info.tls.is_some(),
            "RRVS" => capabilities.rrvs,
            "MT-PRIORITY" => capabilities.mt_priority.is_some(),
            "DELIVERBY" => self.deliver_by_seconds_min().is_some(),
            "FUTURERELEASE" => self.hold_seconds_max().is_some(),
            _ => false,
        }
    }

    pub(super) fn add_offers_of_delivery(&self, offered: &mut Vec<Extension<'_>>) {
        let simple = [
            ("8BITMIME", Extension::EightBitMime),
            ("SMTPUTF8", Extension::SmtpUtf8),
            ("BINARYMIME", Extension::BinaryMime),
            ("DSN", Extension::Dsn),
            ("REQUIRETLS", Extension::RequireTls),
            ("RRVS", Extension::Rrvs),
        ];
        let taken = simple.into_iter().filter(|(keyword, _)| self.takes_parameters_of(keyword));
        offered.extend(taken.map(|(_, extension)| extension));
        if self.offers_prdr() {
            offered.push(Extension::Prdr);
        }
        let capabilities = &self.config.capabilities;
        if let Some(policies) = capabilities.mt_priority {
            let names = policies.iter().copied().map(Into::into).collect();
            offered.push(Extension::MtPriority(names));
        }
        if let Some(seconds_min) = self.deliver_by_seconds_min() {
            offered.push(Extension::DeliverBy((0 < seconds_min).then_some(seconds_min)));
        }
        if let Some(interval_max) = self.hold_seconds_max()
            && let Some(latest) =
                DateTime::from_unix_seconds(self.unix_seconds() + i64::from(interval_max))
        {
            let date_time_max = latest.as_str().to_owned().into();
            offered.push(Extension::FutureRelease { interval_max, date_time_max });
        }
    }

    /// Refuses times that cannot be kept, by themselves or together.
    pub(super) fn judge_times(&self, params: &MailParams<'_>) -> Result<(), Reply> {
        let now = self.unix_seconds();
        let by = params.by.map(|by| (by.mode(), i64::from(by.seconds())));
        if let (Some((ByMode::Return, seconds)), Some(seconds_min)) =
            (by, self.deliver_by_seconds_min())
            && seconds < i64::from(seconds_min)
        {
            return Err(replies::DELIVER_BY_TOO_SOON);
        }
        let Some(hold) = &params.hold else { return Ok(()) };
        // A time that is over is no reason to refuse: the message may go at once.
        let held = hold.release(now).saturating_sub(now);
        if self.hold_seconds_max().is_some_and(|max| i64::from(max) < held) {
            return Err(replies::HOLD_TOO_LONG);
        }
        match by {
            Some((_, seconds)) if seconds < held => Err(replies::HOLD_BEYOND_DELIVER_BY),
            _ => Ok(()),
        }
    }

    /// Takes a priority above that of other mail from a client that nobody vouches for (RFC 6710 4.1).
    pub(super) fn lower_priority(&self, envelope: &mut Envelope) {
        if self.info.identity.is_none() {
            let asked = envelope.params.mt_priority;
            envelope.params.mt_priority = asked.map(|asked| asked.min(MtPriority::default()));
        }
    }

    fn deliver_by_seconds_min(&self) -> Option<u32> {
        let seconds_min = self.config.capabilities.deliver_by_seconds_min;
        seconds_min.map(|seconds| seconds.min(limits::SECONDS_MAX))
    }

    /// How long a message may be held, where it may be held at all: RFC 4865 4.2 has it for
    /// submission alone.
    fn hold_seconds_max(&self) -> Option<u32> {
        let seconds_max = self.config.capabilities.future_release_seconds_max;
        seconds_max
            .filter(|_| self.config.is_submission())
            .map(|seconds| seconds.min(limits::SECONDS_MAX))
    }

    /// The wall clock, in seconds since 1970-01-01T00:00:00Z.
    fn unix_seconds(&self) -> i64 {
        i64::try_from(self.now.wall.0 / 1000).unwrap_or(i64::MAX)
    }
}
