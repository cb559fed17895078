//! Faults octet by octet, where a mail program would hide what it saw.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use smtp_server::testing::{Faults, On, Rule};
use tokio::runtime::{Builder, Runtime};

use super::{hits, lmtp, setup};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// What a client that sends each of `turns` at once reads after each; the last one is read to the end.
fn run(setup: &Setup, turns: &[&str]) -> Vec<String> {
    runtime().block_on(async {
        let running = Running::start(setup).await;
        let seen = converse(&running, turns).await;
        running.stop().await;
        seen
    })
}

async fn converse(running: &Running, turns: &[&str]) -> Vec<String> {
    let mut client = Client::direct(running.address).await;
    let mut seen = Vec::new();
    let last = turns.len() - 1;
    for (index, turn) in turns.iter().enumerate() {
        client.write(turn.as_bytes()).await;
        if index == last {
            client.end().await;
            seen.push(String::from_utf8_lossy(&client.rest().await).into_owned());
        } else {
            seen.push(client.replies(turn.matches('\n').count().max(1)).await);
        }
    }
    seen
}

/// The codes of replies, in one text.
fn codes(replies: &str) -> Vec<&str> {
    let lines = replies.split_inclusive("\r\n");
    lines.filter(|line| line.get(3..4) == Some(" ")).filter_map(|line| line.get(..3)).collect()
}

const TWO_RECIPIENTS: &str =
    "MAIL FROM:<ann@example.org>\r\nRCPT TO:<kim@local.test>\r\nRCPT TO:<lee@local.test>\r\n";

#[test]
fn a_refusal_in_a_group_is_in_its_place() {
    let (setup, faults, delivery) = setup(&["rcpt to=KIM@local.test reply=\"451 4.2.1 later\""]);
    let group = format!("{TWO_RECIPIENTS}RCPT TO:<max@local.test>\r\nDATA\r\n");
    let seen = run(&setup, &["", "EHLO a\r\n", &group, "x\r\n.\r\n"]);
    assert_eq!(codes(&seen[2]), ["250", "451", "250", "250", "354"]);
    assert_eq!(seen[2].lines().nth(1), Some("451 4.2.1 later"));
    assert_eq!(codes(&seen[3]), ["250"]);
    assert_eq!(delivery.log(), ["<ann@example.org> <lee@local.test>,<max@local.test> x\\r\\n"]);
    assert_eq!(hits(&faults), [1]);
}

#[test]
fn waits_and_odd_replies_in_a_group_keep_the_order() {
    for (fault, expected) in [
        ("delay=10ms", vec!["250", "250", "250", "354"]),
        ("throttle=1000", vec!["250", "250", "250", "354"]),
        ("garbage=\"xyz 2\\r\\n\"", vec!["250", "xyz", "250", "354"]),
    ] {
        let (setup, faults, _) = setup(&[&format!("rcpt nth=1 {fault}")]);
        let group = format!("{TWO_RECIPIENTS}DATA\r\n");
        let seen = run(&setup, &["", "EHLO a\r\n", &group, "x\r\n.\r\nQUIT\r\n"]);
        assert_eq!(codes(&seen[2]), expected, "{fault}");
        assert_eq!(codes(&seen[3]), ["250", "221"], "{fault}");
        assert_eq!(hits(&faults), [1]);
    }
}

#[test]
fn replies_before_the_end_of_a_connection_are_written() {
    for (fault, expected) in [
        ("close", "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"),
        ("half-close", "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n"),
        ("truncate=5", "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2"),
        (
            "truncate=9999",
            "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n250 2.1.5 Recipient ok\r",
        ),
        (
            "reply=\"421 4.3.2 x\"",
            "250 2.1.0 Sender ok\r\n250 2.1.5 Recipient ok\r\n421 4.3.2 mx.test x\r\n",
        ),
    ] {
        let (setup, _, delivery) = setup(&[&format!("rcpt nth=2 {fault}")]);
        let seen = run(&setup, &["", "EHLO a\r\n", TWO_RECIPIENTS]);
        assert_eq!(seen[2], expected, "{fault}");
        assert_eq!(delivery.log(), [""; 0]);
    }
}

#[test]
fn a_refused_chunk_is_read_and_the_stream_stays_in_step() {
    for (rule, chunks, expected) in [
        ("data nth=1", "BDAT 6 LAST\r\nQUIT\r\n", vec!["554"]),
        ("data nth=1", "BDAT 6\r\nQUIT\r\nBDAT 2 LAST\r\nxx", vec!["554", "503"]),
        ("end-of-data", "BDAT 6\r\nQUIT\r\nBDAT 0 LAST\r\n", vec!["250", "554"]),
    ] {
        let (setup, faults, delivery) = setup(&[&format!("{rule} reply=\"554 5.6.0 no\"")]);
        let group = format!("{TWO_RECIPIENTS}{chunks}RSET\r\n");
        let seen = run(&setup, &["", "EHLO a\r\n", &group]);
        let expected = [vec!["250"; 3], expected, vec!["250"]].concat();
        assert_eq!(codes(&seen[2]), expected, "{rule}: {chunks:?}: {}", seen[2]);
        assert_eq!(hits(&faults), [1]);
        assert!(
            delivery.log().iter().all(|line| line.starts_with("failed")),
            "{:?}",
            delivery.log()
        );
    }
}

#[test]
fn lmtp_answers_once_for_each_recipient() {
    let content = format!("{TWO_RECIPIENTS}DATA\r\n");
    for (rule, expected, after) in [
        ("end-of-data reply=\"452 4.2.2 full\"", "354", vec!["452", "452"]),
        ("data reply=\"452 4.2.2 full\"", "452", vec!["500", "500"]),
        ("end-of-data delay=5ms", "354", vec!["250", "250"]),
        ("end-of-data garbage=\"?\\r\\n\"", "354", vec![]),
    ] {
        let (setup, faults, _) = lmtp(&[rule]);
        let seen = run(&setup, &["", "LHLO a\r\n", &content, "x\r\n.\r\nNOOP\r\n"]);
        assert_eq!(codes(&seen[2]), ["250", "250", "250", expected], "{rule}");
        assert_eq!(codes(&seen[3]), [after, vec!["250"]].concat(), "{rule}: {}", seen[3]);
        assert_eq!(hits(&faults), [1]);
    }
    let (setup, _, delivery) = lmtp(&["data reply=\"452 4.2.2 full\""]);
    let seen =
        run(&setup, &["", "LHLO a\r\n", &format!("{TWO_RECIPIENTS}BDAT 1 LAST\r\nxNOOP\r\n")]);
    assert_eq!(codes(&seen[2]), ["250", "250", "250", "452", "452", "250"]);
    assert_eq!(delivery.log(), [""; 0]);
}

#[test]
fn lmtp_refuses_each_recipient_by_itself() {
    let kim = "end-of-data to=kim@local.test reply=\"550 5.2.1 gone\"";
    let lee = "end-of-data to=lee@local.test reply=\"452 4.2.2 full\"";
    for (rules, expected, delivered) in [
        (vec![lee], ["250", "452"], vec!["<ann@example.org> <kim@local.test> x\\r\\n"]),
        (vec![lee, kim], ["550", "452"], vec![]),
        (
            vec![kim, "end-of-data delay=1ms"],
            ["550", "250"],
            vec!["<ann@example.org> <lee@local.test> x\\r\\n"],
        ),
        (vec![kim, "end-of-data reply=\"451 4.3.0 x\""], ["451", "451"], vec!["failed"]),
    ] {
        for content in ["DATA\r\nx\r\n.\r\n", "BDAT 3 LAST\r\nx\r\n"] {
            let (setup, faults, delivery) = lmtp(&rules);
            let seen =
                run(&setup, &["", "LHLO a\r\n", TWO_RECIPIENTS, &format!("{content}QUIT\r\n")]);
            let codes =
                codes(&seen[3]).into_iter().filter(|code| *code != "354").collect::<Vec<_>>();
            assert_eq!(codes, [expected[0], expected[1], "221"], "{rules:?}");
            assert_eq!(hits(&faults), vec![1; rules.len()]);
            let log = delivery.log();
            assert!(log.len() == delivered.len(), "{log:?}");
            assert!(
                log.iter().zip(delivered.clone()).all(|(line, start)| line.starts_with(start)),
                "{log:?}"
            );
        }
    }
    let (mut setup, _, delivery) = lmtp(&[]);
    setup.faults = Faults::by_address();
    let group =
        "MAIL FROM:<>\r\nRCPT TO:<reject-data-550@local.test>\r\nRCPT TO:<kim@local.test>\r\n";
    let seen = run(&setup, &["", "LHLO a\r\n", group, "BDAT 1 LAST\r\nxQUIT\r\n"]);
    assert_eq!(codes(&seen[3]), ["550", "250", "221"]);
    assert_eq!(delivery.log(), ["<> <kim@local.test> x"]);
}

#[test]
fn a_command_that_a_fault_answers_changes_nothing() {
    for (rule, turn, next, code) in [
        ("hello", "EHLO b\r\n", "MAIL FROM:<>\r\n", "250"),
        ("mail", "MAIL FROM:<>\r\n", "RCPT TO:<kim@local.test>\r\n", "503"),
        ("rset", "MAIL FROM:<>\r\nRSET\r\n", "RCPT TO:<kim@local.test>\r\n", "250"),
        ("quit", "QUIT\r\n", "NOOP\r\n", "250"),
        ("starttls", "STARTTLS\r\n", "NOOP\r\n", "250"),
        ("vrfy", "EXPN x\r\n", "VRFY x\r\n", "252"),
        ("noop", "NOOP\r\n", "NOOP\r\n", "250"),
        ("any nth=2", "HELP\r\n", "HELP\r\n", "214"),
    ] {
        let nth = if rule.contains("nth") || rule == "hello" { "" } else { "nth=1" };
        let nth = if rule == "hello" { "nth=2" } else { nth };
        let (mut setup, faults, _) = setup(&[&format!("{rule} {nth} reply=\"452 4.3.1 no\"")]);
        setup.tls = true;
        let seen = run(&setup, &["", "EHLO a\r\n", turn, next, ""]);
        assert_eq!(codes(&seen[2]).last(), Some(&"452"), "{rule}: {seen:?}");
        assert_eq!(codes(&seen[3]), [code], "{rule}: {seen:?}");
        assert_eq!(hits(&faults), [1]);
    }
}

#[test]
fn a_refusal_of_hello_has_no_enhanced_code_and_is_no_error_of_the_client() {
    let (mut setup, _, _) = setup(&["hello reply=\"550 5.7.1 no\"", "noop reply=\"450 4.7.1 no\""]);
    setup.limits.errors_max = Some(2);
    let seen = run(&setup, &["", "EHLO a\r\n", "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", "QUIT\r\n"]);
    assert_eq!(seen[1], "550 no\r\n");
    assert_eq!(codes(&seen[2]), ["450"; 4]);
    assert_eq!(codes(&seen[3]), ["221"]);
}

#[test]
fn a_connection_is_refused_at_once() {
    for (reply, expected, next) in [
        ("421 4.3.2 busy", "421 mx.test busy\r\n", ""),
        ("451 busy", "421 mx.test busy\r\n", ""),
        ("554 5.7.1 not you", "554 mx.test not you\r\n", "503"),
    ] {
        let (setup, _, _) = setup(&[&format!("connect connection=2 reply=\"{reply}\"")]);
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let first = converse(&running, &["", "QUIT\r\n"]).await;
            assert_eq!(codes(&first[0]), ["220"]);
            let second = converse(&running, &["", "EHLO a\r\n"]).await;
            assert_eq!(second[0], expected);
            assert_eq!(codes(&second[1]), if next.is_empty() { vec![] } else { vec![next] });
            running.stop().await;
        });
    }
}

#[test]
fn the_end_of_data_does_not_reach_the_delivery() {
    for (fault, expected) in [
        ("reply=\"554 5.6.0 no\"", "554 5.6.0 no\r\n"),
        ("close", ""),
        ("half-close", ""),
        ("reset", ""),
        ("garbage=\"?\\r\\n\"", "?\r\n"),
        ("truncate=9", "250 2.0.0"),
    ] {
        let (setup, faults, delivery) = setup(&[&format!("end-of-data {fault}")]);
        let group = format!("{TWO_RECIPIENTS}DATA\r\n");
        let seen = run(&setup, &["", "EHLO a\r\n", &group, "x\r\n.\r\n"]);
        assert_eq!(seen[3], expected, "{fault}");
        assert_eq!(hits(&faults), [1]);
        assert!(
            delivery.log().iter().all(|line| line.starts_with("failed")),
            "{:?}",
            delivery.log()
        );
        let told = setup.events.starting_with("FinalReplyWritten");
        assert!(told.iter().all(|event| event.contains(" false ")), "{fault}: {told:?}");
    }
}

#[test]
fn content_that_is_cut_does_not_reach_the_delivery() {
    for (rule, is_whole) in [
        ("content reset", false),
        ("content after=2 close", false),
        ("content after=3 half-close", false),
        ("content after=4 close", true),
    ] {
        for content in
            ["DATA\r\nx\r\n.\r\n", "BDAT 3 LAST\r\nx\r\n", "BDAT 1\r\nxBDAT 2 LAST\r\n\r\n"]
        {
            let (setup, faults, delivery) = setup(&[rule]);
            run(&setup, &["", "EHLO a\r\n", TWO_RECIPIENTS, content]);
            let log = delivery.log();
            let expected = ["<ann@example.org> <kim@local.test>,<lee@local.test> x\\r\\n"];
            assert_eq!(log == expected, is_whole, "{rule}, {content:?}: {log:?}");
            assert_eq!(hits(&faults), [u64::from(!is_whole)]);
        }
    }
}

/// Connects with the standard library alone.
fn connect(address: SocketAddr, lines: &str) -> TcpStream {
    try_connect(address, lines).unwrap()
}

fn try_connect(address: SocketAddr, lines: &str) -> std::io::Result<TcpStream> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(lines.as_bytes())?;
    Ok(stream)
}

fn with_server(rule: &str, client: impl FnOnce(SocketAddr)) -> Faults {
    let (setup, faults, _) = setup(&[rule]);
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let running = runtime.block_on(Running::start(&setup));
    client(running.address);
    runtime.block_on(running.stop());
    faults
}

#[test]
fn a_reset_is_one() {
    for (rule, lines) in [("connect reset", ""), ("noop reset", "NOOP\r\n")] {
        let faults = with_server(rule, |address| {
            // One that comes at once may be seen by any of the calls.
            let seen = try_connect(address, lines)
                .and_then(|mut stream| stream.read_to_end(&mut Vec::new()));
            assert_eq!(seen.unwrap_err().kind(), ErrorKind::ConnectionReset, "{rule}");
        });
        assert_eq!(hits(&faults), [1]);
    }
}

#[test]
fn a_half_of_a_connection_is_closed_and_the_other_is_read() {
    let faults = with_server("noop half-close", |address| {
        let mut stream = connect(address, "NOOP\r\n");
        let mut seen = String::new();
        stream.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "220 mx.test ESMTP\r\n");
        // More than the buffers of both ends hold is taken.
        let piece = vec![b'x'; 1 << 20];
        for _ in 0..16 {
            stream.write_all(&piece).unwrap();
        }
    });
    assert_eq!(hits(&faults), [1]);
}

#[test]
fn rules_are_changed_while_the_server_runs() {
    let (setup, faults, _) = setup(&[]);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        assert!(client.ask("NOOP\r\n").await.starts_with("250 "));
        let id = faults.add(Rule::at(On::Noop).answer("450 4.3.0 no"));
        let connections = faults.add(Rule::at(On::Any).on_connection(1).answer("451 4.3.0 new"));
        assert!(client.ask("NOOP\r\n").await.starts_with("450 "));
        assert!(faults.remove(id));
        assert!(
            client.ask("NOOP\r\n").await.starts_with("250 "),
            "an old connection is not the first"
        );
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        assert!(client.ask("NOOP\r\n").await.starts_with("451 "));
        assert_eq!(hits(&faults), [1]);
        assert!(faults.remove(connections));
        running.stop().await;
    });
}

#[test]
fn a_transcript_tells_of_faults() {
    let (setup, _, _) = setup(&["noop nth=2 garbage=\"?\\r\\n\"", "quit truncate=5"]);
    setup.faults.add("rset reply=\"450 4.3.0 no\"".parse().unwrap());
    run(&setup, &["", "NOOP\r\n", "NOOP\r\n", "RSET\r\n", "QUIT\r\n"]);
    let recent = setup.transcripts.recent();
    let lines = recent[0].lines().into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_eq!(
        lines[1..],
        [
            "220 mx.test ESMTP",
            "NOOP",
            "250 2.0.0 Ok",
            "NOOP",
            "fault: noop nth=2 garbage=\"?\\r\\n\"",
            "?",
            "RSET",
            "fault: rset reply=\"450 4.3.0 no\"",
            "450 4.3.0 no",
            "QUIT",
            "fault: quit truncate=5",
            "221 2",
            "closed: Cut",
        ]
    );
}
