//! The directory: asked with a clock, cut off if it fails, and unable to word a reply that VRFY and EXPN
//! do not have.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smtp_server::proto::{ForwardPath, Mailbox, limits};
use smtp_server::{Directory, DirectoryEntry, Expansion, ServiceConfig, SessionInfo, Verification};

use super::{connected, paused, runtime};
use crate::support::hooks::{Users, entry};
use crate::support::octets::replies;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// How it fails is the client's choice.
struct Failing;

#[async_trait]
impl Directory for Failing {
    async fn verify(&self, query: &str, _: &SessionInfo) -> Verification {
        fail(query).await;
        Verification::Unknown
    }

    async fn expand(&self, query: &str, _: &SessionInfo) -> Expansion {
        fail(query).await;
        Expansion::Unknown
    }
}

async fn fail(how: &str) {
    match how {
        "hang" => std::future::pending().await,
        "panic" => std::panic::resume_unwind(Box::new("a hook failed")),
        _ => {}
    }
}

#[test]
fn a_directory_that_fails_cannot_verify() {
    let mut setup = with(Failing);
    setup.timeouts.hook = Duration::from_secs(1);
    paused(async {
        let (mut client, _serving) = connected(&setup, 4096);
        client.reply().await;
        for verb in ["VRFY", "EXPN"] {
            for how in ["hang", "panic"] {
                let reply = client.ask(&format!("{verb} {how}\r\n")).await;
                assert!(reply.starts_with("252 2.5.0 "), "{verb} {how}: {reply}");
            }
            assert!(client.ask(&format!("{verb} not\r\n")).await.starts_with("550 5.1.1 "));
        }
    });
    let failures = ["TimedOut", "Panicked"].repeat(2);
    let expected = failures.iter().map(|how| format!("HookFailed Directory {how}"));
    assert_eq!(setup.events.starting_with("HookFailed"), expected.collect::<Vec<_>>());
}

#[test]
fn a_listener_may_have_a_directory_of_its_own() {
    let (setup, _) = Setup::accepting();
    runtime().block_on(async {
        let services = [ServiceConfig::smtp(), ServiceConfig::smtp().directory(Users)];
        let running = Running::with_each(setup.server(), services).await;
        for (address, told) in running.addresses.iter().zip([false, true]) {
            let mut client = Client::direct(*address).await;
            client.reply().await;
            assert_eq!(client.ask("EHLO a\r\n").await.contains("EXPN"), told);
            let reply = client.ask("VRFY kim\r\n").await;
            assert!(reply.starts_with(if told { "250 2.1.5 <kim@" } else { "252 2.5.0 " }));
        }
        running.stop().await;
    });
}

/// Answers with the mailbox of the path that it is asked about.
struct Echo;

#[async_trait]
impl Directory for Echo {
    async fn verify(&self, query: &str, _: &SessionInfo) -> Verification {
        echoed(query).map_or(Verification::Unknown, Verification::Mailbox)
    }

    async fn expand(&self, query: &str, _: &SessionInfo) -> Expansion {
        Expansion::Members(echoed(query).into_iter().collect())
    }
}

fn echoed(query: &str) -> Option<DirectoryEntry> {
    let path = ForwardPath::parse(query).ok()?.into_owned();
    DirectoryEntry::new(path.mailbox()?.clone())
}

// rows: 5321-3.5.2-a, 5321-3.5.2-b
#[test]
fn no_reply_has_a_source_route_or_an_address_literal() {
    let setup = with(Echo);
    let routed = "<@relay.test,@other.test:kim@local.test>";
    for verb in ["VRFY", "EXPN"] {
        let got = told(&setup, &format!("{verb} {routed}"));
        assert_eq!(got, ["250 2.1.5 <kim@local.test>"], "{verb}");
        let got = told(&setup, &format!("{verb} <kim@[192.0.2.1]>"));
        assert!(!got.concat().contains("192.0.2.1"), "{verb}: {got:?}");
    }
    assert!(Mailbox::parse(&routed[1..routed.len() - 1]).is_err());
    assert_eq!(DirectoryEntry::new("kim@[192.0.2.1]".parse().unwrap()), None);
}

/// Gives the same entries to everybody.
struct Fixed(Vec<DirectoryEntry>);

#[async_trait]
impl Directory for Fixed {
    async fn verify(&self, _: &str, _: &SessionInfo) -> Verification {
        Verification::Ambiguous(self.0.clone())
    }

    async fn expand(&self, _: &str, _: &SessionInfo) -> Expansion {
        Expansion::Members(self.0.clone())
    }
}

// rows: 5321-3.5.1-c, 5321-3.5.1-d
#[test]
fn every_entry_is_one_line_whatever_its_name() {
    let longest = format!("{}@{}", "l".repeat(64), vec!["d".repeat(60); 3].join("."));
    let names =
        ["Joe\r\n250 2.1.5 <eve@x.test>", " <eve@x.test>", "\0", "  ", &"\u{fc}".repeat(300)];
    let entries =
        names.map(|name| DirectoryEntry::new(longest.parse().unwrap()).unwrap().with_name(name));
    let setup = with(Fixed(entries.into()));
    let expected = [
        "Joe??250 2.1.5 ?eve@x.test? ",
        "?eve@x.test? ",
        "? ",
        "",
        &format!("{} ", "\u{fc}".repeat(64)),
    ]
    .map(|name| format!("{name}<{longest}>"));
    let lines = told(&setup, "EXPN all SMTPUTF8");
    assert_eq!(lines.iter().map(|line| &line[10..]).collect::<Vec<_>>(), expected);
    assert!(lines.iter().all(|line| line.len() + 2 <= limits::REPLY_LINE_BYTES_MAX));
    let candidates = told(&setup, "VRFY all SMTPUTF8");
    assert_eq!(candidates[0], "553-5.1.4 Ambiguous name");
    assert_eq!(candidates[1..].iter().map(|line| &line[10..]).collect::<Vec<_>>(), expected);
}

#[test]
fn a_list_that_no_reply_holds_is_not_told() {
    let short = entry("kim@local.test");
    let long = entry(&format!("{} <kim@local.test>", "n".repeat(100)));
    for (entries, lines) in [
        (vec![short.clone(); 999], 999),
        (vec![short; 1000], 1),
        (vec![long.clone(); 500], 500),
        (vec![long; 600], 1),
    ] {
        let setup = with(Fixed(entries));
        let expanded = told(&setup, "EXPN all");
        assert_eq!(expanded.len(), lines);
        let code = if lines == 1 { "252 2.5.0 " } else { "250-2.1.5 " };
        assert!(expanded[0].starts_with(code), "{}", expanded[0]);
        let candidates = told(&setup, "VRFY all");
        assert_eq!(candidates.len(), if lines == 1 { 1 } else { lines + 1 });
        // What is told, our own parser takes.
        assert_eq!(replies(&run(&setup, "VRFY all")).len(), 1);
    }
}

fn with(directory: impl Directory) -> Setup {
    let (mut setup, _) = Setup::accepting();
    setup.directory = Some(Arc::new(directory));
    setup
}

/// The lines of the reply to one command.
fn told(setup: &Setup, command: &str) -> Vec<String> {
    let reply = String::from_utf8(run(setup, command)).unwrap();
    reply.lines().map(str::to_owned).collect()
}

fn run(setup: &Setup, command: &str) -> Vec<u8> {
    let mut run = pure::run(setup, &[Turn::send(format!("{command}\r\n"))], Cuts::None);
    run.output.remove(1)
}
