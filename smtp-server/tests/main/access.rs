//! Access tables: what their entries do, under which keys they are found, and how they are read.
//!
//! * **In**: tables as text, and questions. **Out**: the reply and the effects, as one line. **Promises**: the rows of
//!   Postfix are also put to a real one. **Limits**: none. **Panics**: on a difference. **Spec**: Postfix access(5),
//!   Sendmail's cf/README.

mod actions;
#[cfg(feature = "dns")]
mod deferral;
mod files;
mod handling;
mod inline;
mod networks;
#[cfg(feature = "regex-maps")]
mod patterns;
mod peer;
mod postfix;
#[cfg(feature = "dns")]
mod restrictions;
mod sendmail;

use smtp_server::access::{AccessMaps, AccessTable, TableType};
use smtp_server::proto::{ClientName, Domain, ForwardPath, ReversePath};
use smtp_server::{
    AccessControl, Effects, Envelope, Hello, Note, Peer, Rejection, Service, SessionInfo, Stage,
    StageKind, UnixMillis, Verdict,
};

const STAGES: [StageKind; 4] =
    [StageKind::Client, StageKind::Hello, StageKind::Sender, StageKind::Recipient];

/// What a table is asked about.
#[derive(Clone, Copy, Debug)]
enum Ask {
    /// A client at an address, with the name that the DNS has for it, or `""`.
    Client(&'static str, &'static str),
    Hello(&'static str),
    /// Without angle brackets; `""` is the null reverse-path.
    Sender(&'static str),
    Recipient(&'static str),
}

/// The same table at every stage, unless `tables` has one for each.
fn maps(table_type: TableType, tables: [&str; 4]) -> AccessMaps {
    STAGES.into_iter().zip(tables).fold(AccessMaps::default(), |maps, (stage, text)| {
        maps.with(stage, AccessTable::parse(table_type, "table", text).unwrap())
    })
}

/// `ok`, the effects, or the refusal.
async fn answer(access: &AccessMaps, ask: Ask) -> String {
    let mut info = SessionInfo::new("mx.test", Service::Smtp, Peer::default());
    let now = UnixMillis(0);
    let from = |text: &str| ReversePath::parse(&format!("<{text}>")).unwrap().into_owned();
    let (envelope, to, hello);
    let stage = match ask {
        Ask::Client(address, name) => {
            let local = "192.0.2.200:25".parse().unwrap();
            info.peer = Peer::new((address.parse::<std::net::IpAddr>().unwrap(), 9).into(), local);
            info.reverse_name = Domain::parse(name).ok().map(Domain::into_owned);
            Stage::Client { now }
        }
        Ask::Hello(name) => {
            let name = ClientName::new(name).unwrap().into_owned();
            hello = Hello { name, extended: true };
            Stage::Hello { now, hello: &hello }
        }
        Ask::Sender(address) => {
            envelope = Envelope::new(from(address), now);
            Stage::Sender { now, envelope: &envelope }
        }
        Ask::Recipient(address) => {
            envelope = Envelope::new(from("ann@example.net"), now);
            to = ForwardPath::parse(&format!("<{address}>")).unwrap().into_owned();
            Stage::Recipient { now, to: &to, envelope: &envelope }
        }
    };
    match access.check(stage, &info).await {
        Verdict::Accept => "ok".to_owned(),
        Verdict::AcceptWith(effects) => effects_line(&effects),
        Verdict::Reject(rejection) => refusal_line(&rejection),
    }
}

fn refusal_line(rejection: &Rejection) -> String {
    let reply = rejection.reply();
    let enhanced = reply.enhanced().map(|code| format!("{code} ")).unwrap_or_default();
    let closes = if rejection.closes() { " (closes)" } else { "" };
    format!("{} {enhanced}{}{closes}", reply.code().value(), reply.text())
}

fn effects_line(effects: &Effects) -> String {
    let handling = &effects.handling;
    let mut parts = Vec::new();
    if handling.discard {
        parts.push("discard".to_owned());
    }
    parts.extend(handling.hold.iter().map(|reason| format!("hold [{reason}]")));
    parts.extend(
        handling
            .redirect
            .iter()
            .map(|mailbox| format!("redirect {}@{}", mailbox.local_part.as_str(), mailbox.domain)),
    );
    parts.extend(
        handling
            .bcc
            .iter()
            .map(|mailbox| format!("bcc {}@{}", mailbox.local_part.as_str(), mailbox.domain)),
    );
    parts.extend(handling.filter.iter().map(|route| format!("filter {route}")));
    parts.extend(
        handling.prepend.iter().map(|field| format!("prepend {}", field.to_string().trim_end())),
    );
    parts.extend(effects.notes.iter().map(|note| match note {
        Note::Info(text) => format!("info [{text}]"),
        Note::Warning(text) => format!("warn [{text}]"),
    }));
    parts.join(", ")
}
