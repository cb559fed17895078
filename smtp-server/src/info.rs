//! Facts about a session, as hooks see them.
//!
//! * **In**: what the session and the driver learnt. **Out**: an immutable snapshot.
//! * **Promises**: a hook cannot change a session through it; a secret in it never prints.
//! * **Limits**: one `Arc` per session, copied only when a fact changes. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.1 (client name), RFC 3207 (TLS), RFC 4954 (identity).

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use smtp_proto::{ClientName, Domain};

use crate::access::ClientHost;

/// What a listener serves; it decides the protocol's variant and its defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Service {
    /// Port 25: mail from other hosts (RFC 5321).
    Smtp,
    /// Port 587: mail from users, TLS by STARTTLS (RFC 6409).
    Submission,
    /// Port 465: mail from users, TLS from the first octet (RFC 8314 3.3).
    Submissions,
    /// Local delivery, with one reply per recipient (RFC 2033).
    Lmtp,
}

impl Service {
    /// The name used in logs and on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Submissions => "submissions",
            Self::Lmtp => "lmtp",
        }
    }

    /// Whether its clients are those who write messages (RFC 6409).
    pub(crate) fn is_submission(self) -> bool {
        matches!(self, Self::Submission | Self::Submissions)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The two ends of the connection; an end without an IP address (a Unix socket, a test) is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The client's address and port.
    pub remote: Option<SocketAddr>,
    /// Our own address and port.
    pub local: Option<SocketAddr>,
}

impl Peer {
    /// A client at `remote`.
    #[must_use]
    pub fn new(remote: SocketAddr, local: SocketAddr) -> Self {
        Self { remote: Some(remote), local: Some(local) }
    }

    /// The client's IP address, an IPv4-mapped one written as IPv4.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.remote.map(|address| address.ip().to_canonical())
    }

    /// Our own IP address, written in the same way.
    pub(crate) fn local_ip(&self) -> Option<IpAddr> {
        self.local.map(|address| address.ip().to_canonical())
    }
}

/// How the client introduced itself: a claim, not a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// What it called itself.
    pub name: ClientName<'static>,
    /// EHLO or LHLO, not HELO.
    pub extended: bool,
}

/// Facts of the TLS session.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TlsInfo {
    /// `TLSv1.3` or `TLSv1.2`.
    pub protocol: Cow<'static, str>,
    /// The cipher suite's IANA name.
    pub cipher: Cow<'static, str>,
    /// The server name that the client asked for (SNI) in lower case: a DNS name, but a claim.
    pub server_name: Option<String>,
    /// The certificate that the client showed and was found valid; only clients that are asked for one show one.
    pub client_certificate: Option<Box<ClientCertificate>>,
    /// What binds an authentication to this connection, where it can be relied upon.
    pub channel_bindings: Option<Box<ChannelBindings>>,
}

impl TlsInfo {
    /// The facts as the TLS library reported them.
    #[must_use]
    pub fn new(
        protocol: impl Into<Cow<'static, str>>,
        cipher: impl Into<Cow<'static, str>>,
        server_name: Option<String>,
    ) -> Self {
        Self {
            protocol: protocol.into(),
            cipher: cipher.into(),
            server_name,
            client_certificate: None,
            channel_bindings: None,
        }
    }
}

/// Octets that client and server compute alike only if they are the two ends of the same TLS connection.
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBindings {
    /// `tls-exporter` (RFC 9266).
    pub exporter: Option<[u8; 32]>,
    /// `tls-server-end-point` (RFC 5929 4): a hash of the certificate that the server showed.
    pub server_end_point: Option<Bytes>,
}

impl ChannelBindings {
    /// The octets of the type that IANA registered under this name, if it is supported here.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        match name {
            "tls-exporter" => self.exporter.as_ref().map(<[u8; 32]>::as_slice),
            "tls-server-end-point" => self.server_end_point.as_deref(),
            _ => None,
        }
    }
}

impl fmt::Debug for ChannelBindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelBindings")
    }
}

/// A client certificate that a trusted authority vouches for. What it permits is for policies to say.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The DNS names of its subject, as it spells them; `*.` begins a wildcard.
    pub dns_names: Vec<String>,
    /// SHA-256 of the certificate, in lower-case hexadecimal.
    pub sha256: String,
    /// The certificate itself in DER, for whoever wants to know more.
    pub der: Bytes,
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("dns_names", &self.dns_names)
            .field("sha256", &self.sha256)
            .finish_non_exhaustive()
    }
}

/// Who the client proved to be (RFC 4422 3.4.1).
#[derive(Clone)]
pub struct Identity {
    /// The authentication identity: whose credential was shown.
    pub authcid: String,
    /// The identity to act as, if another one was asked for and granted.
    pub authzid: Option<String>,
    /// Whatever the credential store wants delivery to see (an account record).
    pub data: Option<Arc<dyn Any + Send + Sync>>,
}

impl Identity {
    /// An identity without a record.
    #[must_use]
    pub fn new(authcid: impl Into<String>) -> Self {
        Self { authcid: authcid.into(), authzid: None, data: None }
    }

    /// The same identity with a record for later hooks.
    #[must_use]
    pub fn with_data<T: Any + Send + Sync>(mut self, data: T) -> Self {
        self.data = Some(Arc::new(data));
        self
    }

    /// The record, if it is a `T`.
    #[must_use]
    pub fn data<T: Any>(&self) -> Option<&T> {
        self.data.as_deref().and_then(|data| data.downcast_ref())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("authcid", &self.authcid)
            .field("authzid", &self.authzid)
            .finish_non_exhaustive()
    }
}

/// Values that one hook leaves for another, one per type.
#[derive(Clone, Default)]
pub struct Extensions(Vec<(TypeId, Arc<dyn Any + Send + Sync>)>);

impl Extensions {
    /// Stores `value`, replacing an earlier one of the same type.
    pub fn insert<T: Any + Send + Sync>(&mut self, value: T) {
        self.put(TypeId::of::<T>(), Arc::new(value));
    }

    /// The value of this type, if there is one.
    #[must_use]
    pub fn find<T: Any + Send + Sync>(&self) -> Option<&T> {
        let wanted = TypeId::of::<T>();
        let (_, value) = self.0.iter().find(|(id, _)| *id == wanted)?;
        value.downcast_ref()
    }

    /// Whether nothing is stored.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn merge(&mut self, later: Self) {
        for (id, value) in later.0 {
            self.put(id, value);
        }
    }

    fn put(&mut self, id: TypeId, value: Arc<dyn Any + Send + Sync>) {
        match self.0.iter_mut().find(|(known, _)| *known == id) {
            Some(entry) => entry.1 = value,
            None => self.0.push((id, value)),
        }
    }
}

impl fmt::Debug for Extensions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extensions({})", self.0.len())
    }
}

/// A snapshot of what is known about the session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Our own name, as in the greeting.
    pub server_name: Arc<str>,
    /// What the listener serves.
    pub service: Service,
    /// The connection's ends, or those of the client that an authorised one speaks for (XCLIENT).
    pub peer: Peer,
    /// The client's name in the DNS, if an authorised client told it (XCLIENT). Not what it says of itself.
    pub reverse_name: Option<Domain<'static>>,
    /// The client's introduction, once made.
    pub hello: Option<Hello>,
    /// Set once TLS is active.
    pub tls: Option<TlsInfo>,
    /// Set once the client authenticated, or an authorised one said so (XCLIENT).
    pub identity: Option<Identity>,
    /// How the client authenticated; not set where an authorised one said that it did.
    pub mechanism: Option<&'static str>,
    /// Values left by hooks for the rest of the session.
    pub extensions: Extensions,
}

impl SessionInfo {
    /// The facts known before the first octet; tests of hooks start here.
    #[must_use]
    pub fn new(server_name: impl Into<Arc<str>>, service: Service, peer: Peer) -> Self {
        Self {
            server_name: server_name.into(),
            service,
            peer,
            reverse_name: None,
            hello: None,
            tls: None,
            identity: None,
            mechanism: None,
            extensions: Extensions::default(),
        }
    }

    /// The client's name, if the DNS confirmed it ([`ClientHost`]) or an authorised client told it.
    #[must_use]
    pub fn client_name(&self) -> Option<&Domain<'static>> {
        let confirmed = || self.extensions.find::<ClientHost>().and_then(ClientHost::confirmed);
        self.reverse_name.as_ref().or_else(confirmed)
    }

    /// Says in words what a hook found, for whoever asks why; evaluated only while somebody does.
    ///
    /// Ready-made hooks tell what did not apply, too, since what is asked most is why mail was refused.
    pub fn note(&self, words: impl FnOnce() -> String) {
        if let Some(notes) = self.extensions.find::<Notes>() {
            notes.add(words());
        }
    }
}

/// What hooks said of their reasons, in the order in which they were asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, words: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(words);
    }

    /// Everything so far, which is forgotten here.
    #[cfg(feature = "tokio")]
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
