//! Row G7: who logged in does not send as somebody else.

use std::collections::HashMap;

use async_trait::async_trait;
use smtp_server::access::{SenderLogin, SenderOwners};
use smtp_server::proto::Mailbox;
use smtp_server::{LookupError, SessionInfo};

use crate::support::checks::{START, at_sender, client, logged_in};
use crate::support::pure::block_on;

const OTHERS: &str = "553 5.7.1 The sender's address belongs to another login";
const NEEDS_LOGIN: &str = "553 5.7.1 The sender's address needs a login";

fn owners() -> HashMap<String, Vec<String>> {
    let to = |logins: &[&str]| logins.iter().map(|login| (*login).to_owned()).collect();
    HashMap::from([
        ("kim@local.test".to_owned(), to(&["kim"])),
        ("info@local.test".to_owned(), to(&["kim", "lee"])),
        ("@xn--bcher-kva.test".to_owned(), to(&["kim"])),
    ])
}

fn verdict(control: &SenderLogin<impl SenderOwners>, info: &SessionInfo, sender: &str) -> String {
    block_on(at_sender(control, info, sender, START))
}

#[test]
fn g07_a_login_sends_under_its_own_addresses() {
    let control = SenderLogin::new(owners());
    let (kim, lee) = (logged_in("192.0.2.1", "kim"), logged_in("192.0.2.1", "lee"));
    for own in [
        "<kim@local.test>",
        "<Kim@LOCAL.test>",
        "<\"kim\"@local.test>",
        "<info@local.test>",
        "<any@xn--bcher-kva.test>",
        "<any@b\u{fc}cher.test>",
        "<>",
    ] {
        assert_eq!(verdict(&control, &kim, own), "-", "{own}");
    }
    for other in [
        "<lee@local.test>",
        "<kim@sub.local.test>",
        "<kim@local.test.example>",
        "<kim@ext.test>",
        "<\"kim@local.test\"@ext.test>",
        "<kim%local.test@ext.test>",
        "<kim@[192.0.2.1]>",
    ] {
        assert_eq!(verdict(&control, &kim, other), OTHERS, "{other}");
    }
    assert_eq!(verdict(&control, &lee, "<info@local.test>"), "-");
    assert_eq!(verdict(&control, &lee, "<kim@local.test>"), OTHERS);
    let mut both = lee;
    both.identity.as_mut().unwrap().authzid = Some("kim".to_owned());
    assert_eq!(verdict(&control, &both, "<kim@local.test>"), "-", "lee acts as kim");
}

#[test]
fn g07_without_a_login_nobody_is_judged_unless_it_is_required() {
    let outside = client("192.0.2.1");
    assert_eq!(verdict(&SenderLogin::new(owners()), &outside, "<kim@local.test>"), "-");
    let required = SenderLogin::new(owners()).login_required();
    assert_eq!(verdict(&required, &outside, "<kim@local.test>"), NEEDS_LOGIN);
    assert_eq!(verdict(&required, &outside, "<a@ext.test>"), "-");
    assert_eq!(verdict(&required, &outside, "<>"), "-");
}

struct Away;

#[async_trait]
impl SenderOwners for Away {
    async fn owners(&self, _: &Mailbox<'_>) -> Result<Vec<String>, LookupError> {
        Err(LookupError::new("the directory is away"))
    }
}

#[test]
fn g07_a_table_that_cannot_be_asked_lets_nobody_pass() {
    let control = SenderLogin::new(Away);
    let said = verdict(&control, &logged_in("192.0.2.1", "kim"), "<kim@local.test>");
    assert!(said.starts_with("451 4.3.0 ") && !said.contains("directory"), "{said}");
    assert_eq!(verdict(&control, &client("192.0.2.1"), "<kim@local.test>"), "-");
}
