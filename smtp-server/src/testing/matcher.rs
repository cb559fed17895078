//! Matchers: what a message should be like, in words that explain a mismatch.
//!
//! * **In**: a message. **Out**: a [`Finding`]: yes, or what was expected and what is there.
//! * **Promises**: a matcher is a function, so it stands wherever a closure can: in
//!   [`TestMessage::assert`], in [`TestInbox::wait_for`](super::TestInbox::wait_for). Texts are compared as they are,
//!   addresses without regard to case. **Limits**: what is there is shown up to [`SHOWN_CHARACTERS_MAX`].
//! * **Panics**: never. **Spec**: none.
//!
//! ```
//! # use smtp_server::testing::TestMessage;
//! use smtp_server::testing::matcher::{Matcher, has_link, subject, to};
//!
//! # fn check(message: &TestMessage) {
//! message.assert(subject("Welcome").and(to("kim@example.org")).and(has_link("/confirm")));
//! # }
//! ```

use std::fmt;

use super::message::{Address, TestMessage};

/// How much of a text an explanation shows.
pub const SHOWN_CHARACTERS_MAX: usize = 400;

/// What a predicate says of a message: a `bool`, or a [`Finding`] that can explain itself.
pub trait Answer {
    /// Whether it is so.
    fn holds(&self) -> bool;

    /// Why not, if that can be told.
    fn reason(&self) -> Option<String>;
}

impl Answer for bool {
    fn holds(&self) -> bool {
        *self
    }

    fn reason(&self) -> Option<String> {
        None
    }
}

/// A function that says of a message whether it is as expected, and what it found.
#[must_use = "it says nothing until it is held against a message"]
pub trait Matcher: Fn(&TestMessage) -> Finding + Send + Sync + Sized {
    /// Both have to hold; all that does not is told.
    fn and(self, other: impl Matcher) -> impl Matcher {
        move |message: &TestMessage| {
            let both = [self(message), other(message)];
            let holds = both.iter().all(|one| one.holds);
            let failed = both.into_iter().filter(|one| !one.holds);
            Finding { holds, lines: failed.flat_map(|one| one.lines).collect() }
        }
    }

    /// One has to hold.
    fn or(self, other: impl Matcher) -> impl Matcher {
        move |message: &TestMessage| {
            let (first, second) = (self(message), other(message));
            let holds = first.holds || second.holds;
            let others = second.lines.iter().map(|line| format!("or {line}"));
            Finding { holds, lines: first.lines.into_iter().chain(others).collect() }
        }
    }

    /// In a box, so that different ones fit into a list.
    fn boxed(self) -> BoxedMatcher
    where
        Self: 'static,
    {
        Box::new(self)
    }
}

impl<F: Fn(&TestMessage) -> Finding + Send + Sync> Matcher for F {}

/// Any matcher.
pub type BoxedMatcher = Box<dyn Fn(&TestMessage) -> Finding + Send + Sync>;

/// What a matcher found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    holds: bool,
    /// What was expected and what was there, a line for each expectation.
    lines: Vec<String>,
}

impl Finding {
    /// For a matcher of your own: whether it holds, what was expected, and what is there.
    #[must_use]
    pub fn new(holds: bool, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        let found = found.to_string();
        let mut shown = found.chars().take(SHOWN_CHARACTERS_MAX).collect::<String>();
        if shown.len() < found.len() {
            shown.push_str("...");
        }
        Self { holds, lines: vec![format!("expected {expected}, found {shown}")] }
    }
}

impl Answer for Finding {
    fn holds(&self) -> bool {
        self.holds
    }

    fn reason(&self) -> Option<String> {
        (!self.holds).then(|| self.to_string())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

/// Subject is this text.
pub fn subject(expected: &str) -> impl Matcher + use<> {
    let expected = expected.to_owned();
    move |message: &TestMessage| {
        let found = message.subject();
        Finding::new(found == Some(&expected), format!("the subject {expected:?}"), or_none(found))
    }
}

/// Subject contains this text.
pub fn subject_contains(part: &str) -> impl Matcher + use<> {
    let part = part.to_owned();
    move |message: &TestMessage| contains("a subject", &part, message.subject())
}

/// The author in From has this address.
pub fn from(address: &str) -> impl Matcher + use<> {
    let expected = address.to_owned();
    move |message: &TestMessage| {
        let found = message.from();
        let holds = found.is_some_and(|found| is_same(&found.address, &expected));
        let found = found.map_or("none".to_owned(), Address::to_string);
        Finding::new(holds, format!("an author {expected}"), found)
    }
}

/// To has this address.
pub fn to(address: &str) -> impl Matcher + use<> {
    let expected = address.to_owned();
    move |message: &TestMessage| {
        let found = message.to();
        let holds = found.iter().any(|found| is_same(&found.address, &expected));
        Finding::new(holds, format!("{expected} in To"), list(found))
    }
}

/// The envelope has this recipient: by To, Cc or Bcc.
pub fn recipient(address: &str) -> impl Matcher + use<> {
    let expected = address.to_owned();
    move |message: &TestMessage| {
        let recipients = &message.envelope().recipients;
        let found = recipients.iter().map(|one| one.path.to_string()).collect::<Vec<_>>();
        let holds = found.iter().any(|found| is_same(found.trim_matches(['<', '>']), &expected));
        Finding::new(holds, format!("the recipient {expected}"), list(&found))
    }
}

/// There is a field of this name whose value is this text, decoded.
pub fn header(name: &str, expected: &str) -> impl Matcher + use<> {
    let (name, expected) = (name.to_owned(), expected.to_owned());
    move |message: &TestMessage| {
        let of_that_name = message.headers().filter(|(known, _)| known.eq_ignore_ascii_case(&name));
        let found = of_that_name.map(|(_, value)| value).collect::<Vec<_>>();
        let wanted = format!("the field {name}: {expected:?}");
        Finding::new(found.contains(&expected.as_str()), wanted, quoted(&found))
    }
}

/// The body in plain text contains this.
pub fn text_contains(part: &str) -> impl Matcher + use<> {
    let part = part.to_owned();
    move |message: &TestMessage| contains("a text", &part, message.text())
}

/// The body in HTML contains this.
pub fn html_contains(part: &str) -> impl Matcher + use<> {
    let part = part.to_owned();
    move |message: &TestMessage| contains("HTML", &part, message.html())
}

/// One of the [links](TestMessage::links) contains this.
pub fn has_link(part: &str) -> impl Matcher + use<> {
    let part = part.to_owned();
    move |message: &TestMessage| {
        let found = message.links();
        let holds = found.iter().any(|link| link.contains(&part));
        Finding::new(holds, format!("a link with {part:?}"), list(found))
    }
}

/// There is a [code](TestMessage::code).
pub fn has_code() -> impl Matcher {
    |message: &TestMessage| {
        let found = message.code();
        Finding::new(found.is_some(), "a code", or_none(found))
    }
}

/// There is an attachment of this name.
pub fn has_attachment(name: &str) -> impl Matcher + use<> {
    let name = name.to_owned();
    move |message: &TestMessage| {
        let parts = message.attachments().iter();
        let found = parts.map(|part| part.name.as_deref().unwrap_or_default()).collect::<Vec<_>>();
        Finding::new(
            found.contains(&name.as_str()),
            format!("an attachment {name:?}"),
            quoted(&found),
        )
    }
}

fn contains(what: &str, part: &str, found: Option<&str>) -> Finding {
    let holds = found.is_some_and(|found| found.contains(part));
    Finding::new(holds, format!("{what} with {part:?}"), or_none(found))
}

fn is_same(address: &str, expected: &str) -> bool {
    address.eq_ignore_ascii_case(expected)
}

fn or_none(found: Option<&str>) -> String {
    found.map_or("none".to_owned(), |found| format!("{found:?}"))
}

fn quoted(found: &[&str]) -> String {
    list(&found.iter().map(|text| format!("{text:?}")).collect::<Vec<_>>())
}

fn list(found: &[impl fmt::Display]) -> String {
    if found.is_empty() {
        return "none".to_owned();
    }
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
