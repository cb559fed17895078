//! The lines of Postfix's smtpd.
//!
//! * **In**: a session's events. **Out**: lines. **Promises**: a refusal is one line, wherever it was decided.
//! * **Limits**: as [`postfix`](super::postfix). **Panics**: never. **Spec**: Postfix's smtpd(8).

use std::fmt::{self, Write as _};

use smtp_proto::{ForwardPath, Reply};
use smtp_server::{
    CloseReason, CommandCounts, Envelope, Event, Note, Service, SessionInfo, StageKind,
};

use super::postfix::{LogLine, PostfixLog};

const SERVICE: &str = "smtpd";

/// Writes the lines of one event.
pub(super) fn write<F: Fn(&LogLine<'_>) + Send + Sync + 'static>(
    log: &PostfixLog<F>,
    event: &Event<'_>,
    info: &SessionInfo,
) {
    let client = Client(info);
    let line = |text: &str| log.write(SERVICE, false, text);
    let warning = |text: &str| log.write(SERVICE, true, text);
    match event {
        Event::Connected => line(&format!("connect from {client}")),
        Event::ConnectionRefused { reply } => {
            line(&reject("CONNECT", "", reply, None, None, info));
        }
        Event::AuthenticationFailed { authcid, mechanism } => warning(&format!(
            "{client}: SASL {mechanism} authentication failed: authentication failure, sasl_username={authcid}"
        )),
        Event::CredentialsUnavailable { error } => {
            warning(&format!("{client}: SASL authentication failure: {error}"));
        }
        // The recipient's refusal follows.
        Event::Refused { at_recipient: true, .. } => {}
        Event::Refused { stage, rejection, envelope, .. } => {
            let (place, about) = place(*stage, *envelope, info);
            line(&reject(place, &about, rejection.reply(), *envelope, None, info));
        }
        Event::RecipientRefused { to, rejection, envelope } => {
            let about = address(to);
            line(&reject("RCPT", &about, rejection.reply(), Some(envelope), Some(to), info));
        }
        Event::MessageStarted { envelope } => line(&accepted(envelope, info)),
        Event::MessageRefused { queue_id, rejection } => {
            let text = reject("END-OF-MESSAGE", "", rejection.reply(), None, None, info);
            let id = queue_id.map_or_else(|| "NOQUEUE".to_owned(), |id| id.to_string());
            line(&text.replacen("NOQUEUE", &id, 1));
        }
        Event::Noted { stage, note } => {
            let (place, _) = place(*stage, None, info);
            match note {
                Note::Info(text) => line(&format!("NOQUEUE: info: {place} from {client}: {text}")),
                Note::Warning(text) => {
                    line(&format!("NOQUEUE: warn: {place} from {client}: {text}"));
                }
            }
        }
        Event::Closed { reason, commands, .. } => {
            let how = match reason {
                CloseReason::Disconnected => Some("lost connection"),
                CloseReason::TimedOut => Some("timeout"),
                CloseReason::TooManyErrors => Some("too many errors"),
                _ => None,
            };
            if let Some(how) = how {
                line(&format!("{how} after {} from {client}", last(commands)));
            }
            line(&format!("disconnect from {client}{}", counts(commands)));
        }
        _ => {}
    }
}

/// `name[address]`
struct Client<'a>(&'a SessionInfo);

impl fmt::Display for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.client_name().map_or("unknown", |name| name.as_str());
        match self.0.peer.ip() {
            Some(ip) => write!(f, "{name}[{ip}]"),
            None => write!(f, "{name}[unknown]"),
        }
    }
}

/// `QID: client=name[address], sasl_method=PLAIN, sasl_username=u`
fn accepted(envelope: &Envelope, info: &SessionInfo) -> String {
    let id = envelope.queue_id.map_or_else(|| "NOQUEUE".to_owned(), |id| id.to_string());
    let mut text = format!("{id}: client={}", Client(info));
    if let Some(mechanism) = info.mechanism {
        // Writing to a string cannot fail.
        let _ = write!(text, ", sasl_method={mechanism}");
    }
    if let Some(identity) = &info.identity {
        let _ = write!(text, ", sasl_username={}", identity.authcid);
    }
    text
}

/// `NOQUEUE: reject: RCPT from name[address]: 554 5.7.1 <to>: Relay access denied; from=<> to=<to> proto=ESMTP helo=<z>`
fn reject(
    place: &str,
    about: &str,
    reply: &Reply,
    envelope: Option<&Envelope>,
    to: Option<&ForwardPath<'_>>,
    info: &SessionInfo,
) -> String {
    let id = envelope.and_then(|envelope| envelope.queue_id);
    let id = id.map_or_else(|| "NOQUEUE".to_owned(), |id| id.to_string());
    let mut text = format!("{id}: reject: {place} from {}: {}", Client(info), reply.code());
    // Writing to a string cannot fail.
    if let Some(enhanced) = reply.enhanced() {
        let _ = write!(text, " {enhanced}");
    }
    if !about.is_empty() && !reply.text().starts_with('<') {
        let _ = write!(text, " <{about}>:");
    }
    let _ = write!(text, " {};", reply.text().replace('\n', " "));
    if let Some(envelope) = envelope {
        let sender = envelope.reverse_path.mailbox().map(ToString::to_string);
        let _ = write!(text, " from=<{}>", sender.unwrap_or_default());
    }
    if let Some(to) = to {
        let _ = write!(text, " to=<{}>", address(to));
    }
    let protocol = match &info.hello {
        _ if info.service == Service::Lmtp => "LMTP",
        Some(hello) if hello.extended => "ESMTP",
        _ => "SMTP",
    };
    let _ = write!(text, " proto={protocol}");
    if let Some(hello) = &info.hello {
        let _ = write!(text, " helo=<{}>", hello.name.as_str());
    }
    text
}

/// The command of a stage, and what is refused there.
fn place(
    stage: StageKind,
    envelope: Option<&Envelope>,
    info: &SessionInfo,
) -> (&'static str, String) {
    let hello = info.hello.as_ref();
    match stage {
        StageKind::Client => ("CONNECT", Client(info).to_string()),
        StageKind::Tls => ("STARTTLS", Client(info).to_string()),
        StageKind::Hello => {
            let command = match hello {
                _ if info.service == Service::Lmtp => "LHLO",
                Some(hello) if !hello.extended => "HELO",
                _ => "EHLO",
            };
            (command, hello.map_or_else(String::new, |hello| hello.name.as_str().to_owned()))
        }
        StageKind::Sender => {
            let sender = envelope.and_then(|envelope| envelope.reverse_path.mailbox());
            ("MAIL", sender.map(ToString::to_string).unwrap_or_default())
        }
        StageKind::Recipient => ("RCPT", String::new()),
        StageKind::Data => ("DATA", "DATA".to_owned()),
        StageKind::EndOfData => ("END-OF-MESSAGE", "END-OF-MESSAGE".to_owned()),
        StageKind::Etrn => ("ETRN", String::new()),
        StageKind::Vrfy => ("VRFY", String::new()),
        _ => ("COMMAND", String::new()),
    }
}

fn address(path: &ForwardPath<'_>) -> String {
    path.mailbox().map_or_else(|| "postmaster".to_owned(), ToString::to_string)
}

/// The command after which a client was gone.
fn last(commands: &CommandCounts) -> &'static str {
    match commands.last() {
        None => "CONNECT",
        Some(None) => "UNKNOWN",
        Some(Some(verb)) => verb.as_str(),
    }
}

/// ` ehlo=1 mail=1 rcpt=0/1 commands=2/3`
fn counts(commands: &CommandCounts) -> String {
    let mut text = String::new();
    let mut add = |name: &str, accepted: u32, total: u32| {
        // Writing to a string cannot fail.
        let _ = if accepted == total {
            write!(text, " {name}={total}")
        } else {
            write!(text, " {name}={accepted}/{total}")
        };
    };
    let (mut accepted, mut total) = (0_u32, 0_u32);
    for (verb, count) in commands.iter() {
        let name = verb.map_or("unknown", |verb| verb.as_str()).to_ascii_lowercase();
        add(&name, count.accepted, count.total);
        accepted = accepted.saturating_add(count.accepted);
        total = total.saturating_add(count.total);
    }
    add("commands", accepted, total);
    text
}
