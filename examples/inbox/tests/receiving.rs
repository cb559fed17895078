//! Mail that comes, and what is known of it.

use serde_json::json;

use crate::harness::{Inbox, Sender};

const LETTER: &str =
    "From: Ann <ann@example.org>\nTo: Kim <kim@example.org>\nSubject: Hello\n\nDear Kim\n";

#[test]
fn a_message_is_there_as_it_was_sent_once_its_sender_knows() {
    let inbox = Inbox::start(&[]);
    let id = inbox.send("ann@example.org", &["kim@example.org", "boss@example.org"], LETTER);
    let list = inbox.fetch("/api/v1/messages");
    assert_eq!(
        (&list["total"], &list["unread"], &list["messages_count"]),
        (&json!(1), &json!(1), &json!(1))
    );
    let summary = &list["messages"][0];
    assert_eq!(summary["ID"], id, "the id that the 250 names");
    assert_eq!(summary["From"], json!({ "Name": "Ann", "Address": "ann@example.org" }));
    assert_eq!(summary["Bcc"], json!([{ "Name": "", "Address": "boss@example.org" }]));
    assert_eq!(summary["Snippet"], "Dear Kim");
    let raw = inbox.ask("GET", &format!("/api/v1/message/{id}/raw"), "");
    assert_eq!(raw.text(), LETTER.replace('\n', "\r\n"));
    assert_eq!(raw.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[test]
fn the_envelope_has_all_that_the_client_said() {
    let inbox = Inbox::start(&[]);
    let mut sender = Sender::connect(inbox.smtp());
    // PLAIN with the name kim and the password secret.
    assert!(sender.say("AUTH PLAIN AGtpbQBzZWNyZXQ=").starts_with("235"), "any password will do");
    let line = "MAIL FROM:<ann@example.org> SIZE=10 BODY=8BITMIME RET=HDRS ENVID=abc SMTPUTF8";
    assert!(sender.say(line).starts_with("250"));
    assert!(
        sender
            .say("RCPT TO:<kim@example.org> NOTIFY=NEVER ORCPT=rfc822;k@example.org")
            .starts_with("250")
    );
    assert!(sender.say("DATA").starts_with("354"));
    assert!(sender.say("Subject: x\r\n\r\nHi\r\n.").starts_with("250"));
    let envelope = inbox.fetch("/api/v1/message/latest/envelope");
    assert_eq!(envelope["ReversePath"], "ann@example.org");
    assert_eq!(
        envelope["Parameters"],
        json!(["SIZE=10", "BODY=8BITMIME", "SMTPUTF8", "RET=HDRS", "ENVID=abc"])
    );
    let recipient = json!({ "Address": "kim@example.org", "Parameters": ["NOTIFY=NEVER", "ORCPT=rfc822;k@example.org"] });
    assert_eq!(envelope["Recipients"], json!([recipient]));
    assert_eq!((&envelope["Hello"], &envelope["Login"]), (&json!("client.example"), &json!("kim")));
    assert_eq!(envelope["Tls"], json!(null));
    assert!(envelope["Client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1:")));
    assert_eq!(inbox.fetch("/api/v1/messages")["messages"][0]["Username"], "kim");
}

#[test]
fn the_transcript_shows_the_conversation_without_its_secrets() {
    let inbox = Inbox::start(&[]);
    let mut sender = Sender::connect(inbox.smtp());
    sender.say("AUTH PLAIN AGtpbQBzZWNyZXQ=");
    let id = sender.send("ann@example.org", &["kim@example.org"], LETTER);
    sender.say("QUIT");
    let envelope = inbox.fetch(&format!("/api/v1/message/{id}/envelope"));
    let lines = envelope["Transcript"].as_array().unwrap();
    let said = |from: &str, text: &str| {
        lines
            .iter()
            .any(|line| line["From"] == from && line["Text"].as_str().unwrap().starts_with(text))
    };
    assert!(
        said("client", "EHLO client.example") && said("client", "MAIL FROM:<ann@example.org>"),
        "{lines:?}"
    );
    assert!(
        said("server", "220 ") && said("server", "354 ") && said("client", "QUIT"),
        "{lines:?}"
    );
    assert!(!envelope.to_string().contains("AGtpbQBzZWNyZXQ"), "{envelope}");
}

#[test]
fn a_message_whose_sender_goes_before_its_end_is_not_there() {
    let inbox = Inbox::start(&[]);
    let mut sender = Sender::connect(inbox.smtp());
    for (command, code) in
        [("MAIL FROM:<a@b.test>", "250"), ("RCPT TO:<c@d.test>", "250"), ("DATA", "354")]
    {
        assert!(sender.say(command).starts_with(code));
    }
    sender.write(b"Subject: half\r\n\r\nHi");
    drop(sender);
    // Another one that comes whole shows that the first one's end was seen.
    inbox.send("ann@example.org", &["kim@example.org"], LETTER);
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 1);
}

#[test]
fn what_is_no_message_is_taken_and_shown() {
    let inbox = Inbox::start(&[]);
    for content in ["", "\n", "no header at all\n", ": \n\n", "\u{1}\n"] {
        let id = inbox.send("", &["kim@example.org"], content);
        for path in ["", "/headers", "/structure", "/envelope"] {
            assert_eq!(
                inbox.ask("GET", &format!("/api/v1/message/{id}{path}"), "").status,
                200,
                "{content:?} {path}"
            );
        }
    }
    assert_eq!(inbox.fetch("/api/v1/message/latest")["ReturnPath"], "");
}

#[test]
fn large_messages_and_many_at_once_are_taken() {
    let inbox = Inbox::start(&[]);
    let large = format!("Subject: large\n\n{}", "0123456789abcdef\n".repeat(60_000));
    let id = inbox.send("ann@example.org", &["kim@example.org"], &large);
    assert_eq!(
        inbox.fetch(&format!("/api/v1/message/{id}"))["Size"],
        large.replace('\n', "\r\n").len()
    );
    std::thread::scope(|scope| {
        for sender in 0..60 {
            let smtp = inbox.smtp();
            scope.spawn(move || {
                let mut connection = Sender::connect(smtp);
                for number in 0..5 {
                    connection.send(
                        "a@b.test",
                        &["c@d.test"],
                        &format!("Subject: {sender}.{number}\n\nHi\n"),
                    );
                }
            });
        }
    });
    assert_eq!(inbox.fetch("/api/v1/messages")["total"], 301);
    assert_eq!(inbox.subjects("subject:59.4"), ["59.4"]);
}

#[test]
fn a_client_that_believes_the_root_sends_over_tls() {
    use lettre::message::Mailbox;
    use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    use lettre::{Message, SmtpTransport, Transport};

    let inbox = Inbox::start(&["--tls"]);
    let root = inbox.ask("GET", "/api/v1/root.pem", "");
    let tls = TlsParameters::builder("localhost".into())
        .add_root_certificate(Certificate::from_pem(&root.body).unwrap())
        .build()
        .unwrap();
    let transport = SmtpTransport::builder_dangerous("127.0.0.1")
        .port(inbox.smtp().port())
        .tls(Tls::Required(tls))
        .build();
    let mailbox = |text: &str| text.parse::<Mailbox>().unwrap();
    let message = Message::builder()
        .from(mailbox("ann@example.org"))
        .to(mailbox("kim@example.org"))
        .subject("Grüße")
        .body("Hi".to_owned())
        .unwrap();
    transport.send(&message).unwrap();
    let envelope = inbox.fetch("/api/v1/message/latest/envelope");
    assert_eq!(envelope["Tls"]["Protocol"], "TLSv1.3");
    assert_eq!(inbox.subjects("subject:grüße"), ["Grüße"]);
}
