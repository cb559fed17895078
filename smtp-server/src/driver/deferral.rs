//! What is deferred until RCPT.
//!
//! * **In**: the effects of client, hello and sender, each judged at its own stage. **Out**: the refusal of a recipient
//!   that nothing refused before. **Promises**: what a stage left holds until that stage is judged again.
//! * **Limits**: none. **Panics**: never. **Spec**: Postfix postconf(5), `defer_if_permit`.

use crate::envelope::Envelope;
use crate::hooks::StageKind;
use crate::info::SessionInfo;
use crate::verdict::{Effects, Rejection, Verdict};

/// Of the session: kept among its values.
#[derive(Clone, Default)]
struct OfSession {
    client: Option<Box<Rejection>>,
    hello: Option<Box<Rejection>>,
}

/// Of the transaction.
struct OfSender(Box<Rejection>);

/// Keeps the deferral of an early stage for the recipients.
pub(super) fn keep(verdict: Verdict, stage: StageKind, info: &SessionInfo) -> Verdict {
    let before = info.extensions.find::<OfSession>();
    let mut effects = match verdict {
        Verdict::AcceptWith(effects) => *effects,
        Verdict::Accept if before.is_some() => Effects::default(),
        verdict => return verdict,
    };
    let deferral = effects.deferral.take();
    if stage == StageKind::Sender {
        if let Some(deferral) = deferral {
            effects.transaction.insert(OfSender(deferral));
        }
        return Verdict::with(effects);
    }
    if before.is_some() || deferral.is_some() {
        let client = before.and_then(|before| before.client.clone());
        effects.session.insert(match stage {
            StageKind::Client => OfSession { client: deferral, hello: None },
            _ => OfSession { client, hello: deferral },
        });
    }
    Verdict::with(effects)
}

/// The first that was kept, else the one of these effects.
pub(super) fn due(
    effects: &mut Effects,
    envelope: &Envelope,
    info: &SessionInfo,
) -> Option<Rejection> {
    let session = info.extensions.find::<OfSession>();
    let early = session.and_then(|kept| kept.client.as_ref().or(kept.hello.as_ref()));
    let sender = || envelope.extensions.find::<OfSender>().map(|OfSender(deferral)| deferral);
    let last = effects.deferral.take();
    early.or_else(sender).cloned().or(last).map(|deferral| *deferral)
}

/// A stage behind the recipients is the last one for its deferral.
pub(super) fn apply(verdict: Verdict, stage: StageKind) -> Verdict {
    use StageKind::{Client, Hello, Recipient, Sender};
    match verdict {
        Verdict::AcceptWith(mut effects)
            if !matches!(stage, Client | Hello | Sender | Recipient) =>
        {
            match effects.deferral.take() {
                Some(deferral) => Verdict::Reject(*deferral),
                None => Verdict::AcceptWith(effects),
            }
        }
        verdict => verdict,
    }
}
