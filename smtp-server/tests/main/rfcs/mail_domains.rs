//! What the DNS says of the domains in MAIL and RCPT, while the command waits.

use std::sync::Arc;

use smtp_server::access::MailDomains;
use smtp_server::relay::LocalDomains;

use crate::contracts::runtime;
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

fn zone() -> Zone {
    Zone::default()
        .exchange("good.example", 10, "mx.good.example")
        .address("host.example", "192.0.2.1")
        .address("six.example", "2001:db8::1")
        .exchange("nomail.example", 0, ".")
        .text("text.example", &["no mail here"])
        .failing("d.example")
}

/// The replies to these commands, up to the enhanced code, after EHLO.
async fn replies(commands: &[&str]) -> Vec<String> {
    let names = NameServer::start(zone()).await;
    let (mut setup, _) = Setup::accepting();
    setup.access = Some(Arc::new(MailDomains::new(names.dns())));
    let local = ["local.test", "good.example", "nomail.example", "d.example", "none.example"];
    setup.relay = Arc::new(LocalDomains::new(local).unwrap());
    let running = Running::start(&setup).await;
    let mut client = Client::direct(running.address).await;
    client.reply().await;
    client.ask("EHLO c.example\r\n").await;
    let mut replies = Vec::new();
    for command in commands {
        let reply = client.ask(&format!("{command}\r\n")).await;
        replies.push(reply.split(' ').take(2).collect::<Vec<_>>().join(" "));
    }
    running.stop().await;
    replies
}

// rows: 7505-4.1-b
#[test]
fn a_sender_who_could_not_be_written_back_to_is_refused() {
    let commands = [
        "MAIL FROM:<a@nomail.example>",
        "MAIL FROM:<a@none.example>",
        "MAIL FROM:<a@text.example>",
        "MAIL FROM:<a@good.example>",
        "RSET",
        "MAIL FROM:<a@host.example>",
        "RSET",
        "MAIL FROM:<a@six.example>",
        "RSET",
        "MAIL FROM:<a@[192.0.2.1]>",
        "RSET",
        "MAIL FROM:<>",
    ];
    let expected = [
        "550 5.7.27",
        "550 5.1.8",
        "550 5.1.8",
        "250 2.1.0",
        "250 2.0.0",
        "250 2.1.0",
        "250 2.0.0",
        "250 2.1.0",
        "250 2.0.0",
        "250 2.1.0",
        "250 2.0.0",
        "250 2.1.0",
    ];
    assert_eq!(runtime().block_on(replies(&commands)), expected);
}

// rows: 2505-2.9-a
#[test]
fn a_sender_is_not_refused_for_good_because_the_dns_fails() {
    assert_eq!(runtime().block_on(replies(&["MAIL FROM:<u@d.example>"])), ["451 4.4.3"]);
}

// rows: 7505-4.1-a
#[test]
fn a_recipient_whose_domain_takes_no_mail_is_refused() {
    let commands = [
        "MAIL FROM:<>",
        "RCPT TO:<u@nomail.example>",
        "RCPT TO:<u@good.example>",
        "RCPT TO:<u@none.example>",
        "RCPT TO:<u@d.example>",
        "RCPT TO:<postmaster>",
    ];
    let expected = ["250 2.1.0", "556 5.1.10", "250 2.1.5", "250 2.1.5", "250 2.1.5", "250 2.1.5"];
    assert_eq!(runtime().block_on(replies(&commands)), expected);
}
