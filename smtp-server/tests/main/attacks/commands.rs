//! Rows C3 to C20, those of a server: the command stream.

use std::sync::Arc;

use smtp_server::proto::limits;

use super::{at_every_cut, runtime};
use crate::support::hooks::{Behaviour, Scripted, Users, rejection};
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// The codes of the replies to `octets` after the greeting, and whether the session closed.
fn told(octets: &str) -> (Vec<String>, bool) {
    let (setup, _) = Setup::accepting();
    let run = pure::run(&setup, &[Turn::send(octets)], Cuts::None);
    (codes(&run.output[1]), run.closed)
}

#[test]
fn c03_another_protocol_is_told_so_and_closed() {
    let lines = [
        "GET / HTTP/1.1",
        "POST / HTTP/1.1\r\nHost: mx.test",
        "CONNECT x:25 HTTP/1.1",
        "Subject: x",
        "{\"a\":1}",
        "\x16\x03\x01",
    ];
    for line in lines {
        let (got, closed) = told(&format!("{line}\r\n\r\nEHLO a\r\nMAIL FROM:<a@b.test>\r\n"));
        assert_eq!((got, closed), (vec!["221 2.7.0".to_owned()], true), "{line}");
    }
    // No line has to end in what TLS sends, nor at CRLF.
    for record in [
        "\x16",
        "\x16\x03\n",
        "NOOP\r\n\x16",
        "MAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 0\r\n\x16",
    ] {
        let (got, closed) = told(&format!("EHLO a\r\n{record}"));
        assert_eq!(
            (got.last().map(String::as_str), closed),
            (Some("221 2.7.0"), true),
            "{record:?}"
        );
    }
}

/// A browser that was told to post a form to our port: the first line ends it, whatever the form holds.
#[test]
fn c04_a_form_full_of_commands_is_closed_at_its_first_line() {
    let form =
        "EHLO a\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nhi\r\n.\r\nQUIT\r\n";
    let post = format!(
        "POST / HTTP/1.1\r\nHost: mx.test:25\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{form}",
        form.len()
    );
    let (setup, delivery) = Setup::accepting();
    let run = at_every_cut(&setup, &[Turn::send(&post)]);
    assert_eq!((codes(&run.output[1]), run.closed), (vec!["221 2.7.0".to_owned()], true));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.write(post.as_bytes()).await;
        let got = codes(&client.rest().await);
        assert!(!got.iter().any(|code| code.starts_with("250")), "{got:?}");
        running.stop().await;
    });
    assert!(delivery.log().is_empty());
}

// rows: 5321-4.5.3.1.4-a
#[test]
fn c05_a_command_line_has_512_octets() {
    for (length, code) in [(512, "250 2.0.0"), (513, "500 5.5.2"), (60_000, "500 5.5.2")] {
        let line = format!("NOOP {}\r\n", "x".repeat(length - 7));
        let (got, closed) = told(&format!("{line}NOOP\r\n"));
        assert_eq!(
            (got, closed),
            (vec![code.to_owned(), "250 2.0.0".to_owned()], false),
            "{length}"
        );
    }
}

#[test]
fn c05_a_line_without_end_is_closed_in_constant_memory() {
    let (setup, _) = Setup::accepting();
    for cuts in [Cuts::None, Cuts::All, Cuts::Random(1)] {
        for octets in [limits::DISCARDED_LINE_BYTES_MAX + 600, 1 << 20] {
            let endless = vec![b'x'; usize::try_from(octets).unwrap()];
            let run = pure::run(&setup, &[Turn::send(endless)], cuts.clone());
            assert_eq!(codes(&run.output[1]), ["500 5.5.2"], "{cuts:?}");
            assert!(run.closed, "{cuts:?}");
            let bounded =
                matches!(cuts, Cuts::None | Cuts::Random(_)) || run.input_capacity_max < 8192;
            assert!(bounded, "{} octets of buffer", run.input_capacity_max);
        }
    }
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.write(&vec![b'x'; 1 << 20]).await;
        // The reply may be lost to a reset, since the client still writes; the close may not.
        let got = codes(&client.rest().await);
        assert!(got.is_empty() || got == ["500 5.5.2"], "{got:?}");
        assert_eq!(running.stop().await.cut, 0);
    });
}

#[test]
fn c09_ten_thousand_idle_commands_end_with_421() {
    for command in ["NOOP", "RSET", "EHLO a", "VRFY a", "HELP"] {
        let (got, closed) = told(&format!("{command}\r\n").repeat(10_000));
        assert!(closed, "{command}");
        assert_eq!(got.last().map(String::as_str), Some("421 4.7.0"), "{command}");
        assert!(got.len() <= 121, "{command}: {}", got.len());
    }
}

#[test]
fn c09_ten_thousand_commands_between_chunks_end_with_421() {
    for command in ["NOOP", "XYZZY", "MAIL FROM:<a@b.test>"] {
        let (setup, _) = Setup::accepting();
        let flood = format!("BDAT 2\r\nab{}", format!("{command}\r\n").repeat(10_000));
        let run = pure::run(&setup, &after_envelope(&[flood]), Cuts::None);
        let got = codes(&run.output[3]);
        assert!(run.closed, "{command}");
        assert_eq!(got.last().map(String::as_str), Some("421 4.7.0"), "{command}");
        assert!(got.len() <= 122, "{command}: {}", got.len());
    }
}

/// Row C10: whatever is pipelined, no single write is much larger than what fits a socket buffer.
#[test]
fn c10_replies_are_not_heaped_up() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.errors_max = None;
    setup.limits.idle_commands_max = None;
    for command in ["RSET", "MAIL FROM:<x>", "NOOP", "X"] {
        for before in ["", "MAIL FROM:<a@b.test>\r\nRCPT TO:<kim@local.test>\r\nBDAT 2\r\nab"] {
            let flood = format!("EHLO a\r\n{before}{}", format!("{command}\r\n").repeat(20_000));
            let run = pure::run(&setup, &[Turn::send(flood)], Cuts::None);
            let largest = run.writes.iter().map(Vec::len).max().unwrap();
            assert!(largest < 20_000, "{command} after {before:?}: {largest} octets at once");
        }
    }
}

#[test]
fn c11_data_without_mail_or_recipients() {
    assert_eq!(told("EHLO a\r\nDATA\r\n").0, ["250", "503 5.5.1"]);
    assert_eq!(told("EHLO a\r\nMAIL FROM:<>\r\nDATA\r\n").0, ["250", "250 2.1.0", "503 5.5.1"]);
    let got = told("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<v@ext.test>\r\nDATA\r\n").0;
    assert_eq!(got, ["250", "250 2.1.0", "554 5.7.1", "554 5.5.1"]);
}

#[test]
fn c12_order_of_commands_and_their_arguments() {
    let mail = "EHLO a\r\nMAIL FROM:<>\r\n";
    assert_eq!(told(&format!("{mail}MAIL FROM:<>\r\n")).0.last().unwrap(), "503 5.5.1");
    assert_eq!(told("EHLO a\r\nRCPT TO:<kim@local.test>\r\n").0.last().unwrap(), "503 5.5.1");
    let got = told(&format!("{mail}EHLO a\r\nRCPT TO:<kim@local.test>\r\n")).0;
    assert_eq!(got, ["250", "250 2.1.0", "250", "503 5.5.1"]);
    assert_eq!(told("RSET x\r\nNOOP x\r\nQUIT x\r\n").0, ["501 5.5.4", "250 2.0.0", "501 5.5.4"]);
}

#[test]
fn c13_a_client_that_leaves_after_the_dot_has_its_message_taken_once() {
    let message = "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\nhi\r\n.\r\n";
    for tail in ["", "QUIT\r\n"] {
        let (setup, delivery) = Setup::accepting();
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let mut client = Client::direct(running.address).await;
            client.reply().await;
            client.write(format!("{message}{tail}").as_bytes()).await;
            drop(client);
            assert_eq!(running.stop().await.cut, 0);
        });
        let taken = delivery.log().iter().filter(|line| line.ends_with(" hi\\r\\n")).count();
        assert!(taken <= 1, "{:?}", delivery.log());
        // A reset may have overtaken the message; if the server read it, it took it.
        let started = setup.events.starting_with("MessageStarted").len();
        let dropped = delivery.log().iter().filter(|line| line.starts_with("failed")).count();
        assert_eq!(taken + dropped, started, "{:?}", setup.events.all());
    }
}

#[test]
fn c14_data_after_a_failed_chunk_is_503() {
    let delivery = Scripted::new(Behaviour::RejectEarly(rejection("550 5.7.1 No")));
    let turns = after_envelope(&["BDAT 2\r\nab", "DATA\r\n", "RSET\r\n"]);
    let run = pure::run(&Setup::new(delivery), &turns, Cuts::None);
    assert_eq!(codes(&run.output[3..].concat()), ["550 5.7.1", "503 5.5.1", "250 2.0.0"]);
}

#[test]
fn c15_after_a_refused_message_mail_and_rcpt_are_forgotten() {
    let delivery = Scripted::new(Behaviour::Reject(rejection("550 5.7.1 No")));
    let turns = after_envelope(&["DATA\r\n.\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n"]);
    let run = pure::run(&Setup::new(delivery), &turns, Cuts::None);
    assert_eq!(codes(&run.output[3]), ["354", "550 5.7.1", "503 5.5.1", "503 5.5.1"]);
}

#[test]
fn c16_vrfy_changes_no_transaction() {
    let (setup, delivery) = Setup::accepting();
    let turns = after_envelope(&["VRFY <\u{fc}@x>\r\nDATA\r\n.\r\n"]);
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(codes(&run.output[3]), ["252 2.5.0", "354", "250 2.0.0"]);
    assert_eq!(delivery.log(), ["<a@client.test> <kim@local.test> "]);
}

// rows: 5321-4.1.1.6-a
#[test]
fn c16_neither_does_any_answer_of_a_directory() {
    for (command, code) in [
        ("VRFY <\u{fc}@x>", "550 5.1.1"),
        ("VRFY kim", "250 2.1.5"),
        ("VRFY lee", "251 2.1.5"),
        ("VRFY u@backup.test", "252 2.5.0"),
        ("VRFY old", "551 5.1.6"),
        ("VRFY x", "553 5.1.4"),
        ("VRFY дима", "252 2.6.8"),
        ("VRFY дима-old", "550 5.6.8"),
        ("EXPN one", "250 2.1.5"),
        ("EXPN secret", "252 2.5.0"),
        ("EXPN kim", "550 5.1.1"),
    ] {
        let (mut setup, delivery) = Setup::accepting();
        setup.directory = Some(Arc::new(Users));
        let turn = format!("{command}\r\nDATA\r\n.\r\n");
        let run = at_every_cut(&setup, &after_envelope(&[&turn]));
        assert_eq!(codes(&run.output[3]), [code, "354", "250 2.0.0"], "{command}");
        assert_eq!(delivery.log().last().unwrap(), "<a@client.test> <kim@local.test> ");
    }
}

#[test]
fn c17_spaces_brackets_and_case() {
    let forms = [
        ("MAIL FROM: <a@b.test>", "250 2.1.0"),
        ("mail from:<>", "250 2.1.0"),
        ("MAIL FROM:<a@b.test> \t", "250 2.1.0"),
        ("MAIL FROM:a@b.test", "501 5.1.7"),
        ("MAIL FROM:  <a@b.test>", "501 5.1.7"),
    ];
    for (line, code) in forms {
        assert_eq!(told(&format!("EHLO a\r\n{line}\r\n")).0, ["250", code], "{line}");
    }
    let forms =
        [("RCPT TO: <kim@local.test>", "250 2.1.5"), ("RCPT TO:kim@local.test", "501 5.1.3")];
    for (line, code) in forms {
        let got = told(&format!("EHLO a\r\nMAIL FROM:<>\r\n{line}\r\n")).0;
        assert_eq!(got.last().unwrap(), code, "{line}");
    }
}

#[test]
fn c18_unknown_and_doubled_parameters() {
    for (parameters, code) in [("X=1", "555 5.5.4"), ("SIZE=1 SIZE=1", "501 5.5.4")] {
        let got = told(&format!("EHLO a\r\nMAIL FROM:<> {parameters}\r\n")).0;
        assert_eq!(got.last().unwrap(), code, "{parameters}");
    }
}

#[test]
fn c19_octets_that_are_not_utf8() {
    let (setup, _) = Setup::accepting();
    let turns = [Turn::send(b"EHLO a\r\nMAIL FROM:<\xff@x>\r\nNOOP \xc3\r\n")];
    let run = pure::run(&setup, &turns, Cuts::None);
    assert_eq!(codes(&run.output[1]), ["250", "500 5.5.2", "500 5.5.2"]);
}

// rows: 5321-4.5.3.1.8-a, 5321-4.5.3.1.8-b
#[test]
fn c20_a_thousand_recipients_and_one_more() {
    let (setup, delivery) = Setup::accepting();
    let same = "RCPT TO:<kim@local.test>\r\n".repeat(1001);
    let different = (0..1001).map(|n| format!("RCPT TO:<k{n}@local.test>\r\n")).collect::<String>();
    for (recipients, kept) in [(same, 1), (different, 1000)] {
        let octets = format!("EHLO a\r\nMAIL FROM:<>\r\n{recipients}BDAT 0 LAST\r\n");
        let run = pure::run(&setup, &[Turn::send(octets)], Cuts::None);
        let got = codes(&run.output[1]);
        assert_eq!(got[2..1002], vec!["250 2.1.5"; 1000]);
        assert_eq!(got[1002..], ["452 4.5.3", "250 2.0.0"]);
        let last = delivery.log().pop().unwrap();
        assert_eq!(last.matches("@local.test>").count(), kept);
    }
    assert_eq!(delivery.log().len(), 2);
}

/// What is refused for the limit alone is sent again with the next message, so it is no error, but not for ever.
// rows: 5321-4.5.3.1.8-b
#[test]
fn c20_recipients_over_the_limit_do_not_cost_those_under_it() {
    for (recipients, is_taken) in [(2000, true), (2019, true), (2020, false), (100_000, false)] {
        let (setup, delivery) = Setup::accepting();
        let recipients = "RCPT TO:<kim@local.test>\r\n".repeat(recipients);
        let octets = format!("EHLO a\r\nMAIL FROM:<>\r\n{recipients}BDAT 0 LAST\r\n");
        let run = pure::run(&setup, &[Turn::send(octets)], Cuts::None);
        let got = codes(&run.output[1]);
        assert_eq!(got[2..1002], vec!["250 2.1.5"; 1000]);
        let (last, refused) = got[1002..].split_last().unwrap();
        assert!(refused.len() <= 1020 && refused.iter().all(|code| code == "452 4.5.3"));
        assert_eq!(last, if is_taken { "250 2.0.0" } else { "421 4.7.0" });
        assert_eq!((run.closed, delivery.log().len()), (!is_taken, usize::from(is_taken)));
    }
}
