//! PLAIN: authzid, authcid and password in one message.
//!
//! * **In**: `[authzid] NUL authcid NUL password`. **Out**: a question to the store.
//! * **Promises**: exactly two NULs, UTF-8, nothing empty but the authzid. **Limits**: the AUTH line's.
//! * **Panics**: never. **Spec**: RFC 4616 2.

use zeroize::Zeroizing;

use crate::hooks::{CredentialAnswer, CredentialQuery, SaslExchange, SaslStep};

#[derive(Default)]
pub(super) struct Plain {
    prompted: bool,
}

impl SaslExchange for Plain {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        match response {
            None if !self.prompted => {
                self.prompted = true;
                SaslStep::Challenge(Vec::new())
            }
            None => SaslStep::Failed,
            Some(message) => parse(message).map_or(SaslStep::Failed, SaslStep::Ask),
        }
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        answer.into()
    }
}

fn parse(message: &[u8]) -> Option<CredentialQuery> {
    let mut parts = std::str::from_utf8(message).ok()?.split('\0');
    let (authzid, authcid, password) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || authcid.is_empty() || password.is_empty() {
        return None;
    }
    Some(CredentialQuery::Verify {
        authcid: authcid.to_owned(),
        authzid: (!authzid.is_empty() && authzid != authcid).then(|| authzid.to_owned()),
        password: Zeroizing::new(password.to_owned()),
    })
}

impl From<CredentialAnswer> for SaslStep {
    fn from(answer: CredentialAnswer) -> Self {
        match answer {
            CredentialAnswer::Granted(identity) => Self::Done(identity),
            CredentialAnswer::Denied => Self::Failed,
            CredentialAnswer::Unavailable(_) => Self::Unavailable,
        }
    }
}
