//! What does an external policy service say?
//!
//! * **In**: a stage's facts as attributes, over TCP or a Unix socket. **Out**: the service's action.
//! * **Promises**: a service that is away, slow or talks nonsense costs the client a `451 4.3.5`, never a pass; no
//!   value that a client sent can add an attribute. Connections are used again; one that was closed meanwhile
//!   is replaced once.
//! * **Limits**: 8 KiB of answer, eight idle connections, ten seconds unless told otherwise. **Panics**: never.
//! * **Spec**: Postfix `SMTPD_POLICY_README`, access(5) for the actions.

use std::fmt::Write as _;
use std::io;
#[cfg(unix)]
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use smtp_proto::{Domain, ReplyCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use super::action::AccessAction;
use super::client_host::ClientHost;
use super::common::refusal;
use crate::envelope::Envelope;
use crate::hooks::{AccessControl, Stage, StageKind};
use crate::info::{Service, SessionInfo};
use crate::verdict::{Rejection, Verdict};

const ANSWER_BYTES_MAX: usize = 8 * 1024;
const IDLE_CONNECTIONS_MAX: usize = 8;
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks a policy service, at RCPT unless told otherwise.
///
/// ```
/// use smtp_server::StageKind;
/// use smtp_server::access::{AccessMaps, PolicyService};
///
/// let greylist = PolicyService::tcp("127.0.0.1:10023");
/// let quota = PolicyService::unix("/run/quota/policy").at(StageKind::Data);
/// let access = AccessMaps::default().then(greylist).then(quota);
/// ```
pub struct PolicyService {
    place: Place,
    stage: StageKind,
    timeout: Duration,
    idle: Mutex<Vec<Box<dyn Stream>>>,
}

enum Place {
    Tcp(String),
    #[cfg(unix)]
    Unix(PathBuf),
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl PolicyService {
    /// A service at `host:port`.
    #[must_use]
    pub fn tcp(address: impl Into<String>) -> Self {
        Self::new(Place::Tcp(address.into()))
    }

    /// A service at a Unix socket.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self::new(Place::Unix(path.into()))
    }

    /// Asks at this stage instead.
    #[must_use]
    pub fn at(mut self, stage: StageKind) -> Self {
        self.stage = stage;
        self
    }

    /// How long one answer may take.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    fn new(place: Place) -> Self {
        Self { place, stage: StageKind::Recipient, timeout: TIMEOUT, idle: Mutex::default() }
    }

    /// What the service says, or what the client is told when it says nothing.
    pub(super) async fn action(
        &self,
        stage: &Stage<'_>,
        info: &SessionInfo,
    ) -> Result<AccessAction, Rejection> {
        let request = request(stage, info);
        let answer = match tokio::time::timeout(self.timeout, self.ask(&request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(unusable(error.to_string())),
            Err(_) => return Err(unusable("no answer in time".to_owned())),
        };
        let action = answer.strip_prefix("action=").and_then(parse_action);
        action.ok_or_else(|| unusable(format!("the service answered {answer:?}")))
    }

    async fn ask(&self, request: &str) -> io::Result<String> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(stream) = idle
            && let Ok(answer) = self.exchange(stream, request).await
        {
            return Ok(answer);
        }
        self.exchange(self.connect().await?, request).await
    }

    async fn connect(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match &self.place {
            Place::Tcp(address) => Box::new(TcpStream::connect(address).await?),
            #[cfg(unix)]
            Place::Unix(path) => Box::new(tokio::net::UnixStream::connect(path).await?),
        })
    }

    /// Keeps the connection only if the answer was whole.
    async fn exchange(&self, mut stream: Box<dyn Stream>, request: &str) -> io::Result<String> {
        stream.write_all(request.as_bytes()).await?;
        stream.flush().await?;
        let answer = read_answer(&mut stream).await?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_CONNECTIONS_MAX {
            idle.push(stream);
        }
        Ok(answer)
    }
}

#[async_trait]
impl AccessControl for PolicyService {
    fn checks(&self, stage: StageKind) -> bool {
        stage == self.stage
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        if stage.kind() != self.stage {
            return Verdict::Accept;
        }
        self.action(&stage, info).await.map_or_else(Verdict::Reject, Verdict::from)
    }
}

/// One attribute, up to the empty line behind it.
async fn read_answer(stream: &mut Box<dyn Stream>) -> io::Result<String> {
    let mut answer = Vec::new();
    let mut piece = [0; 1024];
    // Each turn adds at least an octet, or it ends.
    while !answer.ends_with(b"\n\n") {
        let read = stream.read(&mut piece).await?;
        answer.extend_from_slice(piece.get(..read).unwrap_or_default());
        if read == 0 || ANSWER_BYTES_MAX < answer.len() {
            let kind =
                if read == 0 { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
            return Err(kind.into());
        }
    }
    let text =
        String::from_utf8(answer).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    Ok(text.trim_end_matches('\n').to_owned())
}

fn unusable(detail: String) -> Rejection {
    refusal(ReplyCode::LOCAL_ERROR, (4, 3, 5), "The policy service gives no usable answer")
        .with_detail(detail)
}

/// An action of access(5).
fn parse_action(text: &str) -> Option<AccessAction> {
    if text.contains(char::is_control) {
        return None;
    }
    AccessAction::parse(text).ok()
}

/// All attributes that this server knows of; the others are left out, as the protocol allows.
fn request(stage: &Stage<'_>, info: &SessionInfo) -> String {
    let mut request = Request(String::new());
    request.put("request", "smtpd_access_policy");
    request.put("protocol_state", protocol_state(stage, info));
    request.put("protocol_name", protocol_name(info));
    let hello = info.hello.as_ref().map_or("", |hello| hello.name.as_str());
    let hello = if let Stage::Hello { hello, .. } = stage { hello.name.as_str() } else { hello };
    request.put("helo_name", hello);
    put_envelope(&mut request, stage, info);
    request.put("client_address", &text(info.peer.ip()));
    let (name, reverse) = client_names(info);
    request.put("client_name", &name);
    request.put("reverse_client_name", &reverse);
    request.put("client_port", &text(info.peer.remote.map(|end| end.port())));
    request.put("server_address", &text(info.peer.local_ip()));
    request.put("server_port", &text(info.peer.local.map(|end| end.port())));
    request.put("sasl_username", info.identity.as_ref().map_or("", |identity| &identity.authcid));
    let tls = info.tls.as_ref();
    request.put("encryption_protocol", tls.map_or("", |tls| &tls.protocol));
    request.put("encryption_cipher", tls.map_or("", |tls| &tls.cipher));
    let certificate = tls.and_then(|tls| tls.client_certificate.as_ref());
    request.put("ccert_fingerprint", certificate.map_or("", |shown| &shown.sha256));
    request.0.push('\n');
    request.0
}

fn put_envelope(request: &mut Request, stage: &Stage<'_>, info: &SessionInfo) {
    let envelope = match stage {
        Stage::Sender { envelope, .. }
        | Stage::Recipient { envelope, .. }
        | Stage::Data { envelope, .. }
        | Stage::EndOfData { envelope, .. } => *envelope,
        _ => return,
    };
    let sender = envelope.reverse_path.mailbox();
    request.put("sender", &text(sender));
    let recipient = match stage {
        Stage::Recipient { to, .. } => Some(*to),
        Stage::Data { envelope, .. } | Stage::EndOfData { envelope, .. }
            if envelope.recipients.len() == 1 =>
        {
            envelope.recipients.first().map(|recipient| &recipient.path)
        }
        _ => None,
    };
    let recipient =
        recipient.map(|path| path.mailbox().map_or("postmaster".to_owned(), ToString::to_string));
    request.put("recipient", &recipient.unwrap_or_default());
    // Before DATA the number is not known yet.
    let known = matches!(stage, Stage::Data { .. } | Stage::EndOfData { .. });
    let count = if known { envelope.recipients.len() } else { 0 };
    request.put("recipient_count", &count.to_string());
    request.put("queue_id", &text(envelope.queue_id));
    let size = match stage {
        Stage::EndOfData { bytes, .. } => *bytes,
        _ => envelope.params.size.unwrap_or(0),
    };
    request.put("size", &size.to_string());
    request.put("instance", &instance(envelope, info));
}

/// The same for all questions about one message, and for no other.
fn instance(envelope: &Envelope, info: &SessionInfo) -> String {
    let port = info.peer.remote.map_or(0, |end| end.port());
    format!("{:x}.{port:x}", envelope.arrived.0)
}

fn protocol_state(stage: &Stage<'_>, info: &SessionInfo) -> &'static str {
    match stage {
        Stage::Client { .. } => "CONNECT",
        Stage::Tls { .. } => "STARTTLS",
        Stage::Hello { .. } if info.service == Service::Lmtp => "LHLO",
        Stage::Hello { hello, .. } => {
            if hello.extended {
                "EHLO"
            } else {
                "HELO"
            }
        }
        Stage::Sender { .. } => "MAIL",
        Stage::Recipient { .. } => "RCPT",
        Stage::Data { .. } => "DATA",
        Stage::EndOfData { .. } => "END-OF-MESSAGE",
        Stage::Etrn { .. } => "ETRN",
        Stage::Vrfy { .. } => "VRFY",
    }
}

fn protocol_name(info: &SessionInfo) -> &'static str {
    match &info.hello {
        _ if info.service == Service::Lmtp => "LMTP",
        Some(hello) if hello.extended => "ESMTP",
        _ => "SMTP",
    }
}

/// The confirmed name, and the one that the address claims; `unknown` in place of none.
fn client_names(info: &SessionInfo) -> (String, String) {
    let told = info.reverse_name.as_ref().map(Domain::as_str);
    let (confirmed, claimed) = match info.extensions.find() {
        Some(ClientHost::Confirmed(name)) => (Some(name.as_str()), Some(name.as_str())),
        Some(ClientHost::Claimed(name)) => (None, Some(name.as_str())),
        _ => (told, told),
    };
    let or_unknown = |name: Option<&str>| name.unwrap_or("unknown").to_owned();
    (or_unknown(confirmed), or_unknown(claimed))
}

fn text(value: Option<impl ToString>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

struct Request(String);

impl Request {
    fn put(&mut self, name: &str, value: &str) {
        let value = value.replace(char::is_control, "?");
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{name}={value}");
    }
}
