//! Releasing a message to a real server.
//!
//! * **In**: a message, addresses. **Out**: what the next hop said. **Promises**: only where `--relay` points and only to
//!   addresses that `--relay-allow` has: without one nothing leaves.
//! * **Limits**: those of the SMTP client. **Panics**: never. **Spec**: mailpit's API v1; RFC 5321.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use serde::Deserialize;
use smtp_queue::content::{Content, ContentBody};
use smtp_queue::transport::Direct;
use smtp_queue::transport::smtp::SmtpTransport;
use smtp_queue::{NextHop, Outcome};
use smtp_server::proto::{ForwardPath, Mailbox, ReversePath};
use smtp_server::{Envelope, Recipient, RecipientClass, RelayReason, UnixMillis};

use super::App;
use super::answer::{Parameters, Problem, ok, read_json};

/// Where to, and for whom.
pub(crate) struct Release {
    relay: Relay,
    /// In lower case; `*` is anything.
    allowed: Vec<String>,
    transport: SmtpTransport,
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Relay {
    pub(crate) host: String,
    pub(crate) port: u16,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default, deny_unknown_fields)]
pub(super) struct To {
    to: Vec<String>,
}

impl Release {
    pub(crate) fn new(relay: Relay, allowed: Vec<String>) -> Result<Self, String> {
        let transport = SmtpTransport::new("localhost").map_err(|error| error.to_string())?;
        Ok(Self { relay, allowed, transport })
    }

    fn allows(&self, address: &str) -> bool {
        let address = address.to_ascii_lowercase();
        self.allowed.iter().any(|pattern| matches(pattern, &address))
    }

    async fn send(&self, envelope: Envelope, content: Bytes) -> Result<(), String> {
        let Relay { host, port } = &self.relay;
        let mut addresses = tokio::net::lookup_host((host.as_str(), *port))
            .await
            .map_err(|error| format!("{host}: {error}"))?;
        let address = addresses.next().ok_or_else(|| format!("{host} has no address"))?;
        let content = Content { fields: Bytes::new(), body: ContentBody::Memory(content) };
        let client = Direct::new(self.transport.clone(), NextHop::host(host, address));
        let refused: Vec<_> = client
            .send(envelope, content)
            .await
            .iter()
            .filter(|outcome| matches!(outcome, Outcome::Failed(_) | Outcome::Deferred(_)))
            .map(|outcome| outcome.status().text.clone())
            .collect();
        if refused.is_empty() { Ok(()) } else { Err(refused.join("; ")) }
    }
}

pub(super) async fn release(
    State(app): State<App>,
    Path(id): Path<String>,
    parameters: Parameters,
    body: Bytes,
) -> Result<Response, Problem> {
    let slot = app.find(&id, &parameters).await?;
    let To { to } = read_json(&body)?;
    let release = app.release.as_ref().ok_or_else(|| {
        Problem::bad("this inbox releases nothing: --relay HOST:PORT names where to")
    })?;
    if to.is_empty() {
        return Err(Problem::bad("To: no addresses"));
    }
    let from = Mailbox::parse(&slot.entry.envelope.reverse_path).map(Mailbox::into_owned);
    let from = from.map_or(ReversePath::Null, ReversePath::Mailbox);
    let mut envelope = Envelope::new(from, UnixMillis::system());
    for address in &to {
        if !release.allows(address) {
            return Err(Problem::Bad(format!("--relay-allow does not have '{address}'")));
        }
        envelope.recipients.push(recipient(address)?);
    }
    let content = app.store.content(&slot.entry).await?;
    release.send(envelope, content).await.map_err(Problem::Bad)?;
    Ok(ok())
}

fn recipient(address: &str) -> Result<Recipient, Problem> {
    let path = ForwardPath::parse(&format!("<{address}>"))
        .map_err(|_| Problem::Bad(format!("'{address}' is not an address")))?
        .into_owned();
    let because = RelayReason::Other("a user released it".into());
    Ok(Recipient { path, params: Default::default(), class: RecipientClass::Relay { because } })
}

/// Whether a pattern with `*` for anything fits all of the text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut pieces: Vec<_> = pieces.collect();
    let Some(last) = pieces.pop() else { return rest.is_empty() };
    for piece in pieces {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, address, expected) in [
            ("*@example.org", "kim@example.org", true),
            ("*@example.org", "kim@example.org.evil.test", false),
            ("kim@example.org", "kim@example.org", true),
            ("kim@example.org", "akim@example.org", false),
            ("*", "anybody@anywhere.test", true),
            ("k*m@*.org", "kim@example.org", true),
            ("k*m@*.org", "kim@example.net", false),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, address), expected, "{pattern} {address}");
        }
        let relay = Relay { host: "localhost".into(), port: 25 };
        let release = Release::new(relay, vec!["*@example.org".into()]).unwrap();
        assert!(release.allows("Kim@Example.ORG") && !release.allows("kim@example.net"));
    }
}
