//! What was found out about a message.
//!
//! * **In**: checks. **Out**: values for policies, the same that [`Authentication-Results`](super) tells.
//! * **Promises**: temporary is told from permanent; nothing here is a judgement. Names in it are what the message or
//!   its signatures say: ASCII or not, and of any form. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 8601 2.7; RFC 7208 2.6; RFC 6376 3.9; RFC 9989 5.3; RFC 8617 4.4.

use std::fmt;
use std::sync::{Arc, OnceLock};

/// What SPF says (RFC 7208 2.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpfResult {
    /// The domain does not say.
    None,
    /// The domain says that it does not say.
    Neutral,
    /// The host may send for the domain.
    Pass,
    /// It may not.
    Fail,
    /// It probably may not; never a reason to refuse by itself (RFC 7208 8.5).
    SoftFail,
    /// The DNS does not answer now.
    TempError,
    /// The domain's record cannot be understood, or asks for too many look-ups.
    PermError,
}

/// What SPF says about both names that a client gave. Left in the extensions of the transaction by
/// [`Spf`](super::Spf).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpfOutcome {
    /// The name in EHLO or HELO, if it is a domain.
    pub helo: Option<String>,
    /// About it.
    pub helo_result: SpfResult,
    /// The domain of the reverse-path; `None` for the null reverse-path, for which the name in EHLO stands (RFC 7208 2.4).
    pub mail_from: Option<String>,
    /// About it, or about `postmaster` at the name in EHLO.
    pub mail_from_result: SpfResult,
}

/// What became of a DKIM signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DkimResult {
    /// The domain signed this message.
    Pass,
    /// The message is not what was signed.
    Fail,
    /// The key cannot be had now.
    TempError,
    /// The signature or its key cannot be used: malformed, expired, revoked, too weak.
    PermError,
}

/// One DKIM signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DkimCheck {
    /// What became of it.
    pub result: DkimResult,
    /// The domain that signed (`d=`); empty if that cannot be told.
    pub domain: String,
    /// The selector (`s=`); empty if that cannot be told.
    pub selector: String,
    /// Why it did not pass, in words for a log.
    pub reason: Option<String>,
    /// The first characters of the signature in base64: tells signatures of one domain apart (RFC 6008).
    pub(super) signature: String,
}

/// What DMARC says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcResult {
    /// The author's domain takes no part, or there is no such domain, or several.
    None,
    /// SPF or DKIM passed for the author's domain.
    Pass,
    /// Neither did.
    Fail,
    /// It is not known: the DNS did not answer a question that matters (RFC 9989 5.3.6).
    TempError,
    /// The record cannot be used.
    PermError,
}

/// What the author's domain wants to be done with messages that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DmarcPolicy {
    /// Nothing.
    None,
    /// Look twice.
    Quarantine,
    /// Refuse; by itself no reason to do so (RFC 9989 8).
    Reject,
}

/// DMARC of the author's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmarcCheck {
    /// What it says.
    pub result: DmarcResult,
    /// What the domain asks for.
    pub policy: DmarcPolicy,
    /// The author's domain, in A-labels; empty without one.
    pub domain: String,
}

/// The state of a chain of seals (RFC 8617 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArcResult {
    /// There is none.
    None,
    /// All seals hold.
    Pass,
    /// One does not; there is no way back.
    Fail,
}

/// All that was found out about one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthResults {
    /// SPF; `None` if the client has no address.
    pub spf: Option<SpfOutcome>,
    /// The signatures that were looked at, first those that could be read.
    pub dkim: Vec<DkimCheck>,
    /// DMARC.
    pub dmarc: DmarcCheck,
    /// ARC.
    pub arc: ArcResult,
}

/// Where a delivery under [`MessageAuth`](super::MessageAuth) finds the results: in
/// [`Envelope::extensions`](crate::envelope::Envelope::extensions).
#[derive(Clone, Debug, Default)]
pub struct PendingResults(Arc<OnceLock<AuthResults>>);

impl PendingResults {
    /// The results; there once the body gave `None`, for a message from another host.
    #[must_use]
    pub fn find(&self) -> Option<&AuthResults> {
        self.0.get()
    }

    /// What is there first stays.
    pub(super) fn settle(&self, results: AuthResults) {
        let _ = self.0.set(results);
    }
}

impl fmt::Display for SpfResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Neutral => "neutral",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

impl fmt::Display for DkimResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

impl fmt::Display for DmarcResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        })
    }
}

impl fmt::Display for ArcResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
        })
    }
}
