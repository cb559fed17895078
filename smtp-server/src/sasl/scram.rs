//! SCRAM: client and server each prove that they know the password, or keys of it, and show neither.
//!
//! * **In**: the client's messages, the store's keys. **Out**: the server's messages, two questions to the store.
//! * **Promises**: the client's proof and the channel's octets are compared in constant time; a client that believes there
//!   is no channel binding, where it was offered, is refused; nonces are never used twice.
//! * **Limits**: the AUTH line's. **Panics**: never.
//! * **Spec**: RFC 5802 5 to 7, RFC 7677, RFC 5929 4, RFC 9266.

mod client;
mod keys;
mod message;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub use client::{ScramBinding, ScramClient};
#[cfg(feature = "password-hashes")]
pub(super) use keys::are_of;
pub(super) use keys::{decoy, random};
use keys::{proves, signature};
use message::{BindingFlag, ClientFinal, ClientFirst};

use super::prepare::prepared;
use crate::hooks::{
    CredentialAnswer, CredentialQuery, SaslExchange, SaslStep, ScramHash, ScramKeys,
};
use crate::info::{ChannelBindings, Identity, SessionInfo};

/// Octets of the server's part of the nonce.
const NONCE_BYTES: usize = 18;

pub(super) struct Scram {
    hash: ScramHash,
    binding: Binding,
    /// The server's part.
    nonce: String,
    state: State,
}

/// What this connection can be bound to.
enum Binding {
    /// Nothing.
    None,
    /// It was offered and the client chose the mechanism without it.
    NotChosen,
    /// The client chose the mechanism with it.
    Chosen(Box<ChannelBindings>),
}

enum State {
    Start { is_prompted: bool },
    Keys(Run),
    Final(Run, ScramKeys),
    Proof { signature: Option<Vec<u8>> },
    Acknowledgement(Identity),
    End,
}

/// What both sides sign, as far as it is known.
struct Run {
    authcid: String,
    authzid: Option<String>,
    /// As they came, for what is signed.
    first: ClientFirst,
    /// Both parts.
    nonce: String,
    /// What `c=` has to say.
    channel: Vec<u8>,
    server_first: String,
}

/// The names of the mechanisms with this hash that this session can offer, strongest first.
pub(super) fn mechanisms(hash: ScramHash, info: &SessionInfo) -> &'static [&'static str] {
    let names = match hash {
        ScramHash::Sha256 => &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
        ScramHash::Sha1 => &["SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"],
    };
    if bindings(info).is_some() { names } else { &names[1..] }
}

fn bindings(info: &SessionInfo) -> Option<&ChannelBindings> {
    info.tls.as_ref()?.channel_bindings.as_deref()
}

impl Scram {
    /// `None` for what this session does not offer, and if the system gives no random numbers.
    pub(super) fn start(mechanism: &str, info: &SessionInfo) -> Option<Self> {
        let nonce = STANDARD.encode(random::<NONCE_BYTES>()?);
        let (name, chosen) = match mechanism.strip_suffix("-PLUS") {
            Some(name) => (name, true),
            None => (mechanism, false),
        };
        let hash = match name {
            "SCRAM-SHA-256" => ScramHash::Sha256,
            "SCRAM-SHA-1" => ScramHash::Sha1,
            _ => return None,
        };
        let binding = match (bindings(info), chosen) {
            (Some(bindings), true) => Binding::Chosen(Box::new(bindings.clone())),
            (None, true) => return None,
            (Some(_), false) => Binding::NotChosen,
            (None, false) => Binding::None,
        };
        Some(Self { hash, binding, nonce, state: State::Start { is_prompted: false } })
    }

    pub(super) fn hash(&self) -> ScramHash {
        self.hash
    }

    fn client_first(&mut self, message: &[u8]) -> Option<SaslStep> {
        let first = ClientFirst::parse(message)?;
        let channel = match (&self.binding, &first.flag) {
            (Binding::None, BindingFlag::None | BindingFlag::NotOffered)
            | (Binding::NotChosen, BindingFlag::None) => &[],
            (Binding::Chosen(bindings), BindingFlag::Used(name)) => bindings.find(name)?,
            _ => return None,
        };
        let channel = [first.header.as_bytes(), channel].concat();
        let authcid = prepared(&first.name)?.to_string();
        let authzid = match &first.authzid {
            Some(authzid) => Some(prepared(authzid)?.to_string()),
            None => None,
        };
        let query = CredentialQuery::ScramKeys { authcid: authcid.clone(), hash: self.hash };
        let authzid = authzid.filter(|authzid| *authzid != authcid);
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let server_first = String::new();
        self.state = State::Keys(Run { authcid, authzid, first, nonce, channel, server_first });
        Some(SaslStep::Ask(query))
    }

    fn server_first(&mut self, mut run: Run, keys: ScramKeys) -> SaslStep {
        let salt = STANDARD.encode(&keys.salt);
        run.server_first = format!("r={},s={salt},i={}", run.nonce, keys.iterations);
        let challenge = run.server_first.clone().into_bytes();
        self.state = State::Final(run, keys);
        SaslStep::Challenge(challenge)
    }

    fn client_final(&mut self, run: Run, keys: &ScramKeys, message: &[u8]) -> Option<SaslStep> {
        let last = ClientFinal::parse(message)?;
        let is_ours = last.channel == run.channel && last.nonce == run.nonce;
        let signed = format!("{},{},{}", run.first.bare, run.server_first, last.without_proof);
        let is_right = proves(self.hash, keys, signed.as_bytes(), &last.proof) && is_ours;
        let signature = is_right.then(|| signature(self.hash, keys, signed.as_bytes()));
        self.state = State::Proof { signature };
        let Run { authcid, authzid, .. } = run;
        Some(SaslStep::Ask(CredentialQuery::Proof { authcid, authzid, is_right }))
    }
}

impl SaslExchange for Scram {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        let step = match (std::mem::replace(&mut self.state, State::End), response) {
            (State::Start { is_prompted: false }, None) => {
                self.state = State::Start { is_prompted: true };
                Some(SaslStep::Challenge(Vec::new()))
            }
            (State::Start { .. }, Some(message)) => self.client_first(message),
            (State::Final(run, keys), Some(message)) => self.client_final(run, &keys, message),
            (State::Acknowledgement(identity), Some([])) => Some(SaslStep::Done(identity)),
            _ => None,
        };
        step.unwrap_or(SaslStep::Failed)
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        match (std::mem::replace(&mut self.state, State::End), answer) {
            (State::Keys(run), CredentialAnswer::ScramKeys(keys)) => self.server_first(run, keys),
            (State::Proof { signature: Some(signature) }, CredentialAnswer::Granted(identity)) => {
                self.state = State::Acknowledgement(identity);
                SaslStep::Challenge(format!("v={}", STANDARD.encode(signature)).into_bytes())
            }
            // Whatever the store says, it does not make a wrong proof right.
            (_, CredentialAnswer::Granted(_) | CredentialAnswer::Challenge(_)) => SaslStep::Failed,
            (_, answer) => answer.into(),
        }
    }
}

#[cfg(test)]
mod tests;
