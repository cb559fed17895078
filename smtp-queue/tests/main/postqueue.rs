//! Listings, beside what Postfix prints.

use smtp_proto::{EnhancedCode, ForwardPath, MailParams, RcptParams, ReversePath};
use smtp_queue::postqueue::{shape_text, text, text_trailer};
use smtp_queue::{AgeCounts, QueueEntry, QueueName, QueuedRecipient, RecipientState, Status};
use smtp_server::{QueueId, Recipient, RecipientClass, UnixMillis};

fn recipient(path: &str, state: RecipientState) -> QueuedRecipient {
    let path = ForwardPath::parse(path).unwrap().into_owned();
    let params = RcptParams::default();
    QueuedRecipient { recipient: Recipient { path, params, class: RecipientClass::Local }, state }
}

fn deferred(text: &str) -> RecipientState {
    let code = EnhancedCode::new(4, 4, 1);
    let status = Status { code, text: text.to_owned(), reply: None, remote: None };
    RecipientState::Pending(Some(Box::new(status)))
}

fn entry() -> QueueEntry {
    QueueEntry {
        id: QueueId(0x0006_28BB_23F9_5000),
        arrived: UnixMillis(1_733_130_245_678),
        reverse_path: ReversePath::parse("<kim@example.org>").unwrap().into_owned(),
        params: MailParams::default(),
        recipients: vec![
            recipient("<a@example.net>", RecipientState::Delivered),
            recipient(
                "<b@example.net>",
                deferred("host mx[192.0.2.1] said: 450 \"later\"\r\n\u{1b}"),
            ),
            recipient(
                "<c@example.net>",
                deferred("host mx[192.0.2.1] said: 450 \"later\"\r\n\u{1b}"),
            ),
            recipient("<d@example.com>", RecipientState::Pending(None)),
            recipient("<e@example.com>", RecipientState::Failed),
        ],
        content_bytes: 4321,
        hold: None,
        filter: None,
        delay_warned: false,
        expired: false,
    }
}

#[test]
fn text_is_laid_out_like_postfixs_with_long_ids() {
    let expected = concat!(
        "628BB23F95000         4321 Mon Dec  2 09:04:05 kim@example.org\n",
        "                                     (host mx[192.0.2.1] said: 450 \"later\"???)\n",
        "                                               b@example.net\n",
        "                                               c@example.net\n",
        "                                                          (reason unavailable)\n",
        "                                               d@example.com\n",
        "\n",
    );
    assert_eq!(text(&entry(), QueueName::Deferred), expected);
    assert_eq!(text_trailer(1, 4321), "-- 4 Kbytes in 1 Request.\n");
    assert_eq!(text_trailer(2, 1023), "-- 0 Kbytes in 2 Requests.\n");
}

#[test]
fn marks_stand_behind_the_id() {
    let cases = [
        (QueueName::Active, false, "628BB23F95000* "),
        (QueueName::Hold, false, "628BB23F95000! "),
        (QueueName::Deferred, true, "628BB23F95000# "),
        (QueueName::Hold, true, "628BB23F95000!# "),
        (QueueName::Incoming, false, "628BB23F95000 "),
    ];
    for (queue, expired, expected) in cases {
        let entry = QueueEntry { expired, reverse_path: ReversePath::Null, ..entry() };
        let text = text(&entry, queue);
        assert!(text.starts_with(expected), "{text}");
        assert!(text.lines().next().unwrap().ends_with(" MAILER-DAEMON"));
    }
}

#[test]
fn shape_has_the_sum_above_its_domains() {
    let shape = [
        AgeCounts { domain: "example.net".into(), counts: [3, 0, 0, 0, 0, 0, 0, 0, 0, 9] },
        AgeCounts { domain: "b.example".into(), counts: [1, 1, 0, 0, 0, 0, 0, 0, 0, 0] },
    ];
    let text = shape_text(&shape);
    let words: Vec<Vec<&str>> =
        text.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(words[0][..3], ["T", "5", "10"]);
    assert_eq!(words[1], ["TOTAL", "14", "4", "1", "0", "0", "0", "0", "0", "0", "0", "9"]);
    assert_eq!(words[2][..3], ["example.net", "12", "3"]);
    let widths: Vec<usize> = text.lines().map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "columns line up");
}

#[cfg(feature = "json")]
#[test]
fn json_has_postqueues_keys_in_their_order() {
    let line = smtp_queue::postqueue::json(&entry(), QueueName::Deferred);
    let reason = r#""delay_reason":"host mx[192.0.2.1] said: 450 \"later\"\r\n\u001b""#;
    let expected = [
        r#"{"queue_name":"deferred","queue_id":"628BB23F95000","arrival_time":1733130245,"#,
        r#""message_size":4321,"forced_expire":false,"sender":"kim@example.org","recipients":["#,
        &format!(r#"{{"address":"b@example.net",{reason}}},"#),
        &format!(r#"{{"address":"c@example.net",{reason}}},"#),
        r#"{"address":"d@example.com"}]}"#,
        "\n",
    ];
    assert_eq!(line, expected.concat());
}
