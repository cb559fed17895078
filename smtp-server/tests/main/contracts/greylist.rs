//! Greylisting: who waits, who does not, and what a store may do to it.

use async_trait::async_trait;
use smtp_server::access::{Greylist, GreylistEntry, GreylistKey, GreylistStore, MemoryGreylist};
use smtp_server::relay::Networks;
use smtp_server::{LookupError, SessionInfo};

use crate::support::checks::{after, at_recipient, client, logged_in};
use crate::support::pure::block_on;

fn attempt<S: GreylistStore>(
    greylist: &Greylist<S>,
    info: &SessionInfo,
    (from, to): (&str, &str),
    second: u64,
) -> String {
    let paths = (&*format!("<{from}>"), &*format!("<{to}@local.test>"));
    block_on(at_recipient(greylist, info, paths, after(second)))
}

#[test]
fn a_network_a_sender_and_a_recipient_wait_once() {
    let greylist = Greylist::new(MemoryGreylist::default());
    let at = |ip: &str, paths, second| attempt(&greylist, &client(ip), paths, second);
    let kim = ("a@b.test", "kim");
    assert_eq!(at("192.0.2.1", kim, 0), "451 4.7.1 Not known yet, try again in 300 s");
    assert_eq!(at("192.0.2.200", kim, 60), "451 4.7.1 Not known yet, try again in 240 s");
    assert_eq!(at("192.0.2.3", ("A@B.test", "KIM"), 300), "-");
    assert_eq!(at("192.0.2.1", kim, 301), "-");
    for (ip, paths) in [
        ("192.0.3.1", kim),
        ("2001:db8::1", kim),
        ("192.0.2.1", ("c@b.test", "kim")),
        ("192.0.2.1", ("", "kim")),
        ("192.0.2.1", ("a@b.test", "lee")),
    ] {
        assert!(at(ip, paths, 302).starts_with("451 4.7.1 "), "{ip} {paths:?}");
    }
}

#[test]
fn users_and_exempt_networks_do_not_wait() {
    let inside = Networks::new(["10.0.0.0/8"]).unwrap();
    let greylist = Greylist::new(MemoryGreylist::default()).exempt(inside);
    for info in [logged_in("192.0.2.1", "kim"), client("10.0.0.1")] {
        assert_eq!(attempt(&greylist, &info, ("a@b.test", "kim"), 0), "-");
    }
}

#[test]
fn a_flood_of_new_senders_makes_no_stranger_of_an_old_one() {
    let greylist = Greylist::new(MemoryGreylist::new(10));
    let old = client("192.0.2.1");
    let paths = ("a@b.test", "kim");
    attempt(&greylist, &old, paths, 0);
    assert_eq!(attempt(&greylist, &old, paths, 300), "-");
    let flood = client("203.0.113.1");
    let strangers = (0..1000).map(|n| format!("{n}@spam.test")).collect::<Vec<_>>();
    for stranger in &strangers {
        assert_ne!(attempt(&greylist, &flood, (stranger, "kim"), 301), "-");
    }
    assert_eq!(attempt(&greylist, &old, paths, 302), "-");
    let known = |stranger: &String| attempt(&greylist, &flood, (stranger, "kim"), 601) == "-";
    assert_eq!(strangers.iter().rev().filter(|stranger| known(stranger)).count(), 10);
}

struct Away;

#[async_trait]
impl GreylistStore for Away {
    async fn load(&self, _: &GreylistKey) -> Result<Option<GreylistEntry>, LookupError> {
        Err(LookupError::new("secret"))
    }

    async fn save(&self, _: &GreylistKey, _: GreylistEntry) -> Result<(), LookupError> {
        Ok(())
    }
}

#[test]
fn a_store_that_is_away_lets_nobody_pass() {
    let said = attempt(&Greylist::new(Away), &client("192.0.2.1"), ("a@b.test", "kim"), 0);
    assert!(said.starts_with("451 4.3.0 ") && !said.contains("secret"), "{said}");
}
