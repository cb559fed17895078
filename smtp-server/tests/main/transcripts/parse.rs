//! From a file to a configuration, turns and expectations.

use std::sync::Arc;

use smtp_server::Capabilities;
use smtp_server::access::{AccessAction, AccessMaps, MemoryMap};
use smtp_server::proto::{AddressSyntax, DateTime};
use smtp_server::relay::{Authenticated, LocalDomains, Networks};
use smtp_server::sasl::Passwords;
use smtp_server::{BareNewline, EvaluateAt, HeaderField, RelayPolicyExt, Service, StageKind};

use crate::support::hooks::{Behaviour, OneUser, Scripted, Users, Who, rejection};
use crate::support::pure::Turn;
use crate::support::setup::Setup;

/// One file.
#[derive(Debug, Default)]
pub(super) struct Transcript {
    headers: Vec<(String, String)>,
    pub(super) turns: Vec<Turn>,
    /// What comes before the first turn and after each.
    pub(super) expected: Vec<Vec<Expected>>,
    /// What the delivery noted.
    pub(super) delivered: Vec<String>,
}

/// Something the server says.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// A line; if it ends in `...`, a line that begins so.
    Line(String),
    /// A whole reply with this code, whatever its text.
    Reply(String),
    /// The connection closes.
    Close,
}

impl Transcript {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut transcript = Self { expected: vec![Vec::new()], ..Self::default() };
        let mut previous = ' ';
        for (number, line) in text.lines().enumerate() {
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            previous = transcript
                .add(line, previous)
                .map_err(|fault| format!("line {}: {fault}: {line}", number + 1))?;
        }
        Ok(transcript)
    }

    /// Takes one line; gives its kind, which tells whether the next one continues a turn.
    fn add(&mut self, line: &str, previous: char) -> Result<char, String> {
        let argument = |prefix: &str| {
            let rest = line.strip_prefix(prefix)?;
            Some(rest.strip_prefix(' ').unwrap_or(rest))
        };
        if let Some(text) = argument("C:") {
            let octets = client_octets(text)?;
            match self.turns.last_mut() {
                Some(Turn::Send(turn)) if previous == 'C' => turn.extend(octets),
                _ => self.begin_turn(Turn::Send(octets)),
            }
            return Ok('C');
        }
        if let Some(text) = argument("S:") {
            let expected = match text {
                "<close>" => Expected::Close,
                code if code.starts_with('[') && code.ends_with(']') => {
                    Expected::Reply(code[1..code.len() - 1].to_owned())
                }
                line => Expected::Line(line.to_owned()),
            };
            self.expected.last_mut().ok_or("no turn")?.push(expected);
            return Ok('S');
        }
        if let Some(text) = argument("D:") {
            self.delivered.push(text.to_owned());
            return Ok('D');
        }
        if line == "TLS" {
            self.begin_turn(Turn::Tls);
            return Ok('T');
        }
        let (key, value) = line.split_once(": ").ok_or("neither a header nor a line")?;
        if previous != ' ' {
            return Err("headers come first".to_owned());
        }
        self.headers.push((key.to_owned(), value.to_owned()));
        Ok(' ')
    }

    /// A handshake has no reply of its own, so it shares the place of the turn before it.
    fn begin_turn(&mut self, turn: Turn) {
        if matches!(turn, Turn::Send(_)) {
            self.expected.push(Vec::new());
        }
        self.turns.push(turn);
    }

    /// The server that the headers ask for, and its delivery.
    pub(super) fn setup(&self) -> Result<(Setup, Scripted), String> {
        let mut delivery = Scripted::default();
        let mut access = Access::default();
        for (key, value) in &self.headers {
            match key.as_str() {
                "deliver" => delivery.behaviour = behaviour(value)?,
                "unknown" => delivery.unknown.push(value.clone()),
                "owned-since" => {
                    let (path, time) = value.split_once(' ').ok_or("a path and a time")?;
                    let time = DateTime::parse(time).ok_or("not a time")?;
                    delivery.owned_since.push((path.to_owned(), time.unix_seconds()));
                }
                "capabilities" => {
                    value.split(' ').try_for_each(|one| add(one, &mut delivery.capabilities))?;
                }
                _ => {}
            }
        }
        let mut setup = Setup::new(delivery.clone());
        for (key, value) in &self.headers {
            if key == "access" {
                access.add(value)?;
            } else {
                apply(&mut setup, key, value)?;
            }
        }
        setup.access = access.into_maps();
        Ok((setup, delivery))
    }
}

fn apply(setup: &mut Setup, key: &str, value: &str) -> Result<(), String> {
    let number = || value.parse::<u32>().map_err(|_| format!("{key} is a number"));
    match (key, value) {
        ("deliver" | "unknown" | "owned-since" | "capabilities", _) => {}
        ("service", "smtp") => setup.service = Service::Smtp,
        ("service", "lmtp") => setup.service = Service::Lmtp,
        ("service", "submission") => {
            setup.service = Service::Submission;
            setup.auth_required = true;
        }
        ("bare-newline", "reject") => setup.bare_newline = BareNewline::Reject,
        ("bare-newline", "normalize") => setup.bare_newline = BareNewline::Normalize,
        ("address-syntax", "strict") => setup.address_syntax = AddressSyntax::Strict,
        ("address-syntax", "tolerant") => setup.address_syntax = AddressSyntax::Tolerant,
        ("line", _) => setup.limits.command_line_bytes_max = number()? as usize,
        ("size", "none") => setup.limits.message_bytes_max = None,
        ("size", _) => setup.limits.message_bytes_max = Some(number()?.into()),
        ("recipients", _) => setup.limits.recipients_max = Some(number()? as usize),
        ("hops", _) => setup.limits.hops_max = Some(number()?),
        ("errors", _) => setup.limits.errors_max = Some(number()?),
        ("idle-commands", _) => setup.limits.idle_commands_max = Some(number()?),
        ("discarded", _) => setup.limits.discarded_bytes_max = Some(number()?.into()),
        ("client", _) => setup.client = value.parse().map_err(|_| "client is an address")?,
        ("evaluate-at", "recipient") => setup.evaluate_at = EvaluateAt::Recipient,
        ("tls", "yes") => setup.tls = true,
        ("tls-required", "yes") => setup.tls_required = true,
        ("auth-in-clear", "yes") => setup.auth_in_clear = true,
        ("auth-required", "yes") => setup.auth_required = true,
        ("directory", "users") => setup.directory = Some(Arc::new(Users)),
        ("extension", "who") => setup.extension = Some(Arc::new(Who)),
        ("auth", _) => {
            let (user, password) = value.split_once(' ').ok_or("auth is a user and a password")?;
            let store = OneUser { user: user.to_owned(), password: password.to_owned() };
            setup.authenticator = Some(Arc::new(Passwords::new(store)));
        }
        ("xclient", _) => setup.xclient_clients = networks(value)?,
        ("xforward", _) => setup.xforward_clients = networks(value)?,
        ("relay", "authenticated") => {
            let local = LocalDomains::new(["local.test"]).map_err(|error| error.to_string())?;
            setup.relay = Arc::new(local.or(Authenticated));
        }
        ("relay", networks) => {
            let local = LocalDomains::new(["local.test"]).map_err(|error| error.to_string())?;
            setup.relay = Arc::new(local.or(self::networks(networks)?));
        }
        _ => return Err(format!("unknown header {key}: {value}")),
    }
    Ok(())
}

fn networks(value: &str) -> Result<Networks, String> {
    Networks::new(value.split(' ')).map_err(|error| error.to_string())
}

/// One word of `capabilities`: an EHLO keyword, with its argument behind `=`.
fn add(word: &str, capabilities: &mut Capabilities) -> Result<(), String> {
    let (keyword, argument) = word.split_once('=').unwrap_or((word, "0"));
    let number = argument.parse::<u32>().map_err(|_| format!("{keyword} takes a number"));
    match keyword {
        "no-8bitmime" => capabilities.eight_bit_mime = false,
        "no-smtputf8" => capabilities.smtputf8 = false,
        "binarymime" => capabilities.binary_mime = true,
        "dsn" => capabilities.dsn = true,
        "requiretls" => capabilities.require_tls = true,
        "rrvs" => capabilities.rrvs = true,
        "mt-priority" => capabilities.mt_priority = Some(&["MIXER"]),
        "deliverby" => capabilities.deliver_by_seconds_min = Some(number?),
        "futurerelease" => capabilities.future_release_seconds_max = Some(number?),
        _ => return Err(format!("unknown capability {word}")),
    }
    Ok(())
}

fn behaviour(value: &str) -> Result<Behaviour, String> {
    let (word, rest) = value.split_once(' ').unwrap_or((value, ""));
    let counted = || {
        let (count, rest) = rest.split_once(' ').unwrap_or((rest, ""));
        Ok::<_, String>((count.parse::<usize>().map_err(|_| "a count is missing")?, rest))
    };
    Ok(match word {
        "ok" if rest.is_empty() => Behaviour::Ok,
        "silent" => Behaviour::Silent,
        "ok" => Behaviour::OkText(rest.to_owned()),
        "ok-early" => Behaviour::OkEarly,
        "ok-after" => Behaviour::OkAfter(counted()?.0),
        "reject" => Behaviour::Reject(rejection(rest)),
        "reject-early" => Behaviour::RejectEarly(rejection(rest)),
        "reject-after" => {
            let (octets, reply) = counted()?;
            Behaviour::RejectAfter(octets, rejection(reply))
        }
        "panic" => Behaviour::Panic,
        "panic-at-end" => Behaviour::PanicAtEnd,
        "each" => Behaviour::Each(
            rest.split(", ")
                .map(|one| if one == "ok" { Ok(()) } else { Err(rejection(one)) })
                .collect(),
        ),
        _ => return Err(format!("unknown delivery {value}")),
    })
}

/// Tables as the headers give them: `access: sender spam.test REJECT No spam`.
#[derive(Default)]
struct Access(Vec<(StageKind, String, AccessAction)>);

impl Access {
    fn add(&mut self, value: &str) -> Result<(), String> {
        let mut words = value.splitn(4, ' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (stage, key, action, text) = (word(), word(), word(), word());
        let stage = match stage.as_str() {
            "client" => StageKind::Client,
            "hello" => StageKind::Hello,
            "sender" => StageKind::Sender,
            "recipient" => StageKind::Recipient,
            "data" => StageKind::Data,
            _ => return Err(format!("unknown stage {stage}")),
        };
        let action = match action.as_str() {
            "OK" => AccessAction::Ok,
            "DUNNO" => AccessAction::Dunno,
            "REJECT" => AccessAction::reject(&text),
            "DEFER" => AccessAction::defer(&text),
            "REPLY" => AccessAction::Reject(rejection(&text)),
            "DISCARD" => AccessAction::Discard(text),
            "PREPEND" => {
                let (name, value) = text.split_once(": ").ok_or("PREPEND takes a field")?;
                AccessAction::Prepend(HeaderField::new(name, value).map_err(|e| e.to_string())?)
            }
            _ => return Err(format!("unknown action {action}")),
        };
        self.0.push((stage, key, action));
        Ok(())
    }

    /// One table per entry, so that the file's order is the order of the tables.
    fn into_maps(self) -> Option<Arc<dyn smtp_server::AccessControl>> {
        if self.0.is_empty() {
            return None;
        }
        let maps = self.0.into_iter().fold(AccessMaps::default(), |maps, (stage, key, action)| {
            maps.with(stage, MemoryMap::from([(key, action)]))
        });
        Some(Arc::new(maps))
    }
}

/// The octets of a `C:` line: with CRLF, unless it ends in a backslash.
fn client_octets(text: &str) -> Result<Vec<u8>, String> {
    let mut octets = Vec::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            octets.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        match characters.next() {
            None => return Ok(octets),
            Some('r') => octets.push(b'\r'),
            Some('n') => octets.push(b'\n'),
            Some('0') => octets.push(0),
            Some('t') => octets.push(b'\t'),
            Some('\\') => octets.push(b'\\'),
            Some('x') => {
                let digits = characters.by_ref().take(2).collect::<String>();
                octets.push(u8::from_str_radix(&digits, 16).map_err(|_| "\\x takes two digits")?);
            }
            Some('(') => {
                let inner = characters.by_ref().take_while(|c| *c != ')').collect::<String>();
                let (count, piece) = inner.split_once('*').ok_or("write \\(3*text)")?;
                let count = count.parse::<usize>().map_err(|_| "write \\(3*text)")?;
                octets.extend(piece.as_bytes().repeat(count));
            }
            Some(other) => return Err(format!("unknown escape \\{other}")),
        }
    }
    octets.extend_from_slice(b"\r\n");
    Ok(octets)
}
