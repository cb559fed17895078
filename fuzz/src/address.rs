//! A path that was parsed is written and read again as the same one.
//!
//! * **In**: text. **Out**: nothing. **Promises**: no address holds what would break a line.
//! * **Limits**: none. **Panics**: on a finding. **Spec**: RFC 5321 4.1.2, RFC 6531 3.3.

use std::fmt::{Debug, Display};

use smtp_proto::{Domain, ForwardPath, LocalPart, Mailbox, ReversePath, SyntaxError};

/// Parses text as each kind of address.
///
/// # Panics
/// On a finding.
pub fn address(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    check(text, Mailbox::parse(text), |text| Mailbox::parse(text).map(Mailbox::into_owned));
    check(text, Domain::parse(text), |text| Domain::parse(text).map(Domain::into_owned));
    check(text, ForwardPath::parse(text), |text| {
        ForwardPath::parse(text).map(ForwardPath::into_owned)
    });
    check(text, ReversePath::parse(text), |text| {
        ReversePath::parse(text).map(ReversePath::into_owned)
    });
    if let Ok(path) = ForwardPath::parse(text) {
        check_route(&path);
    }
    if let Ok(local_part) = LocalPart::new(text) {
        let again = LocalPart::from_unquoted(local_part.unquoted().into_owned());
        assert_eq!(again.as_ref(), Ok(&local_part), "{text:?}");
    }
}

/// A source route is its hosts, each behind an `@`, and nothing else.
fn check_route(path: &ForwardPath<'_>) {
    let Some(route) = path.route() else { return };
    let hosts = route.domains().map(|domain| format!("@{domain}")).collect::<Vec<_>>();
    assert_eq!(hosts.join(","), route.as_str());
    assert_eq!(path.clone().without_route().mailbox(), path.mailbox());
}

fn check<A, B, E>(text: &str, parsed: Result<A, E>, parse: impl Fn(&str) -> Result<B, SyntaxError>)
where
    A: Display + Debug + PartialEq<B>,
    B: Debug,
{
    let Ok(parsed) = parsed else { return };
    let written = parsed.to_string();
    assert!(!written.chars().any(char::is_control), "{text:?} became {written:?}");
    match parse(&written) {
        Ok(again) => assert_eq!(parsed, again, "{text:?} became {written:?}"),
        Err(error) => panic!("{text:?} became {written:?}: {error}"),
    }
}
