//! PLAIN: authzid, authcid and password in one message.
//!
//! * **In**: `[authzid] NUL authcid NUL password`. **Out**: a question to the store.
//! * **Promises**: exactly two NULs, UTF-8, nothing empty but the authzid, also after preparation.
//! * **Limits**: the AUTH line's. **Panics**: never. **Spec**: RFC 4616 2, RFC 4013.

use super::prepare::prepared;
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
    if parts.next().is_some() {
        return None;
    }
    let authzid = if authzid.is_empty() { None } else { Some(prepared(authzid)?.to_string()) };
    let authcid = prepared(authcid)?.to_string();
    Some(CredentialQuery::Verify {
        authzid: authzid.filter(|authzid| *authzid != authcid),
        authcid,
        password: prepared(password)?,
    })
}
