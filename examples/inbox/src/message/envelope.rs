//! What is known of a message beside its content.
//!
//! * **In**: the envelope and the session's facts. **Out**: values that are shown, and kept on disk.
//! * **Promises**: every parameter of MAIL and RCPT is there as the client could have sent it; no password is.
//! * **Limits**: those of the session. **Panics**: never. **Spec**: RFC 5321 4.1.2.

use bytes::BytesMut;
use serde::{Deserialize, Serialize};
use smtp_server::proto::{Command, ForwardPath, ReversePath};
use smtp_server::{Envelope, SessionInfo};

/// How a message came here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EnvelopeFacts {
    /// Without angle brackets; empty for the null reverse-path.
    pub(crate) reverse_path: String,
    /// Of MAIL: `SIZE=120`, `BODY=8BITMIME`.
    pub(crate) parameters: Vec<String>,
    pub(crate) recipients: Vec<RecipientFacts>,
    /// What the client called itself.
    pub(crate) hello: String,
    pub(crate) tls: Option<TlsFacts>,
    /// The name that the client logged in with.
    pub(crate) login: Option<String>,
    /// The client's address and port.
    pub(crate) client: String,
}

/// One accepted RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RecipientFacts {
    pub(crate) address: String,
    pub(crate) parameters: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct TlsFacts {
    pub(crate) protocol: String,
    pub(crate) cipher: String,
    /// What the client asked for (SNI).
    pub(crate) server_name: Option<String>,
}

impl EnvelopeFacts {
    pub(crate) fn of(envelope: &Envelope, info: &SessionInfo) -> Self {
        let tls = info.tls.as_ref().map(|tls| TlsFacts {
            protocol: tls.protocol.to_string(),
            cipher: tls.cipher.to_string(),
            server_name: tls.server_name.clone(),
        });
        let recipients = envelope.recipients.iter().map(|recipient| RecipientFacts {
            address: unbracketed(&recipient.path.to_string()),
            parameters: rcpt_parameters(&recipient.path, &recipient.params),
        });
        Self {
            reverse_path: unbracketed(&envelope.reverse_path.to_string()),
            parameters: mail_parameters(&envelope.reverse_path, &envelope.params),
            recipients: recipients.collect(),
            hello: info.hello.as_ref().map(|hello| hello.name.to_string()).unwrap_or_default(),
            tls,
            login: info.identity.as_ref().map(|identity| identity.authcid.clone()),
            client: info.peer.remote.map(|address| address.to_string()).unwrap_or_default(),
        }
    }

    #[cfg(test)]
    pub(crate) fn to(recipients: &[&str]) -> Self {
        let recipients = recipients.iter().map(|address| RecipientFacts {
            address: (*address).to_owned(),
            parameters: Vec::new(),
        });
        Self { recipients: recipients.collect(), ..Self::default() }
    }
}

fn mail_parameters(
    from: &ReversePath<'static>,
    params: &smtp_server::proto::MailParams<'static>,
) -> Vec<String> {
    let line = |params| line(&Command::Mail { from: from.clone(), params });
    beyond(&line(params.clone()), &line(smtp_server::proto::MailParams::default()))
}

fn rcpt_parameters(
    to: &ForwardPath<'static>,
    params: &smtp_server::proto::RcptParams<'static>,
) -> Vec<String> {
    let line = |params| line(&Command::Rcpt { to: to.clone(), params });
    beyond(&line(params.clone()), &line(smtp_server::proto::RcptParams::default()))
}

fn line(command: &Command<'_>) -> String {
    let mut line = BytesMut::new();
    command.encode(&mut line);
    String::from_utf8_lossy(&line).trim_end().to_owned()
}

/// The words that a command has beyond the same one without parameters.
fn beyond(line: &str, bare: &str) -> Vec<String> {
    let rest = line.strip_prefix(bare).unwrap_or_default();
    rest.split_whitespace().map(str::to_owned).collect()
}

fn unbracketed(path: &str) -> String {
    path.trim_start_matches('<').trim_end_matches('>').to_owned()
}
