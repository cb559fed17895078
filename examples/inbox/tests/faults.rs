//! Failing on purpose.

use serde_json::json;

use crate::harness::{Inbox, Sender};

#[test]
fn rules_are_listed_counted_and_taken_away() {
    let inbox = Inbox::start(&["--faults", "rcpt nth=2 reply=\"451 4.2.1 later\""]);
    let mut sender = Sender::connect(inbox.smtp());
    sender.say("MAIL FROM:<a@b.test>");
    assert!(sender.say("RCPT TO:<c@d.test>").starts_with("250"));
    assert_eq!(sender.say("RCPT TO:<e@f.test>"), "451 4.2.1 later");
    let rules = inbox.fetch("/api/v1/faults");
    assert_eq!(
        (&rules[0]["Rule"], &rules[0]["Hits"]),
        (&json!("rcpt nth=2 reply=\"451 4.2.1 later\""), &json!(1))
    );
    let rule = json!({ "Rule": "mail times=1 reply=\"452 4.3.1 full\"" }).to_string();
    let added = inbox.ask("POST", "/api/v1/faults", &rule).json();
    assert!(sender.say("RSET").starts_with("250"));
    assert_eq!(sender.say("MAIL FROM:<a@b.test>"), "452 4.3.1 full");
    assert!(sender.say("MAIL FROM:<a@b.test>").starts_with("250"));
    let path = format!("/api/v1/faults/{}", added["ID"].as_str().unwrap());
    assert_eq!(inbox.ask("DELETE", &path, "").status, 200);
    assert_eq!(inbox.ask("DELETE", &path, "").status, 404);
    assert_eq!(inbox.ask("DELETE", "/api/v1/faults", "").status, 200);
    assert_eq!(inbox.fetch("/api/v1/faults"), json!([]));
    let wrong = inbox.ask("POST", "/api/v1/faults", "{\"Rule\": \"nonsense\"}");
    assert_eq!(wrong.status, 400);
    assert!(wrong.text().contains("nonsense"), "{wrong:?}");
}

#[test]
fn an_address_asks_for_its_own_fault() {
    let inbox = Inbox::start(&[]);
    let mut sender = Sender::connect(inbox.smtp());
    sender.say("MAIL FROM:<a@b.test>");
    assert!(sender.say("RCPT TO:<reject-550@example.org>").starts_with("550"));
    assert!(sender.say("RCPT TO:<defer-451@example.org>").starts_with("451"));
    assert!(sender.say("RCPT TO:<kim@example.org>").starts_with("250"));
    sender.write(b"RCPT TO:<close@example.org>\r\n");
    assert_eq!(sender.rest(), "");
}

#[test]
fn a_message_whose_250_was_not_written_is_not_there() {
    let inbox = Inbox::start(&["--faults", "end-of-data times=1 reset"]);
    let mut sender = Sender::connect(inbox.smtp());
    for command in ["MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA"] {
        sender.say(command);
    }
    sender.write(b"Subject: lost\r\n\r\nHi\r\n.\r\n");
    assert_eq!(sender.rest(), "");
    inbox.send("a@b.test", &["c@d.test"], "Subject: kept\n\nHi\n");
    assert_eq!(inbox.subjects("hi"), ["kept"]);
}

#[test]
fn mailpits_triggers_are_faults() {
    let inbox = Inbox::start(&[]);
    let none = json!({ "Sender": { "ErrorCode": 451, "Probability": 0 }, "Recipient": { "ErrorCode": 451, "Probability": 0 },
        "Authentication": { "ErrorCode": 535, "Probability": 0 } });
    assert_eq!(inbox.fetch("/api/v1/chaos"), none);
    let wanted = json!({ "Sender": { "ErrorCode": 421, "Probability": 0 }, "Recipient": { "ErrorCode": 550, "Probability": 100 } });
    let answer = inbox.ask("PUT", "/api/v1/chaos", &wanted.to_string()).json();
    assert_eq!(
        (&answer["Recipient"], &answer["Authentication"]),
        (&wanted["Recipient"], &none["Authentication"])
    );
    let mut sender = Sender::connect(inbox.smtp());
    sender.say("MAIL FROM:<a@b.test>");
    assert!(sender.say("RCPT TO:<c@d.test>").starts_with("550"));
    assert_eq!(inbox.fetch("/api/v1/faults").as_array().map(Vec::len), Some(1));
    inbox.ask("PUT", "/api/v1/chaos", "{}");
    assert!(sender.say("RCPT TO:<c@d.test>").starts_with("250"));
    for wrong in [
        json!({ "Sender": { "ErrorCode": 250, "Probability": 1 } }),
        json!({ "Sender": { "ErrorCode": 450, "Probability": 101 } }),
    ] {
        assert_eq!(inbox.ask("PUT", "/api/v1/chaos", &wrong.to_string()).status, 400, "{wrong}");
    }
}
