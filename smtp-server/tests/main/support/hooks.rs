//! Hooks whose behaviour is a value, and wrappers that share a hook between runs.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ipnet::IpNet;
use smtp_server::proto::{EnhancedCode, ForwardPath, Reply, ReplyCode, ServiceExtension, replies};
use smtp_server::{
    Accepted, AccessControl, Authenticator, Body, BodyError, Capabilities, CredentialAnswer,
    CredentialQuery, CredentialStore, Delivery, Directory, DirectoryEntry, Envelope, Expansion,
    ExtensionHandler, Identity, LookupError, Outcome, Receipt, Recipient, Rejection, RelayDecision,
    RelayPolicy, SaslExchange, SessionInfo, Stage, StageKind, Verdict, Verification,
};

/// What a delivery does with each message.
#[derive(Clone, Debug, Default)]
pub(crate) enum Behaviour {
    /// Takes it.
    #[default]
    Ok,
    /// Takes it and notes nothing.
    Silent,
    /// Takes it with a text of its own.
    OkText(String),
    /// Says `Ok` without a look at the content.
    OkEarly,
    /// Says `Ok` after so many octets.
    OkAfter(usize),
    /// Refuses once it has read all.
    Reject(Rejection),
    /// Refuses without a look at the content.
    RejectEarly(Rejection),
    /// Refuses after so many octets.
    RejectAfter(usize, Rejection),
    /// Panics without a look at the content.
    Panic,
    /// Panics after the last octet.
    PanicAtEnd,
    /// Answers for each recipient.
    Each(Vec<Result<(), Rejection>>),
}

/// A delivery that does as told and writes down what it saw.
#[derive(Clone, Default)]
pub(crate) struct Scripted {
    pub(crate) behaviour: Behaviour,
    /// Recipients whose mailbox does not exist.
    pub(crate) unknown: Vec<String>,
    /// Recipients whose mailbox got its owner at a time, in seconds since 1970.
    pub(crate) owned_since: Vec<(String, i64)>,
    pub(crate) capabilities: Capabilities,
    log: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn new(behaviour: Behaviour) -> Self {
        Self { behaviour, ..Self::default() }
    }

    /// One line per message: `<from> <to>,<to> content`, or how it ended instead.
    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn note(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    async fn pull(&self, body: &mut Body<'_>, octets: usize) -> Result<Vec<u8>, Rejection> {
        let mut content = Vec::new();
        while content.len() < octets {
            match body.chunk().await {
                Ok(Some(chunk)) => content.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => {
                    self.note(format!("failed {}", name(&error)));
                    return Err(error.into());
                }
            }
        }
        Ok(content)
    }

    async fn act(&self, body: &mut Body<'_>, to: &str) -> Result<Receipt, Rejection> {
        let content = match &self.behaviour {
            Behaviour::RejectEarly(rejection) => return Err(rejection.clone()),
            Behaviour::OkEarly => return Ok(Accepted::new().into()),
            Behaviour::Panic => std::panic::resume_unwind(Box::new("scripted")),
            Behaviour::RejectAfter(octets, rejection) => {
                self.pull(body, *octets).await?;
                return Err(rejection.clone());
            }
            Behaviour::OkAfter(octets) => {
                self.pull(body, *octets).await?;
                return Ok(Accepted::new().into());
            }
            Behaviour::Silent => {
                body.drain().await?;
                return Ok(Accepted::new().into());
            }
            _ => self.pull(body, usize::MAX).await?,
        };
        match &self.behaviour {
            Behaviour::PanicAtEnd => std::panic::resume_unwind(Box::new("scripted")),
            Behaviour::Reject(rejection) => return Err(rejection.clone()),
            _ => self.note(format!("{to} {}", content.escape_ascii())),
        }
        Ok(match &self.behaviour {
            Behaviour::OkText(text) => Accepted::with_text(text.clone()).into(),
            Behaviour::Each(results) => Receipt::Each(
                results.iter().map(|one| one.clone().map(|()| Accepted::new())).collect(),
            ),
            _ => Accepted::new().into(),
        })
    }
}

fn name(error: &BodyError) -> String {
    format!("{error:?}")
}

#[async_trait]
impl Delivery for Scripted {
    fn capabilities(&self) -> Capabilities {
        let each = matches!(self.behaviour, Behaviour::Each(_));
        self.capabilities.with_outcome(if each { Outcome::Each } else { Outcome::Whole })
    }

    async fn verify(&self, recipient: &Recipient, _info: &SessionInfo) -> Verdict {
        if self.unknown.contains(&recipient.path.to_string()) {
            return rejection("550 5.1.1 User unknown").into();
        }
        let path = recipient.path.to_string();
        let since = recipient.params.rrvs.as_ref().map(|rrvs| rrvs.since().unix_seconds());
        let is_newer = |(owned, at): &(String, i64)| *owned == path && since < Some(*at);
        if since.is_some() && self.owned_since.iter().any(is_newer) {
            return rejection("550 5.7.17 The mailbox changed hands").into();
        }
        Verdict::Accept
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        _info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        let to = envelope.recipients.iter().map(|one| one.path.to_string()).collect::<Vec<_>>();
        let path = format!("{} {}", envelope.reverse_path, to.join(","));
        self.act(body, &path).await
    }
}

/// A refusal from the text of its reply.
pub(crate) fn rejection(line: &str) -> Rejection {
    let (reply, _) = Reply::parse(format!("{line}\r\n").as_bytes()).unwrap().unwrap();
    Rejection::from_reply(reply).unwrap()
}

/// One user with one password, who has a record.
pub(crate) struct OneUser {
    pub(crate) user: String,
    pub(crate) password: String,
}

/// What the store says of its user.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Account(pub(crate) u32);

#[async_trait]
impl CredentialStore for OneUser {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        if user == "unavailable" {
            return Err(LookupError::new("no connection"));
        }
        let right = user == self.user && password == self.password;
        Ok(right.then(|| Identity::new(user).with_data(Account(7))))
    }
}

/// A relay policy that several servers use.
#[derive(Clone)]
pub(crate) struct SharedRelay(pub(crate) Arc<dyn RelayPolicy>);

#[async_trait]
impl RelayPolicy for SharedRelay {
    async fn decide(
        &self,
        to: &ForwardPath<'_>,
        envelope: &Envelope,
        info: &SessionInfo,
    ) -> RelayDecision {
        self.0.decide(to, envelope, info).await
    }

    fn granted_networks(&self) -> Vec<IpNet> {
        self.0.granted_networks()
    }
}

/// Access control that several servers use.
#[derive(Clone)]
pub(crate) struct SharedAccess(pub(crate) Arc<dyn AccessControl>);

#[async_trait]
impl AccessControl for SharedAccess {
    fn checks(&self, stage: StageKind) -> bool {
        self.0.checks(stage)
    }

    async fn check(&self, stage: Stage<'_>, info: &SessionInfo) -> Verdict {
        self.0.check(stage, info).await
    }
}

/// An authenticator that several servers use.
#[derive(Clone)]
pub(crate) struct SharedAuthenticator(pub(crate) Arc<dyn Authenticator>);

#[async_trait]
impl Authenticator for SharedAuthenticator {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        self.0.mechanisms(info)
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        self.0.start(mechanism, info)
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        self.0.look_up(query, info).await
    }
}

/// A directory that several servers use.
#[derive(Clone)]
pub(crate) struct SharedDirectory(pub(crate) Arc<dyn Directory>);

#[async_trait]
impl Directory for SharedDirectory {
    async fn verify(&self, query: &str, info: &SessionInfo) -> Verification {
        self.0.verify(query, info).await
    }

    async fn expand(&self, query: &str, info: &SessionInfo) -> Expansion {
        self.0.expand(query, info).await
    }
}

/// A service extension that several servers use.
#[derive(Clone)]
pub(crate) struct SharedExtension(pub(crate) Arc<dyn ExtensionHandler>);

#[async_trait]
impl ExtensionHandler for SharedExtension {
    fn definition(&self) -> ServiceExtension {
        self.0.definition()
    }

    async fn command(
        &self,
        verb: &str,
        argument: &str,
        envelope: Option<&Envelope>,
        info: &SessionInfo,
    ) -> Reply {
        self.0.command(verb, argument, envelope, info).await
    }
}

/// A few users and a list; with one name for each answer that there is.
pub(crate) struct Users;

/// `Joe Smith <joe@local.test>` or `joe@local.test`.
pub(crate) fn entry(text: &str) -> DirectoryEntry {
    let (name, mailbox) = match text.strip_suffix('>').and_then(|text| text.split_once(" <")) {
        Some(both) => both,
        None => ("", text),
    };
    DirectoryEntry::new(mailbox.parse().unwrap()).unwrap().with_name(name)
}

#[async_trait]
impl Directory for Users {
    async fn verify(&self, query: &str, info: &SessionInfo) -> Verification {
        match query {
            "postmaster" | "kim" => Verification::Mailbox(entry(&format!("{query}@local.test"))),
            "kim@local.test" => Verification::Mailbox(entry("kim@local.test")),
            "joe" | "Joe Smith" => Verification::Mailbox(entry("Joe Smith <joe@local.test>")),
            "lee" => Verification::WillForward(entry("Lee <lee@new.test>")),
            "old" => Verification::Moved(entry("old@new.test")),
            "smith" => {
                let both = ["Joe Smith <joe@local.test>", "Ann Smith <ann@local.test>"];
                Verification::Ambiguous(both.map(entry).into())
            }
            "x" => Verification::Ambiguous(Vec::new()),
            "u@backup.test" => Verification::CannotVerify,
            "dima" | "дима" => Verification::Mailbox(entry("дима@local.test")),
            "дима-old" => Verification::Moved(entry("дима@new.test")),
            "who" => {
                let hello = info.hello.as_ref().map_or("nobody", |hello| hello.name.as_str());
                Verification::Mailbox(entry(&format!("{hello} <who@local.test>")))
            }
            _ => Verification::Unknown,
        }
    }

    async fn expand(&self, query: &str, _info: &SessionInfo) -> Expansion {
        match query {
            "staff" | "staff@local.test" => {
                Expansion::Members(["ann@local.test", "Bob <bob@local.test>"].map(entry).into())
            }
            "one" => Expansion::Members(vec![entry("ann@local.test")]),
            "none" => Expansion::Members(Vec::new()),
            "world" => Expansion::Members(["ann@local.test", "дима@local.test"].map(entry).into()),
            "secret" => Expansion::CannotExpand,
            _ => Expansion::Unknown,
        }
    }
}

/// `XWHO` and `XSAY`: what the handler is told, and a reply as the client wishes.
pub(crate) struct Who;

#[async_trait]
impl ExtensionHandler for Who {
    fn definition(&self) -> ServiceExtension {
        ServiceExtension::new("X-WHO")
            .with_arguments("XWHO XSAY")
            .with_verb("XWHO")
            .with_verb("XSAY")
            .with_mail_parameter("XTICKET")
            .with_rcpt_parameter("XROOM")
    }

    async fn command(
        &self,
        verb: &str,
        argument: &str,
        envelope: Option<&Envelope>,
        info: &SessionInfo,
    ) -> Reply {
        if verb == "XSAY" {
            let code = argument.parse().ok().and_then(ReplyCode::new);
            return code.map_or(replies::SYNTAX_ERROR, |code| {
                Reply::new(code, Some(EnhancedCode::new(2, 0, 0)), "As you say")
            });
        }
        let hello = info.hello.as_ref().map_or("nobody", |hello| hello.name.as_str());
        let parameters = envelope.map(|envelope| {
            let all = envelope.recipients.iter().flat_map(|one| &one.params.other);
            let all = envelope.params.other.iter().chain(all);
            all.map(|one| format!("{}={}", one.keyword(), one.value().unwrap_or(""))).collect()
        });
        let parameters: Vec<String> = parameters.unwrap_or_default();
        let text = format!("{verb} '{argument}' {hello} {}", parameters.join(","));
        Reply::new(ReplyCode::OK, Some(EnhancedCode::new(2, 0, 0)), text)
    }
}
