//! `--metrics`: what Prometheus is told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::client::Client;
use crate::harness::{Mta, PATIENCE};

fn address(mta: &Mta) -> SocketAddr {
    let line = mta.stdout().iter().find_map(|line| line.strip_prefix("listening metrics "));
    line.expect("metrics are announced").parse().expect("an address")
}

/// The head and the body of the answer.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let request = format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
    (head.to_owned(), body.to_owned())
}

/// All metrics.
pub(crate) fn body(mta: &Mta) -> String {
    ask(address(mta), "GET /metrics").1
}

#[test]
fn every_decision_is_counted() {
    let list = "smtpd_sender_restrictions=check_sender_access inline:{ {spam.test = REJECT} }, \
                warn_if_reject reject";
    let mta = Mta::start(&["--metrics", "127.0.0.1:0", "-o", list]);
    let mut client = Client::hello(mta.smtp());
    let reply = client.deliver("<kim@localhost>", "counted");
    assert!(reply.starts_with("250 "), "{reply}");
    for (from, to) in [("a@spam.test", "kim@localhost"), ("a@b.test", "v@ext.test")] {
        client.ask(&format!("MAIL FROM:<{from}>"));
        client.ask(&format!("RCPT TO:<{to}>"));
        client.ask("RSET");
    }
    mta.settle();
    let (head, body) = ask(address(&mta), "GET /metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    for line in [
        "smtp_connections_total{service=\"smtp\"} 1\n",
        "smtp_connections_open{service=\"smtp\"} 1\n",
        "smtp_messages_total{service=\"smtp\",reply=\"2xx\"} 1\n",
        "smtp_recipients_accepted_total{right=\"local\"} 1\n",
        "smtp_recipients_refused_total{reply=\"5xx\"} 2\n",
        "smtp_refusals_total{stage=\"sender\",reply=\"5xx\"} 1\n",
        "smtp_warnings_total{stage=\"sender\"} 2\n",
        "smtp_message_duration_seconds_count{service=\"smtp\"} 1\n",
        "# TYPE smtp_message_duration_seconds histogram\n",
        "smtp_queue_messages_total 1\n",
        "smtp_queue_recipients_total{transport=\"local\",outcome=\"delivered\"} 1\n",
        "smtp_queue_delay_seconds_count{outcome=\"delivered\"} 1\n",
        "smtp_queue_message_events_total{event=\"removed\"} 1\n",
        "smtp_queue_rows{queue=\"deferred\"} 0\n",
    ] {
        assert!(body.contains(line), "{line:?} is not in:\n{body}");
    }
    assert!(body.ends_with("# EOF\n") && body.matches("# EOF").count() == 1, "{body}");
    for told_by_a_client in ["kim", "spam.test", "ext.test", "127.0.0.1"] {
        assert!(!body.contains(told_by_a_client), "{body}");
    }
    let reply = client.ask("QUIT");
    assert!(reply.starts_with("221 ") && client.is_closed(), "{reply}");
}

#[test]
fn other_questions_are_refused() {
    let mta = Mta::start(&["--metrics", "127.0.0.1:0"]);
    for (request, status) in [("GET /", "404"), ("GET /metrics/x", "404"), ("POST /metrics", "405")]
    {
        let (head, _) = ask(address(&mta), request);
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {head}");
    }
    assert!(Mta::start(&[]).stdout().iter().all(|line| !line.contains("metrics")));
}
