//! An inbox: the messages of a test server, or of some of its recipients, and waiting for them.
//!
//! * **In**: whose messages, predicates, a time. **Out**: messages, or an [`InboxError`] that shows what came instead.
//! * **Promises**: a message counts once its 250 was written, also if that was before the call. Nothing is polled: a
//!   wait ends with the message. The time is real, and the futures may be awaited on any executor.
//! * **Limits**: the time given. **Panics**: at an address or a domain that is none. **Spec**: none.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use super::error::{InboxError, InboxErrorKind, Report};
use super::matcher::Answer;
use super::message::TestMessage;
use super::store::Store;
use super::transcript::{Speaker, Transcript, TranscriptLine};
use crate::envelope::Recipient;
use smtp_proto::{Domain, ForwardPath, Mailbox};

/// A view of a test server's messages. Clones and views are of the same server.
///
/// [`to`](Self::to), [`domain`](Self::domain) and [`tagged`](Self::tagged) give views of less, so that tests that run
/// at the same time share a server and do not see each other's mail. A message for several recipients is in the view
/// of each. They go by the envelope, so what To says does not matter, and Bcc counts.
#[derive(Clone)]
pub struct TestInbox {
    store: Arc<Store>,
    scopes: Vec<Scope>,
}

/// What a view asks of a recipient.
#[derive(Clone)]
enum Scope {
    Recipient(ForwardPath<'static>),
    Domain(Domain<'static>),
    Tag(String),
}

impl TestInbox {
    pub(super) fn new(store: Arc<Store>) -> Self {
        Self { store, scopes: Vec::new() }
    }

    /// What is for this address: `kim@example.org`, in any case.
    ///
    /// # Panics
    /// If it is no address.
    #[must_use]
    #[track_caller]
    pub fn to(&self, address: &str) -> Self {
        let path = format!("<{address}>");
        match ForwardPath::parse(&path) {
            Ok(path) => self.narrowed(Scope::Recipient(path.into_owned())),
            Err(error) => panic!("{address:?} is not an address: {error}"),
        }
    }

    /// What is for anyone in this domain.
    ///
    /// # Panics
    /// If it is no domain.
    #[must_use]
    #[track_caller]
    pub fn domain(&self, domain: &str) -> Self {
        match Domain::parse(domain) {
            Ok(domain) => self.narrowed(Scope::Domain(domain.into_owned())),
            Err(error) => panic!("{domain:?} is not a domain: {error}"),
        }
    }

    /// What is for an address with this tag: `t1` is that of `kim+t1@example.org`.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> Self {
        self.narrowed(Scope::Tag(tag.to_owned()))
    }

    /// The messages so far, in the order of their 250.
    #[must_use]
    pub fn messages(&self) -> Vec<TestMessage> {
        let mut messages = self.store.messages_from(0);
        messages.retain(|message| self.shows(message));
        messages
    }

    /// Waits for the first message that is as `predicate` says: a closure, or a [matcher](super::matcher).
    ///
    /// # Errors
    /// [`InboxErrorKind::NoMatch`] if none came `within` the time.
    pub async fn wait_for<A: Answer>(
        &self,
        predicate: impl Fn(&TestMessage) -> A,
        within: Duration,
    ) -> Result<TestMessage, InboxError> {
        let is_wanted = |message: &&TestMessage| predicate(message).holds();
        let first = |arrived: &[TestMessage], known| {
            arrived.get(known..).unwrap_or_default().iter().find(is_wanted).cloned()
        };
        self.wait_until(within, first).await.ok_or_else(|| {
            let reason = |message: &TestMessage| predicate(message).reason();
            self.error(InboxErrorKind::NoMatch, within, reason)
        })
    }

    /// Waits until there are `count` messages, or more, and gives all of them.
    ///
    /// # Errors
    /// [`InboxErrorKind::Incomplete`] if there were fewer after the time.
    pub async fn wait_for_count(
        &self,
        count: usize,
        within: Duration,
    ) -> Result<Vec<TestMessage>, InboxError> {
        let enough =
            |arrived: &[TestMessage], _| (count <= arrived.len()).then(|| arrived.to_vec());
        self.wait_until(within, enough).await.ok_or_else(|| {
            let found = self.messages().len();
            self.error(InboxErrorKind::Incomplete { found, expected: count }, within, |_| None)
        })
    }

    /// Waits until each predicate has a message of its own; gives them in the order of the predicates.
    ///
    /// A predicate takes the first message that it likes and that none before it took, so put those that like few
    /// before those that like many.
    ///
    /// ```
    /// # use smtp_server::testing::{InboxError, TestInbox};
    /// # use std::time::Duration;
    /// use smtp_server::testing::matcher::{Matcher, has_code, subject};
    ///
    /// # async fn check(inbox: TestInbox) -> Result<(), InboxError> {
    /// let expected = [subject("Welcome").and(has_code()).boxed(), subject("News").boxed()];
    /// let messages = inbox.wait_for_all(expected, Duration::from_secs(5)).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InboxErrorKind::Incomplete`] if some had none after the time.
    pub async fn wait_for_all<A: Answer, P: Fn(&TestMessage) -> A>(
        &self,
        predicates: impl IntoIterator<Item = P>,
        within: Duration,
    ) -> Result<Vec<TestMessage>, InboxError> {
        let predicates = predicates.into_iter().collect::<Vec<_>>();
        let all = |arrived: &[TestMessage], _| {
            let taken = assign(&predicates, arrived);
            let messages = taken.iter().map(|at| arrived.get((*at)?).cloned());
            messages.collect::<Option<Vec<_>>>()
        };
        self.wait_until(within, all).await.ok_or_else(|| {
            let taken = assign(&predicates, &self.messages());
            let found = taken.iter().flatten().count();
            let kind = InboxErrorKind::Incomplete { found, expected: predicates.len() };
            let missing = predicates.iter().zip(&taken).filter(|(_, at)| at.is_none());
            let missing = missing.map(|(predicate, _)| predicate).collect::<Vec<_>>();
            self.error(kind, within, |message| {
                let reasons = missing.iter().filter_map(|predicate| predicate(message).reason());
                Some(reasons.collect::<Vec<_>>().join("\n")).filter(|text| !text.is_empty())
            })
        })
    }

    /// Waits the whole time and sees that no message comes, nor came before.
    ///
    /// # Errors
    /// [`InboxErrorKind::Unexpected`] as soon as there is one.
    pub async fn expect_none(&self, within: Duration) -> Result<(), InboxError> {
        let any = |arrived: &[TestMessage], _| (!arrived.is_empty()).then_some(());
        match self.wait_until(within, any).await {
            None => Ok(()),
            Some(()) => Err(self.error(InboxErrorKind::Unexpected, within, |_| None)),
        }
    }

    /// Asks `check` about the messages whenever there is a new one; it is told how many it saw before.
    async fn wait_until<T>(
        &self,
        within: Duration,
        mut check: impl FnMut(&[TestMessage], usize) -> Option<T>,
    ) -> Option<T> {
        let mut changes = self.store.changes();
        let mut over = pin!(self.store.sleep(within));
        let (mut looked_at, mut arrived) = (0, Vec::new());
        loop {
            let new = self.store.messages_from(looked_at);
            looked_at += new.len();
            let known = arrived.len();
            arrived.extend(new.into_iter().filter(|message| self.shows(message)));
            if let Some(found) = check(&arrived, known) {
                return Some(found);
            }
            tokio::select! {
                biased;
                // The store, which is borrowed, has the sender.
                _ = changes.changed() => {}
                () = &mut over => return None,
            }
        }
    }

    fn error(
        &self,
        kind: InboxErrorKind,
        within: Duration,
        reason: impl Fn(&TestMessage) -> Option<String>,
    ) -> InboxError {
        let all = self.store.messages_from(0);
        let count = all.len();
        let shown = all.into_iter().filter(|message| self.shows(message));
        let arrived = shown.map(|message| (message.clone(), reason(&message))).collect::<Vec<_>>();
        let elsewhere = count - arrived.len();
        let mut transcripts = self.store.transcripts().recent();
        transcripts.retain(|transcript| self.is_named_in(transcript));
        let view = self.to_string();
        InboxError::new(Report { kind, within, view, arrived, elsewhere, transcripts })
    }

    fn shows(&self, message: &TestMessage) -> bool {
        let is_here =
            |recipient: &Recipient| self.scopes.iter().all(|scope| scope.has(&recipient.path));
        message.envelope().recipients.iter().any(is_here)
    }

    fn is_named_in(&self, transcript: &Transcript) -> bool {
        let names = |line: &TranscriptLine| {
            let text = line.text.to_ascii_lowercase();
            line.from == Speaker::Client && self.scopes.iter().all(|scope| scope.is_in(&text))
        };
        self.scopes.is_empty() || transcript.lines().iter().any(names)
    }

    fn narrowed(&self, scope: Scope) -> Self {
        let mut narrowed = self.clone();
        narrowed.scopes.push(scope);
        narrowed
    }
}

/// Whose messages are shown, as an addition to a sentence; nothing for everybody's.
impl fmt::Display for TestInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.scopes.iter().try_for_each(|scope| match scope {
            Scope::Recipient(path) => write!(f, " to {path}"),
            Scope::Domain(domain) => write!(f, " to {domain}"),
            Scope::Tag(tag) => write!(f, " to the tag {tag:?}"),
        })
    }
}

impl fmt::Debug for TestInbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestInbox({} messages{self})", self.messages().len())
    }
}

impl Scope {
    fn has(&self, path: &ForwardPath<'_>) -> bool {
        match self {
            Self::Recipient(wanted) => match (wanted.mailbox(), path.mailbox()) {
                (Some(wanted), Some(mailbox)) => {
                    wanted.domain == mailbox.domain
                        && local_part(wanted).eq_ignore_ascii_case(&local_part(mailbox))
                }
                (wanted, mailbox) => wanted.is_none() && mailbox.is_none(),
            },
            Self::Domain(wanted) => path.domain() == Some(wanted),
            Self::Tag(wanted) => path.mailbox().is_some_and(|mailbox| {
                local_part(mailbox).split_once('+').is_some_and(|(_, tag)| tag == wanted)
            }),
        }
    }

    /// Whether a line in lower case, which may be a RCPT that was refused, has such a recipient.
    fn is_in(&self, line: &str) -> bool {
        let sign = match self {
            Self::Recipient(path) => path.to_string(),
            Self::Domain(domain) => format!("@{domain}>"),
            Self::Tag(tag) => format!("+{tag}@"),
        };
        line.starts_with("rcpt ") && line.contains(&sign.to_ascii_lowercase())
    }
}

fn local_part(mailbox: &Mailbox<'_>) -> String {
    mailbox.local_part.unquoted().into_owned()
}

/// For each predicate the number of its message.
fn assign<A: Answer>(
    predicates: &[impl Fn(&TestMessage) -> A],
    arrived: &[TestMessage],
) -> Vec<Option<usize>> {
    let mut taken = Vec::<Option<usize>>::new();
    for predicate in predicates {
        let mut free = (0..arrived.len()).filter(|at| !taken.contains(&Some(*at)));
        let own = free.find(|at| predicate(&arrived[*at]).holds());
        taken.push(own);
    }
    taken
}
