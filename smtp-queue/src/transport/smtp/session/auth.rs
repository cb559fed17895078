//! AUTH as a client: which mechanism, and what it says.
//!
//! * **In**: credentials, what the next hop offers, the TLS connection, challenges. **Out**: responses.
//! * **Promises**: the strongest mechanism that is offered; a password is sent as it is only to a host whose certificate
//!   was verified, unless the embedder says otherwise; a server that has to prove itself (SCRAM) is not believed
//!   before; nothing here prints a secret. **Limits**: those of a reply. **Panics**: never.
//! * **Spec**: RFC 4954 4 and 14, RFC 4616, RFC 5802 (feature `scram`), draft-murchison-sasl-login.

use std::fmt;

use smtp_proto::{InitialResponse, Mechanism};
use zeroize::Zeroizing;

#[cfg(feature = "scram")]
use smtp_server::ScramHash;
#[cfg(feature = "scram")]
use smtp_server::sasl::{ScramBinding, ScramClient};

use super::{Cause, TlsFacts};

/// A name and a password for a next hop.
///
/// They are used inside TLS alone, and the password itself (PLAIN, LOGIN) is sent only where the certificate was
/// verified for the host's name (RFC 4954 14), unless [`in_clear`](Self::in_clear) is called.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    username: String,
    password: Zeroizing<String>,
    in_clear: bool,
}

impl Credentials {
    /// `None` if either is empty or has a NUL, which no mechanism can carry.
    #[must_use]
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Option<Self> {
        let (username, password) = (username.into(), Zeroizing::new(password.into()));
        let is_usable = |text: &str| !text.is_empty() && !text.contains('\0');
        let are_usable = is_usable(&username) && is_usable(&password);
        are_usable.then_some(Self { username, password, in_clear: false })
    }

    /// The same, to be used without TLS and without a verified certificate, too.
    #[must_use]
    pub fn in_clear(self) -> Self {
        Self { in_clear: true, ..self }
    }

    /// The name.
    #[must_use]
    pub fn username(&self) -> &str {
        &self.username
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// One exchange with a next hop.
pub(super) struct Exchange {
    pub(super) mechanism: Mechanism<'static>,
    state: State,
}

enum State {
    Plain(Zeroizing<Vec<u8>>),
    Login {
        username: Option<String>,
        password: Option<Zeroizing<String>>,
    },
    #[cfg(feature = "scram")]
    Scram(ScramClient, Turn),
    Complete,
    Broken,
}

/// Which message of SCRAM comes next.
#[cfg(feature = "scram")]
enum Turn {
    ClientFirst,
    ServerFirst,
    ServerFinal,
}

impl Exchange {
    /// The strongest mechanism that is `offered` (in upper case) and may be used over this connection, or why there is none.
    pub(super) fn choose(
        credentials: &Credentials,
        offered: &[String],
        tls: Option<&TlsFacts>,
    ) -> Result<Self, Cause> {
        let may_prove = credentials.in_clear || tls.is_some();
        let may_tell = credentials.in_clear || tls.is_some_and(|tls| tls.is_verified);
        let proven = may_prove.then(|| prove(credentials, offered, tls)).flatten();
        let told = || may_tell.then(|| tell(credentials, offered)).flatten();
        let none = || match tell(credentials, offered) {
            Some(_) => Cause::NotVerified,
            None => Cause::NoMechanism,
        };
        proven.or_else(told).ok_or_else(none)
    }

    /// What goes along with AUTH.
    pub(super) fn initial_response(&mut self) -> Option<InitialResponse<'static>> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Plain(message) => {
                self.state = State::Complete;
                Some(InitialResponse::encode(&message))
            }
            #[cfg(feature = "scram")]
            State::Scram(client, Turn::ClientFirst) => {
                let first = InitialResponse::encode(&client.first());
                self.state = State::Scram(client, Turn::ServerFirst);
                Some(first)
            }
            other => {
                self.state = other;
                None
            }
        }
    }

    /// What answers a challenge; `None` if the exchange is to be given up.
    pub(super) fn respond(&mut self, challenge: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        #[cfg(not(feature = "scram"))]
        let _ = challenge;
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Login { username: Some(username), password } => {
                self.state = State::Login { username: None, password };
                Some(Zeroizing::new(username.into_bytes()))
            }
            State::Login { username: None, password: Some(password) } => {
                self.state = State::Complete;
                Some(Zeroizing::new(password.as_bytes().to_vec()))
            }
            #[cfg(feature = "scram")]
            State::Scram(mut client, Turn::ServerFirst) => {
                let last = client.last(challenge)?;
                self.state = State::Scram(client, Turn::ServerFinal);
                Some(Zeroizing::new(last))
            }
            #[cfg(feature = "scram")]
            State::Scram(client, Turn::ServerFinal) if client.is_proven_by(challenge) => {
                self.state = State::Complete;
                Some(Zeroizing::new(Vec::new()))
            }
            _ => None,
        }
    }

    /// Whether the next hop's success may be believed.
    pub(super) fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete)
    }
}

/// PLAIN or LOGIN, which show the password.
fn tell(credentials: &Credentials, offered: &[String]) -> Option<Exchange> {
    let Credentials { username, password, .. } = credentials;
    let (name, state) = if is_offered(offered, "PLAIN") {
        let message = Zeroizing::new(format!("\0{username}\0{}", **password).into_bytes());
        ("PLAIN", State::Plain(message))
    } else if is_offered(offered, "LOGIN") {
        let (username, password) = (Some(username.clone()), Some(password.clone()));
        ("LOGIN", State::Login { username, password })
    } else {
        return None;
    };
    Some(Exchange { mechanism: Mechanism::new(name).ok()?, state })
}

/// SCRAM, which shows that the password is known.
#[cfg(feature = "scram")]
fn prove(
    credentials: &Credentials,
    offered: &[String],
    tls: Option<&TlsFacts>,
) -> Option<Exchange> {
    let exporter = tls.and_then(|tls| tls.exporter);
    let kinds = [
        ("SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", ScramHash::Sha256),
        ("SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", ScramHash::Sha1),
    ];
    kinds.into_iter().find_map(|(plain, plus, hash)| {
        let (name, binding) = match exporter {
            Some(octets) if is_offered(offered, plus) => (plus, ScramBinding::Exporter(octets)),
            // RFC 5802 6: never "n" where there is something to bind to, so that it shows if somebody took
            // the other mechanism off the list.
            Some(_) => (plain, ScramBinding::NotOffered),
            None => (plain, ScramBinding::Unsupported),
        };
        let mechanism = is_offered(offered, name).then(|| Mechanism::new(name).ok()).flatten()?;
        let Credentials { username, password, .. } = credentials;
        let client = ScramClient::new(hash, username, password, binding)?;
        Some(Exchange { mechanism, state: State::Scram(client, Turn::ClientFirst) })
    })
}

#[cfg(not(feature = "scram"))]
fn prove(_: &Credentials, _: &[String], _: Option<&TlsFacts>) -> Option<Exchange> {
    None
}

fn is_offered(offered: &[String], name: &str) -> bool {
    offered.iter().any(|mechanism| mechanism == name)
}
