//! LOGIN: a name, then a password, each asked for; older than SASL and still what some clients speak.
//!
//! * **In**: two responses, the name possibly with AUTH itself. **Out**: a question to the store.
//! * **Promises**: the prompts are the two that clients compare with. **Limits**: the AUTH line's.
//! * **Panics**: never. **Spec**: draft-murchison-sasl-login, RFC 4013.

use super::prepare::prepared;
use crate::hooks::{CredentialAnswer, CredentialQuery, SaslExchange, SaslStep};

#[derive(Default)]
pub(super) struct Login {
    authcid: Option<String>,
}

impl SaslExchange for Login {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        let Some(response) = response else {
            return SaslStep::Challenge(b"Username:".to_vec());
        };
        let text = std::str::from_utf8(response).ok().and_then(prepared);
        match (text, self.authcid.take()) {
            (None, _) => SaslStep::Failed,
            (Some(authcid), None) => {
                self.authcid = Some(authcid.to_string());
                SaslStep::Challenge(b"Password:".to_vec())
            }
            (Some(password), Some(authcid)) => {
                SaslStep::Ask(CredentialQuery::Verify { authcid, authzid: None, password })
            }
        }
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        answer.into()
    }
}
