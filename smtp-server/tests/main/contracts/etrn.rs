//! ETRN is offered by a delivery that can do it, and answered by it.

use async_trait::async_trait;
use smtp_server::proto::EtrnArgument;
use smtp_server::sasl::Passwords;
use smtp_server::{
    Accepted, Body, Capabilities, Delivered, Delivery, Envelope, EtrnAnswer, Service, SessionInfo,
};

use super::{connected, paused};
use crate::support::hooks::OneUser;
use crate::support::octets::{codes, replies};
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

/// Answers by what is asked for.
struct Waiting;

#[async_trait]
impl Delivery for Waiting {
    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::default();
        capabilities.etrn = true;
        capabilities
    }

    async fn etrn(&self, argument: &EtrnArgument<'_>, _: &SessionInfo) -> EtrnAnswer {
        match argument {
            EtrnArgument::Subdomains(domain) => {
                assert_eq!(domain.as_str(), "b.example");
                EtrnAnswer::Pending(3)
            }
            EtrnArgument::Queue(name) if name == "panics" => panic!("scripted"),
            EtrnArgument::Queue(name) => {
                assert_eq!(name, "a';--");
                EtrnAnswer::PendingStarted
            }
            EtrnArgument::Node(domain) if domain.as_str() == "b.example" => EtrnAnswer::Started,
            EtrnArgument::Node(domain) if domain.as_str() == "none.example" => {
                EtrnAnswer::NothingWaits
            }
            _ => EtrnAnswer::NotAllowed,
        }
    }

    async fn deliver(&self, _: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        body.drain().await?;
        Ok(Accepted::new().into())
    }
}

fn told(setup: &Setup, lines: &str) -> Vec<String> {
    replies(&pure::run(setup, &[Turn::send(lines)], Cuts::None).text())
}

// rows: 1985-5.1-a, 1985-5.1-b, 1985-5.3-a, 5321-4.1.1.1-j
#[test]
fn the_delivery_answers() {
    let setup = Setup::new(Waiting);
    let got = told(
        &setup,
        "EHLO a\r\nETRN b.example\r\nETRN none.example\r\nETRN @b.example\r\nETRN #a';--\r\n\
         ETRN other.example\r\n",
    );
    assert!(got[1].contains("ETRN"), "{}", got[1]);
    let expected = [
        "250 2.0.0 Queuing started",
        "251 2.0.0 Ok, no messages waiting",
        "253 2.0.0 Ok, 3 pending messages started",
        "252 2.0.0 Ok, pending messages started",
        "459 4.7.1 Node not allowed",
    ];
    assert_eq!(got[2..], expected);
}

// rows: 1985-5-b
#[test]
fn it_is_asked_for_after_ehlo_and_between_transactions() {
    let setup = Setup::new(Waiting);
    let lines = "ETRN b.example\r\nHELO a\r\nETRN b.example\r\nEHLO a\r\nMAIL FROM:<>\r\nETRN b.example\r\n\
                 RCPT TO:<kim@local.test>\r\nETRN b.example\r\nBDAT 0 LAST\r\nETRN b.example\r\n";
    let run = pure::run(&setup, &[Turn::send(lines)], Cuts::None);
    let (early, in_transaction) = ("503 5.5.1", "503 5.5.1");
    let expected = [
        early,
        "250",
        early,
        "250",
        "250 2.1.0",
        in_transaction,
        "250 2.1.5",
        in_transaction,
        "250 2.0.0",
        "250 2.0.0",
    ];
    assert_eq!(codes(&run.output[1]), expected);
}

// rows: 1985-5.1-b, 6409-7-b, 2505-2.11-a
#[test]
fn nobody_else_offers_it() {
    let mut submission = Setup::new(Waiting);
    submission.service = Service::Submission;
    let (plain, _) = Setup::accepting();
    for setup in [submission, plain] {
        let got = told(&setup, "EHLO a\r\nETRN b.example\r\n");
        assert!(!got[1].contains("ETRN"), "{}", got[1]);
        assert_eq!(got[2], "458 4.3.0 Unable to queue messages");
    }
}

// rows: 4954-6-c
#[test]
fn it_needs_auth_where_mail_does() {
    let mut setup = Setup::new(Waiting);
    setup.auth_required = true;
    let user = OneUser { user: "kim".to_owned(), password: "secret".to_owned() };
    setup.authenticator = Some(std::sync::Arc::new(Passwords::new(user)));
    setup.auth_in_clear = true;
    let lines = "EHLO a\r\nETRN b.example\r\nAUTH PLAIN AGtpbQBzZWNyZXQ=\r\nETRN b.example\r\n";
    let run = pure::run(&setup, &[Turn::send(lines)], Cuts::None);
    assert_eq!(codes(&run.output[1])[1..], ["530 5.7.0", "235 2.7.0", "250 2.0.0"]);
}

#[test]
fn a_delivery_that_panics_is_unable() {
    let setup = Setup::new(Waiting);
    paused(async {
        let (mut client, _serving) = connected(&setup, 1 << 16);
        client.reply().await;
        client.ask("EHLO a\r\n").await;
        assert!(client.ask("ETRN b.example\r\n").await.starts_with("250 2.0.0 "));
        assert!(client.ask("ETRN #panics\r\n").await.starts_with("458 4.3.0 "));
    });
    assert_eq!(setup.events.starting_with("HookFailed"), ["HookFailed Etrn Panicked"]);
}
