//! All checks of one message, in their order.
//!
//! * **In**: what is known at its begin, its header section, the hashes of its body. **Out**: results, the fields that
//!   tell them, or a refusal.
//! * **Promises**: results are settled before a refusal is made of them. **Limits**: those of the checks.
//! * **Panics**: never. **Spec**: RFC 8601 4.1; RFC 7372 3, 4; RFC 9989 7.4, 8; RFC 8617 5.1.

use mail_auth::{MessageAuthenticator, Parameters};
use smtp_proto::ReplyCode;

use super::dkim::BodyHashes;
use super::results::{
    AuthResults, DkimResult, DmarcPolicy, DmarcResult, PendingResults, SpfOutcome, SpfResult,
};
use super::{arc, dkim, dmarc, field, spf};
use crate::access::common::refusal;
use crate::dns::Dns;
use crate::envelope::Envelope;
use crate::header::HeaderField;
use crate::info::SessionInfo;
use crate::signing::DkimKeys;
use crate::time::UnixMillis;
use crate::verdict::Rejection;

/// What was asked for.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) dns: Dns,
    /// Whether a message is refused if it fails DMARC and its domain asks for that.
    pub(super) rejects: bool,
    /// The domain and the keys of our seals.
    pub(super) seal: Option<(String, DkimKeys)>,
}

/// A message about which something is to be found out.
pub(super) struct Evaluation {
    options: Options,
    results: PendingResults,
    spf: Option<SpfOutcome>,
    arrived: UnixMillis,
}

impl Evaluation {
    pub(super) async fn begin(
        options: Options,
        results: PendingResults,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> Self {
        let spf = match (envelope.extensions.find::<SpfOutcome>(), info.peer.ip()) {
            (Some(known), _) => Some(known.clone()),
            (None, Some(ip)) => Some(spf::outcome(&options.dns, ip, envelope, info).await),
            (None, None) => None,
        };
        Self { options, results, spf, arrived: envelope.arrived }
    }

    pub(super) async fn finish(
        self,
        header: Vec<u8>,
        hashes: BodyHashes,
        server_name: &str,
    ) -> Result<Vec<HeaderField>, Rejection> {
        let Self { options, results: pending, spf, arrived } = self;
        let dns = &options.dns;
        let hashes = hashes.finish();
        let (message, refused) = dkim::prepare(&header, &hashes);
        let names = dkim::key_names(&message).into_iter().chain(arc::key_names(&message));
        let keys = dkim::keys(dns, names).await;
        let authenticator = MessageAuthenticator(dns.resolver());
        let parameters = Parameters::new(&message).with_txt_cache(&keys);
        let signatures = authenticator.verify_dkim(parameters).await;
        let parameters = Parameters::new(&message).with_txt_cache(&keys);
        let chain = authenticator.verify_arc(parameters).await;
        let results = AuthResults {
            dkim: signatures.iter().map(dkim::check).chain(refused).collect(),
            dmarc: dmarc::check(dns, &message, &signatures, spf.as_ref()).await,
            arc: arc::result(&message, &chain),
            spf,
        };
        pending.settle(results.clone());
        if options.rejects {
            judge(&results)?;
        }
        let value = field::value_of(server_name, Some(&results));
        let mut fields = Vec::new();
        let key = options.seal.as_ref().and_then(|(domain, keys)| keys.sealing_key(domain));
        if let Some(key) = key {
            fields = arc::seal(&message, &hashes, &results, value.as_str(), &key, arrived)?;
        }
        fields.push(value.finish("Authentication-Results"));
        Ok(fields)
    }
}

/// The refusal of what fails DMARC where that is asked for.
fn judge(results: &AuthResults) -> Result<(), Rejection> {
    let dmarc = &results.dmarc;
    if dmarc.result != DmarcResult::Fail || dmarc.policy != DmarcPolicy::Reject {
        return Ok(());
    }
    let spf = results.spf.as_ref().map(|spf| spf.mail_from_result);
    let signed = !results.dkim.is_empty();
    let holds = results.dkim.iter().any(|check| check.result == DkimResult::Pass);
    let (detail, text) = if spf == Some(SpfResult::Fail) && signed && !holds {
        (26, "SPF, DKIM and DMARC of the author's domain failed")
    } else if signed && holds {
        (22, "DMARC: no valid signature is the author's")
    } else if signed {
        (20, "DMARC: no signature is valid")
    } else {
        (1, "DMARC: the author's domain does not vouch for this message")
    };
    Err(refusal(ReplyCode::MAILBOX_UNAVAILABLE, (5, 7, detail), text)
        .with_detail(format!("{results:?}")))
}
