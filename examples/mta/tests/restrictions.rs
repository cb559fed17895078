//! Postfix's lists of restrictions, and the rates, in a session.

use std::fs;

use rustix::process::Signal;

use crate::client::Client;
use crate::harness::{Mta, run_as_is};

/// What is said to RCPT, by a server with these parameters.
fn answer_to(mta: &Mta, from: &str, to: &str) -> String {
    let mut client = Client::hello(mta.smtp());
    client.ask(&format!("MAIL FROM:<{from}>"));
    client.ask(&format!("RCPT TO:<{to}>"))
}

#[test]
fn lists_are_asked_at_rcpt_or_at_once() {
    const LIST: &str =
        "smtpd_client_restrictions=check_client_access cidr:{ {127.0.0.0/8 REJECT Not you} }";
    let mta = Mta::start(&["-o", LIST]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.ask("MAIL FROM:<a@b.test>");
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = client.ask("RCPT TO:<kim@localhost>");
    assert_eq!(reply, "554 5.7.1 <unknown[127.0.0.1]>: Client host rejected: Not you");

    let mta = Mta::start(&["-o", LIST, "-o", "smtpd_delay_reject=no"]);
    let reply = Client::open(mta.smtp()).reply();
    assert!(reply.starts_with("554 ") && reply.ends_with("Not you"), "{reply}");
}

#[test]
fn each_stage_has_its_list() {
    let mta = Mta::start(&[
        "-o",
        "smtpd_helo_restrictions=permit",
        "-o",
        "smtpd_sender_restrictions=reject_non_fqdn_sender, permit",
        "-o",
        "smtpd_recipient_restrictions=check_recipient_access inline:{ {kim@ = 450 4.2.1 Later} }",
        "-o",
        "smtpd_data_restrictions=reject_multi_recipient_bounce",
        "-o",
        "smtpd_end_of_data_restrictions=check_sender_access inline:{ {big.test = REJECT Too big} }",
    ]);
    for (from, to, reply) in [
        (
            "a@b",
            "lee@localhost",
            "504 5.5.2 <a@b>: Sender address rejected: need fully-qualified address",
        ),
        (
            "a@b.test",
            "kim@localhost",
            "450 4.2.1 <kim@localhost>: Recipient address rejected: Later",
        ),
    ] {
        assert_eq!(answer_to(&mta, from, to), reply);
    }
    let mut client = Client::hello(mta.smtp());
    client.ask("MAIL FROM:<>");
    client.ask("RCPT TO:<lee@localhost>");
    client.ask("RCPT TO:<max@localhost>");
    let reply = client.ask("DATA");
    assert_eq!(reply, "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce");
    client.ask("RSET");
    client.ask("MAIL FROM:<a@big.test>");
    client.ask("RCPT TO:<lee@localhost>");
    client.ask("DATA");
    let reply = client.ask("Subject: x\r\n\r\nx\r\n.");
    assert_eq!(reply, "554 5.7.1 <a@big.test>: Sender address rejected: Too big");
}

#[test]
fn no_list_but_the_relay_restrictions_grants_relaying() {
    let permits = ["client", "helo", "sender", "recipient", "data"]
        .map(|name| format!("smtpd_{name}_restrictions=check_client_access static:OK, permit"));
    let options: Vec<&str> = permits.iter().flat_map(|list| ["-o", list.as_str()]).collect();
    let mta = Mta::start(&options);
    let reply = answer_to(&mta, "a@b.test", "v@ext.test");
    assert!(reply.ends_with("Relay access denied"), "{reply}");

    let table = "check_client_access cidr:{ {127.0.0.0/8 OK} }";
    let list = format!("smtpd_relay_restrictions={table}, reject_unauth_destination");
    let mta = Mta::start(&["-o", &list, "-o", "relayhost=[127.0.0.1]:1"]);
    let reply = answer_to(&mta, "a@b.test", "v@ext.test");
    assert!(reply.starts_with("250 "), "granted: {reply}");
}

#[test]
fn a_table_that_lets_everybody_out_is_refused() {
    for (table, code) in [
        ("check_client_access cidr:{ {0.0.0.0/1 OK}, {128.0.0.0/1 OK} }", 66),
        ("check_client_access cidr:{ {::/0 OK} }", 66),
        ("check_client_access cidr:{ {!10.0.0.0/8 OK} }", 66),
        ("check_client_access static:OK", 66),
        ("check_client_access regexp:{ {/./ OK} }", 66),
        ("check_client_access inline:{ {10 = HOLD} }", 66),
        ("check_sender_access static:OK", 64),
        ("permit", 64),
    ] {
        let list = format!("smtpd_relay_restrictions={table}, reject");
        let output = run_as_is(&["explain", "to=a@b.test", "-o", &list]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{table}: {stderr}");
        assert!(stderr.contains("-o smtpd_relay_restrictions: "), "{table}: {stderr}");
    }
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("senders");
    fs::write(&file, "ok.test OK\nspam.test REFUSE\n").expect("written");
    let file = file.to_str().expect("UTF-8");
    for (option, code, part) in [
        (
            format!("smtpd_sender_restrictions=check_sender_access texthash:{file}"),
            66,
            format!("{file}:2:11: expected OK, DUNNO"),
        ),
        (
            format!("smtpd_sender_restrictions=check_sender_access hash:{file}"),
            66,
            "expected texthash:".to_owned(),
        ),
        (
            "smtpd_sender_restrictions=reject_everybody".to_owned(),
            64,
            "there are warn_if_reject, permit, reject".to_owned(),
        ),
        (
            "smtpd_client_restrictions=reject_unlisted_recipient".to_owned(),
            64,
            "is known only at".to_owned(),
        ),
        (
            format!("smtpd_sender_login_maps=texthash:{file}"),
            66,
            format!("{file}:1: expected an address"),
        ),
        ("smtpd_sasl_type=dovecot".to_owned(), 78, "smtpd_sasl_path".to_owned()),
        ("smtpd_sasl_path=/x".to_owned(), 78, "smtpd_sasl_type=dovecot".to_owned()),
    ] {
        let output = run_as_is(&["explain", "to=a@b.test", "-o", &option]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{option}: {stderr}");
        assert!(stderr.contains(&part) && stderr.lines().count() == 1, "{option}: {stderr}");
    }
}

#[test]
fn a_table_is_read_again_or_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("senders");
    fs::write(&file, "spam.test REJECT\n").expect("written");
    let path = file.to_str().expect("UTF-8").to_owned();
    let list = format!("smtpd_sender_restrictions=check_sender_access texthash:{path}");
    let mut mta = Mta::start(&["-o", &list]);
    assert!(answer_to(&mta, "a@spam.test", "kim@localhost").starts_with("554 "));

    fs::write(&file, "spam.test REJECT\nb.test REFUSE\n").expect("written");
    mta.signal(Signal::HUP);
    mta.expect_log(&format!("{path}:2:8: expected OK"));
    assert!(answer_to(&mta, "a@spam.test", "kim@localhost").starts_with("554 "));
    assert!(answer_to(&mta, "a@b.test", "kim@localhost").starts_with("250 "));

    fs::write(&file, "b.test REJECT\n").expect("written");
    mta.signal(Signal::HUP);
    mta.expect_log("read again");
    mta.expect_log("read again");
    assert!(answer_to(&mta, "a@spam.test", "kim@localhost").starts_with("250 "));
    assert!(answer_to(&mta, "a@b.test", "kim@localhost").starts_with("554 "));
}

#[test]
fn senders_belong_to_logins() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("owners");
    fs::write(&file, "kim@localhost kim\n").expect("written");
    let maps = format!("smtpd_sender_login_maps=texthash:{}", file.display());
    let list = "smtpd_sender_restrictions=reject_sender_login_mismatch";
    let mta = Mta::start(&["-o", &maps, "-o", list]);
    let reply = answer_to(&mta, "Kim@localhost", "lee@localhost");
    assert_eq!(reply, "553 5.7.1 <Kim@localhost>: Sender address rejected: not logged in");
    assert!(answer_to(&mta, "lee@localhost", "lee@localhost").starts_with("250 "));
}

#[test]
fn rates_are_limited_but_not_of_exceptions() {
    let limit = "smtpd_client_message_rate_limit=1";
    let mta = Mta::start(&["-o", limit]);
    assert!(answer_to(&mta, "a@b.test", "kim@localhost").starts_with("250 "));
    let reply = answer_to(&mta, "a@b.test", "kim@localhost");
    assert!(reply.starts_with("450 4.7.1 "), "{reply}");
    for exception in ["mynetworks=127.0.0.0/8", "smtpd_client_event_limit_exceptions=127.0.0.1"] {
        let mta = Mta::start(&["-o", limit, "-o", exception]);
        for _ in 0..2 {
            let reply = answer_to(&mta, "a@b.test", "kim@localhost");
            assert!(reply.starts_with("250 "), "{exception}: {reply}");
        }
    }
}

#[test]
fn a_dovecot_that_is_away_is_69() {
    let data = tempfile::tempdir().expect("a directory");
    let path = format!("smtpd_sasl_path={}", data.path().join("auth").display());
    let output = crate::harness::run(data.path(), &["-o", "smtpd_sasl_type=dovecot", "-o", &path]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(69), "{stderr}");
    assert!(stderr.contains("Dovecot does not answer"), "{stderr}");
}
