//! A ready-made control, asked directly.

use std::net::SocketAddr;
use std::time::Duration;

use smtp_server::proto::{ClientName, ForwardPath, ReversePath};
use smtp_server::{
    AccessControl, Effects, Envelope, Hello, Identity, Peer, Rejection, Service, SessionInfo,
    Stage, UnixMillis,
};

/// Some day in 2023; tests count from here.
pub(crate) const START: UnixMillis = UnixMillis(1_700_000_000_000);

pub(crate) fn after(seconds: u64) -> UnixMillis {
    START + Duration::from_secs(seconds)
}

/// A session of a client at this address with port 25 of 198.51.100.25.
pub(crate) fn client(ip: &str) -> SessionInfo {
    client_at(SocketAddr::new(ip.parse().unwrap(), 40_000))
}

pub(crate) fn client_at(remote: SocketAddr) -> SessionInfo {
    let local = "198.51.100.25:25".parse().unwrap();
    SessionInfo::new("mx.test", Service::Smtp, Peer::new(remote, local))
}

pub(crate) fn logged_in(ip: &str, login: &str) -> SessionInfo {
    let mut info = client(ip);
    info.service = Service::Submission;
    info.identity = Some(Identity::new(login));
    info
}

pub(crate) fn envelope(sender: &str, arrived: UnixMillis) -> Envelope {
    Envelope::new(ReversePath::parse(sender).unwrap().into_owned(), arrived)
}

/// The reply to a refusal, or `-`.
pub(crate) fn shown(verdict: Result<Effects, Rejection>) -> String {
    match verdict {
        Ok(Effects { deferral: Some(rejection), .. }) => {
            format!("{} in the end", rejection.reply())
        }
        Ok(_) => "-".to_owned(),
        Err(rejection) => rejection.reply().to_string(),
    }
}

pub(crate) async fn at_client(
    control: &impl AccessControl,
    info: &SessionInfo,
    now: UnixMillis,
) -> Result<Effects, Rejection> {
    control.check(Stage::Client { now }, info).await.into_result()
}

pub(crate) async fn at_hello(
    control: &impl AccessControl,
    info: &SessionInfo,
    name: &str,
) -> String {
    let hello = Hello { name: ClientName::new(name.to_owned()).unwrap(), extended: true };
    shown(control.check(Stage::Hello { now: START, hello: &hello }, info).await.into_result())
}

pub(crate) async fn at_sender(
    control: &impl AccessControl,
    info: &SessionInfo,
    sender: &str,
    now: UnixMillis,
) -> String {
    let envelope = envelope(sender, now);
    shown(control.check(Stage::Sender { now, envelope: &envelope }, info).await.into_result())
}

pub(crate) async fn at_recipient(
    control: &impl AccessControl,
    info: &SessionInfo,
    (sender, to): (&str, &str),
    now: UnixMillis,
) -> String {
    let envelope = envelope(sender, now);
    let to = ForwardPath::parse(to).unwrap().into_owned();
    let stage = Stage::Recipient { now, to: &to, envelope: &envelope };
    shown(control.check(stage, info).await.into_result())
}
