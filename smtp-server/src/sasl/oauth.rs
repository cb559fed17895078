//! OAUTHBEARER and XOAUTH2: a bearer token in one message.
//!
//! * **In**: a header, then keys and values. **Out**: a question to the verifier; after a failure a challenge in JSON,
//!   whose answer ends the exchange. **Promises**: one token, of scheme Bearer; a host or a port that the client names has
//!   to be ours. **Limits**: the AUTH line's. **Panics**: never.
//! * **Spec**: RFC 7628 3, RFC 6750 2.1 (token), XOAUTH2 (Google).

use std::sync::Arc;

use zeroize::Zeroizing;

use super::prepare::prepared;
use crate::hooks::{CredentialAnswer, CredentialQuery, SaslExchange, SaslStep};

/// How a mechanism writes the same things.
pub(super) enum Form {
    OAuthBearer {
        host: Arc<str>,
        /// `None` where the listener has none.
        port: Option<u16>,
    },
    XOAuth2,
}

pub(super) struct OAuth {
    form: Form,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Start,
    Prompted,
    Asked,
    /// The client was told why.
    Refused,
}

impl OAuth {
    pub(super) fn new(form: Form) -> Self {
        Self { form, state: State::Start }
    }

    /// What RFC 7628 3.2.2 and Google show: a status, and in XOAUTH2 the scheme.
    fn refuse(&mut self) -> SaslStep {
        self.state = State::Refused;
        let reason = match self.form {
            Form::OAuthBearer { .. } => r#"{"status":"invalid_token"}"#,
            Form::XOAuth2 => r#"{"status":"401","schemes":"Bearer"}"#,
        };
        SaslStep::Challenge(reason.as_bytes().to_vec())
    }
}

impl SaslExchange for OAuth {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        match (self.state, response) {
            (State::Start, None) => {
                self.state = State::Prompted;
                SaslStep::Challenge(Vec::new())
            }
            (State::Start | State::Prompted, Some(message)) => match self.form.parse(message) {
                Some(query) => {
                    self.state = State::Asked;
                    SaslStep::Ask(query)
                }
                None => self.refuse(),
            },
            _ => SaslStep::Failed,
        }
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        match answer {
            CredentialAnswer::Denied => self.refuse(),
            answer => answer.into(),
        }
    }
}

impl Form {
    fn parse(&self, message: &[u8]) -> Option<CredentialQuery> {
        let text = std::str::from_utf8(message).ok()?;
        let (authcid, mut rest) = match self {
            Self::OAuthBearer { .. } => header(text)?,
            Self::XOAuth2 => {
                let (user, rest) = text.strip_prefix("user=")?.split_once('\x01')?;
                (prepared(user)?.to_string(), rest)
            }
        };
        let mut authorization = None;
        while rest != "\x01" {
            let (item, after) = rest.split_once('\x01')?;
            let (key, value) = item.split_once('=')?;
            match key {
                "auth" if authorization.is_some() => return None,
                "auth" => authorization = Some(value),
                _ if !self.is_ours(key, value) => return None,
                _ => {}
            }
            rest = after;
        }
        let token = Zeroizing::new(bearer_token(authorization?)?.to_owned());
        Some(CredentialQuery::Token { authcid, token })
    }

    /// Whether a key that names a place names this one.
    fn is_ours(&self, key: &str, value: &str) -> bool {
        match (self, key) {
            (Self::OAuthBearer { host, .. }, "host") => host.eq_ignore_ascii_case(value),
            (Self::OAuthBearer { port, .. }, "port") => {
                port.is_none_or(|port| value.parse() == Ok(port))
            }
            _ => !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphabetic()),
        }
    }
}

/// The identity of `gs2-header kvsep` and what follows. Bearer tokens have no channel binding.
fn header(text: &str) -> Option<(String, &str)> {
    let (header, rest) = text.split_once('\x01')?;
    let (flag, rest_of_header) = header.split_once(',')?;
    let authzid = rest_of_header.strip_suffix(',')?;
    if !matches!(flag, "n" | "y") || authzid.contains(',') {
        return None;
    }
    let authcid = match authzid {
        "" => String::new(),
        _ => prepared(&authzid_text(authzid.strip_prefix("a=")?)?)?.to_string(),
    };
    Some((authcid, rest))
}

/// `=2C` is a comma and `=3D` an equals sign (RFC 5801 4).
fn authzid_text(text: &str) -> Option<String> {
    let decoded = text.replace("=2C", ",");
    let is_whole = text.replace("=2C", "").replace("=3D", "").bytes().all(|octet| octet != b'=');
    is_whole.then(|| decoded.replace("=3D", "="))
}

/// The token of `Bearer b64token`.
fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let is_token = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/=".contains(&octet);
    let is_bearer = scheme.eq_ignore_ascii_case("Bearer");
    (is_bearer && !token.is_empty() && token.bytes().all(is_token)).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(form: &Form, message: &str) -> Option<(String, String)> {
        match form.parse(message.as_bytes())? {
            CredentialQuery::Token { authcid, token } => Some((authcid, token.to_string())),
            other => panic!("{other:?}"),
        }
    }

    // rows: 7628-3.1-a, 7628-3.1-b, 7628-3.2-a
    #[test]
    fn oauthbearer_messages() {
        let form = Form::OAuthBearer { host: "server.example.com".into(), port: Some(587) };
        let right = "n,a=user@example.com,^host=server.example.com^port=587^auth=Bearer tok^^";
        for (message, expected) in [
            (right, Some("user@example.com")),
            (&right.replace("Bearer", "bEARER"), Some("user@example.com")),
            (&right.replace("user@", "us=2Cer=3D@"), Some("us,er=@example.com")),
            (&right.replace("=server.", "=SERVER."), Some("user@example.com")),
            (&right.replace("port=587", "mthd=POST"), Some("user@example.com")),
            ("n,,^auth=Bearer tok^^", Some("")),
            ("y,,^auth=Bearer tok^^", Some("")),
            (&right.replace("587", "25"), None),
            (&right.replace("server.example.com", "evil.example"), None),
            (&right.replace("Bearer", "Basic"), None),
            (&right.replace("Bearer tok", "Bearer"), None),
            (&right.replace("Bearer tok", "Bearer t\"k"), None),
            (&right.replace("^auth=Bearer tok", ""), None),
            (&right.replace("^^", "^"), None),
            (&right.replace("^^", "^^x"), None),
            (&right.replace("^^", "^auth=Bearer other^^"), None),
            (&right.replace("user@", "us=er@"), None),
            ("p=tls-exporter,,^auth=Bearer tok^^", None),
            ("n,^auth=Bearer tok^^", None),
            ("n,,auth=Bearer tok^^", None),
            ("n,,^1=x^auth=Bearer tok^^", None),
            ("", None),
        ] {
            let parsed = parse(&form, &message.replace('^', "\x01"));
            let expected = expected.map(|name| (name.to_owned(), "tok".to_owned()));
            assert_eq!(parsed, expected, "{message}");
        }
        assert!(form.parse(b"n,,\x01auth=Bearer \xff\x01\x01").is_none());
    }

    // rows: XOAUTH2-1-a
    #[test]
    fn xoauth2_messages() {
        for (message, expected) in [
            ("user=u@d.example^auth=Bearer tok^^", Some("u@d.example")),
            ("user=u@d.example^auth=bearer tok^^", Some("u@d.example")),
            ("user=^auth=Bearer tok^^", None),
            ("auth=Bearer tok^user=u^^", None),
            ("user=u^auth=Bearer tok^", None),
            ("user=u^^", None),
            ("", None),
        ] {
            let parsed = parse(&Form::XOAuth2, &message.replace('^', "\x01"));
            let expected = expected.map(|name| (name.to_owned(), "tok".to_owned()));
            assert_eq!(parsed, expected, "{message}");
        }
    }
}
