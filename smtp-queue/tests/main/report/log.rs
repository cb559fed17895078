//! The log, line for line, and what Debian's pflogsumm makes of it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtp_proto::{ClientName, Domain};
use smtp_queue::dsn::Action;
use smtp_queue::events::{LogLine, PostfixLog, message_id};
use smtp_queue::{NextHop, NextHost, Outcome, QueueEntry, QueueEvent, QueueObserver, Report};
use smtp_server::delivery::Discard;
use smtp_server::relay::LocalDomains;
use smtp_server::{
    CloseReason, CommandCounts, Event, Hello, IdSource, Identity, Observer, Peer, QueueId, Server,
    Service, ServiceConfig, SessionInfo,
};
use tokio::net::TcpListener;

use super::support::{entry, found, no_such_user, said};

/// Lines as they come. Clones share them.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn log(&self) -> impl Observer + QueueObserver + Clone {
        let lines = self.clone();
        PostfixLog::new(move |line: &LogLine<'_>| {
            lines.0.lock().unwrap().push(line.tagged("postfix", 7));
        })
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn next_hop(transport: &str, hosts: usize) -> NextHop {
    let host = NextHost { name: "mail.d.example".to_owned(), address: None };
    let hosts = vec![host; hosts].into();
    NextHop { transport: transport.into(), site: "d.example".into(), destination: "".into(), hosts }
}

fn report(outcome: Outcome, uses: u32, set_up: Duration, transmission: Duration) -> Report {
    Report { recipient: 0, outcome, set_up, transmission, connection_uses: uses }
}

fn attempted(entry: &QueueEntry, hop: &NextHop, report: &Report) -> String {
    let lines = Lines::default();
    lines.log().on_queue_event(&QueueEvent::Attempted {
        entry,
        next_hop: hop,
        report,
        before_active: Duration::from_millis(4),
        in_active: Duration::from_millis(6),
    });
    lines.take().concat()
}

#[test]
fn the_life_of_a_message_is_told_as_postfix_tells_it() {
    let lines = Lines::default();
    let log = lines.log();
    let entry =
        entry("MAIL FROM:<a@b.example>", &["RCPT TO:<u@d.example>", "RCPT TO:<v@d.example>"]);
    let mut forced = entry.clone();
    forced.expired = true;
    let (id, bounce) = (QueueId(0x1A), QueueId(0x2B));
    for event in [
        QueueEvent::Accepted { entry: &entry, message_id: Some("<1@b.example>") },
        QueueEvent::Active { entry: &entry },
        QueueEvent::Held { id, reason: "" },
        QueueEvent::Released { id },
        QueueEvent::Expired { entry: &entry },
        QueueEvent::Expired { entry: &forced },
        QueueEvent::Reported { entry: &entry, report: bounce, action: Action::Failed },
        QueueEvent::Reported { entry: &entry, report: bounce, action: Action::Delayed },
        QueueEvent::Reported { entry: &entry, report: bounce, action: Action::Relayed },
        QueueEvent::Removed { id },
        QueueEvent::Deleted { id },
    ] {
        log.on_queue_event(&event);
    }
    let size = entry.content_bytes;
    let expected = [
        "cleanup[7]: 1A: message-id=<1@b.example>",
        &format!("qmgr[7]: 1A: from=<a@b.example>, size={size}, nrcpt=2 (queue active)"),
        "postsuper[7]: 1A: placed on hold",
        "postsuper[7]: 1A: released from hold",
        "qmgr[7]: 1A: from=<a@b.example>, status=expired, returned to sender",
        "qmgr[7]: 1A: from=<a@b.example>, status=force-expired, returned to sender",
        "bounce[7]: 1A: sender non-delivery notification: 2B",
        "bounce[7]: 1A: sender delay notification: 2B",
        "bounce[7]: 1A: sender delivery status notification: 2B",
        "qmgr[7]: 1A: removed",
        "postsuper[7]: 1A: removed",
    ];
    assert_eq!(lines.take(), expected.map(|line| format!("postfix/{line}")));
}

#[test]
fn an_attempt_is_one_line_with_its_relay_and_delays() {
    let entry = entry("MAIL FROM:<>", &["RCPT TO:<u@d.example>"]);
    let mut sent = said(250, "2.0.0", "");
    sent.text = "250 2.0.0 Ok: queued as 3C".to_owned();
    let sent = Outcome::Relayed { status: sent, reports: true };
    let zero = Duration::ZERO;
    let (set_up, transmission) = (Duration::from_millis(1260), Duration::from_millis(340));
    for (hop, report, expected) in [
        (
            next_hop("smtp", 1),
            report(sent.clone(), 2, set_up, transmission),
            "smtp[7]: 1A: to=<u@d.example>, relay=mail.d.example[192.0.2.25]:25, conn_use=2, delay=1.6, \
             delays=0/0.01/1.3/0.34, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 3C)",
        ),
        (
            next_hop("smtp", 1),
            report(no_such_user(), 1, set_up, transmission),
            "smtp[7]: 1A: to=<u@d.example>, relay=mail.d.example[192.0.2.25]:25, delay=1.6, \
             delays=0/0.01/1.3/0.34, dsn=5.1.1, status=bounced (host mail.d.example[192.0.2.25] said: 550 5.1.1 no / such user)",
        ),
        (
            next_hop("smtp", 1),
            report(
                Outcome::Deferred(found("4.4.1", "connect to x[y]:25: Connection timed out")),
                0,
                zero,
                zero,
            ),
            "smtp[7]: 1A: to=<u@d.example>, relay=none, delay=0.01, delays=0/0.01/0/0, dsn=4.4.1, \
             status=deferred (connect to x[y]:25: Connection timed out)",
        ),
        (
            next_hop("local", 0),
            report(
                Outcome::Delivered(found("2.0.0", "delivered to maildir")),
                0,
                zero,
                Duration::from_secs(4000),
            ),
            "local[7]: 1A: to=<u@d.example>, relay=local, delay=4000, delays=0/0.01/0/4000, dsn=2.0.0, \
             status=sent (delivered to maildir)",
        ),
        (
            next_hop("error", 0),
            report(
                Outcome::Failed(found("5.1.6", "moved\r\npostfix/qmgr: \u{1b}[2J")),
                0,
                zero,
                zero,
            ),
            "error[7]: 1A: to=<u@d.example>, relay=none, delay=0.01, delays=0/0.01/0/0, dsn=5.1.6, \
             status=bounced (moved??postfix/qmgr: ?[2J)",
        ),
    ] {
        assert_eq!(attempted(&entry, &hop, &report), format!("postfix/{expected}"));
    }
}

#[test]
fn delays_have_two_digits_that_count() {
    let entry = entry("MAIL FROM:<>", &["RCPT TO:<u@d.example>"]);
    for (micros, expected) in [
        (0, "0"),
        (4_999, "0"),
        (5_000, "0.01"),
        (10_000, "0.01"),
        (55_000, "0.06"),
        (100_000, "0.1"),
        (994_999, "0.99"),
        (995_000, "1"),
        (1_040_000, "1"),
        (1_050_000, "1.1"),
        (9_940_000, "9.9"),
        (9_970_000, "10"),
        (12_340_000, "12"),
        (99_500_000, "100"),
        (123_456_000_000, "123456"),
    ] {
        let sent = Outcome::Delivered(found("2.0.0", "ok"));
        let report = report(sent, 0, Duration::from_micros(micros), Duration::ZERO);
        let line = attempted(&entry, &next_hop("local", 0), &report);
        assert!(line.contains(&format!("delays=0/0.01/{expected}/0,")), "{micros}: {line}");
    }
}

fn info() -> SessionInfo {
    let remote = "192.0.2.1:1234".parse::<SocketAddr>().unwrap();
    let mut info =
        SessionInfo::new("mx.example.org", Service::Submission, Peer::new(remote, remote));
    info.reverse_name = Some(Domain::parse("c.example").unwrap());
    info.hello = Some(Hello { name: ClientName::new("z").unwrap(), extended: true });
    info
}

#[test]
fn a_login_and_its_failure_are_told() {
    let lines = Lines::default();
    let log = lines.log();
    let mut info = info();
    log.on_event(&Event::AuthenticationFailed { authcid: "u\r\nx", mechanism: "LOGIN" }, &info);
    info.identity = Some(Identity::new("u"));
    info.mechanism = Some("PLAIN");
    let mut envelope =
        smtp_server::Envelope::new(smtp_proto::ReversePath::Null, super::support::ARRIVED);
    envelope.queue_id = Some(QueueId(0x1A));
    log.on_event(&Event::MessageStarted { envelope: &envelope }, &info);
    let commands = CommandCounts::default();
    for reason in [CloseReason::TimedOut, CloseReason::TooManyErrors] {
        log.on_event(&Event::Closed { reason, lasted: Duration::ZERO, commands: &commands }, &info);
    }
    let expected = [
        "warning: c.example[192.0.2.1]: SASL LOGIN authentication failed: authentication failure, sasl_username=u??x",
        "1A: client=c.example[192.0.2.1], sasl_method=PLAIN, sasl_username=u",
        "timeout after CONNECT from c.example[192.0.2.1]",
        "disconnect from c.example[192.0.2.1] commands=0",
        "too many errors after CONNECT from c.example[192.0.2.1]",
        "disconnect from c.example[192.0.2.1] commands=0",
    ];
    assert_eq!(lines.take(), expected.map(|line| format!("postfix/smtpd[7]: {line}")));
}

/// The lines of sessions that send these octets to a server for `ours.example` that discards.
async fn sessions(lines: &Lines, inputs: &[&str]) {
    let mut server = Server::builder("mx.example.org")
        .relay_policy(LocalDomains::new(["ours.example"]).unwrap())
        .delivery(Discard)
        .queue_ids(Arc::new(IdSource::after(QueueId(u64::MAX - 100))))
        .observer(lines.log())
        .build()
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(listener, ServiceConfig::smtp()).unwrap();
    let inputs = inputs.iter().map(ToString::to_string).collect::<Vec<_>>();
    let client = tokio::task::spawn_blocking(move || {
        for input in inputs {
            talk(address, &input);
        }
    });
    server.run(async { client.await.unwrap() }).await.unwrap();
}

/// Sends line by line and waits for each reply; content is one line.
fn talk(address: SocketAddr, input: &str) {
    let mut stream = TcpStream::connect(address).unwrap();
    let mut reply = [0; 2048];
    for line in input.split_inclusive('|') {
        assert!(stream.read(&mut reply).unwrap() > 0);
        stream.write_all(line.replace('|', "\r\n").as_bytes()).unwrap();
    }
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    stream.read_to_end(&mut Vec::new()).unwrap();
}

const GOOD: &str =
    "EHLO z|MAIL FROM:<a@b.example>|RCPT TO:<u@ours.example>|DATA|Subject: x\r\n\r\nx\r\n.|QUIT|";
const DENIED: &str = "EHLO z|MAIL FROM:<>|RCPT TO:<x@y.example>|QUIT|";
const LOST: &str =
    "HELO z|MAIL FROM:<a@b.example>|RCPT TO:<u@ours.example>|RCPT TO:<x@y.example>|WHAT|";

#[tokio::test]
async fn sessions_are_told_as_smtpd_tells_them() {
    let lines = Lines::default();
    sessions(&lines, &[GOOD, DENIED, LOST]).await;
    let told = lines.take();
    let id = told[1].split_once(": ").unwrap().1.split_once(':').unwrap().0.to_owned();
    let second = told[7].split_once(": ").unwrap().1.split_once(':').unwrap().0.to_owned();
    assert_ne!(id, second);
    let from = "unknown[127.0.0.1]";
    let denied = "554 5.7.1 <x@y.example>: Relay access denied;";
    let expected = [
        format!("connect from {from}"),
        format!("{id}: client={from}"),
        format!("disconnect from {from} ehlo=1 mail=1 rcpt=1 data=1 quit=1 commands=5"),
        format!("connect from {from}"),
        format!(
            "NOQUEUE: reject: RCPT from {from}: {denied} from=<> to=<x@y.example> proto=ESMTP helo=<z>"
        ),
        format!("disconnect from {from} ehlo=1 mail=1 rcpt=0/1 quit=1 commands=3/4"),
        format!("connect from {from}"),
        format!(
            "{second}: reject: RCPT from {from}: {denied} from=<a@b.example> to=<x@y.example> proto=SMTP helo=<z>"
        ),
        format!("lost connection after UNKNOWN from {from}"),
        format!("disconnect from {from} helo=1 mail=1 rcpt=1/2 unknown=0/1 commands=3/5"),
    ];
    let told = told.iter().map(|line| line.strip_prefix("postfix/smtpd[7]: ").unwrap());
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn pflogsumm_counts_what_we_count() {
    let lines = Lines::default();
    sessions(&lines, &[GOOD, DENIED, DENIED, GOOD]).await;
    let told = lines.take();
    let ids = told.iter().filter_map(|line| {
        let (id, _) = line.strip_prefix("postfix/smtpd[7]: ")?.split_once(": client=")?;
        Some(QueueId(u64::from_str_radix(id, 16).unwrap()))
    });
    let ids = ids.collect::<Vec<_>>();
    assert_eq!(ids.len(), 2);
    let log = lines.log();
    let bytes = [4711, 815];
    for (id, bytes) in ids.into_iter().zip(bytes) {
        let rcpts = ["RCPT TO:<u@d.example>"];
        let mut entry = entry("MAIL FROM:<a@b.example>", &rcpts);
        (entry.id, entry.content_bytes) = (id, bytes);
        let hop = next_hop("smtp", 1);
        log.on_queue_event(&QueueEvent::Accepted { entry: &entry, message_id: None });
        log.on_queue_event(&QueueEvent::Active { entry: &entry });
        let sent = Outcome::Relayed { status: said(250, "2.0.0", "Ok"), reports: true };
        let later = Outcome::Deferred(said(450, "4.2.0", "greylisted"));
        let outcomes = if bytes == 4711 {
            vec![later.clone(), later, sent]
        } else {
            vec![sent, no_such_user()]
        };
        for outcome in outcomes {
            let report = report(outcome, 1, Duration::from_millis(20), Duration::from_secs(2));
            log.on_queue_event(&QueueEvent::Attempted {
                entry: &entry,
                next_hop: &hop,
                report: &report,
                before_active: Duration::ZERO,
                in_active: Duration::ZERO,
            });
        }
        log.on_queue_event(&QueueEvent::Removed { id });
    }
    let all = told.into_iter().chain(lines.take());
    let all = all.map(|line| format!("Jan  5 10:00:00 mx {line}\n")).collect::<String>();
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), &all).unwrap();
    let summary = Command::new("/usr/sbin/pflogsumm").arg(file.path()).output().unwrap();
    let summary = String::from_utf8(summary.stdout).unwrap();
    let count = |what: &str| {
        let line = summary.lines().find(|line| line.split_whitespace().nth(1) == Some(what));
        let line = line.unwrap_or_else(|| panic!("{what} is not in {summary}"));
        line.split_whitespace().next().unwrap().parse::<u64>().unwrap()
    };
    for (what, expected) in
        [("received", 2), ("delivered", 2), ("deferred", 1), ("bounced", 1), ("rejected", 2)]
    {
        assert_eq!(count(what), expected, "{what} in {summary}\n{all}");
    }
    assert!(summary.contains("(2  deferrals)"), "{summary}");
    assert!(summary.contains("5526   bytes received"), "{summary}");
}

#[test]
fn a_message_id_is_found_in_the_header_only() {
    for (content, expected) in [
        ("MESSAGE-id: <1@x>\r\n\r\n", Some("<1@x>")),
        ("A: b\r\nMessage-ID:\r\n\t<1@x>\r\nB: c\r\n\r\n", Some("<1@x>")),
        ("A: b\r\n\r\nMessage-ID: <1@x>\r\n", None),
        ("X-Message-ID: <1@x>\r\n", None),
    ] {
        assert_eq!(message_id(content.as_bytes()).as_deref(), expected);
    }
}

#[cfg(feature = "json")]
#[test]
fn json_lines_have_the_same_facts() {
    use smtp_queue::events::JsonLog;

    let lines = Lines::default();
    let sink = lines.clone();
    let log = JsonLog::new(
        || super::support::NOW,
        move |line: &str| sink.0.lock().unwrap().push(line.to_owned()),
    );
    let entry = entry("MAIL FROM:<a@b.example>", &["RCPT TO:<u@d.example>"]);
    let mut status = said(550, "5.1.1", "no");
    status.text = "said: \"no\"\r\n\u{1b}".to_owned();
    let report =
        report(Outcome::Failed(status), 3, Duration::from_millis(20), Duration::from_secs(2));
    log.on_queue_event(&QueueEvent::Attempted {
        entry: &entry,
        next_hop: &next_hop("smtp", 1),
        report: &report,
        before_active: Duration::ZERO,
        in_active: Duration::from_millis(1),
    });
    log.on_event(&Event::Connected, &info());
    let expected = [
        r#"{"connection_uses":3,"delays_millis":[0,1,20,2000],"dsn":"5.1.1","event":"attempted","outcome":"failed","queue_id":"1A","reason":"said: \"no\"\r\n\u001b","recipient":"u@d.example","remote":"mail.d.example[192.0.2.25]:25","sender":"a@b.example","site":"d.example","transport":"smtp","unix_millis":1767607200000}"#,
        r#"{"client":"192.0.2.1","client_name":"c.example","event":"connected","hello":"z","service":"submission","unix_millis":1767607200000}"#,
    ];
    assert_eq!(lines.take(), expected);
}
