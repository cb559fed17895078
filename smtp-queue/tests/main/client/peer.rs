//! Next hops on the loopback: our own server, and one that plays a script.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use smtp_queue::transport::smtp::SmtpTransport;
use smtp_queue::{
    Content, ContentBody, Feedback, Job, NextHop, NextHost, Outcome, Outcomes, QueueEntry, Report,
    Transport,
};
use smtp_server::relay::{LocalDomains, RelayDomains};
use smtp_server::{Delivery, Server, ServiceConfig, TlsConfig};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::mail::indices;

/// A next hop that plays one script for each connection, in their order. In a script `S:` is said, `C:` is how the next
/// line has to begin, `D:` reads content to its end, `H:` waits for ever, `R:` is raw text. Then it closes.
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Peer {
    pub(crate) async fn start(scripts: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let scripts = scripts.iter().map(|script| (*script).to_owned()).collect::<Vec<_>>();
        let log = heard.clone();
        let task = tokio::spawn(async move {
            for script in scripts {
                let (stream, _) = listener.accept().await.unwrap();
                log.lock().unwrap().push("connect".to_owned());
                tokio::spawn(play(stream, script, log.clone()));
            }
        });
        Self { address, heard, task }
    }

    /// What it heard, and when a connection began.
    pub(crate) fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap().clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.heard().iter().filter(|line| *line == "connect").count()
    }

    pub(crate) fn next_hop(&self) -> NextHop {
        NextHop::host("mx.test", self.address)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn play(stream: TcpStream, script: String, log: Arc<Mutex<Vec<String>>>) {
    stream.set_nodelay(true).unwrap();
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (kind, text) = line.split_at(2);
        let text = text.strip_prefix(' ').unwrap_or_default();
        match kind {
            "S:" => {
                if writer.write_all(format!("{text}\r\n").as_bytes()).await.is_err() {
                    return;
                }
            }
            "R:" => writer.write_all(text.as_bytes()).await.unwrap(),
            "H:" => std::future::pending().await,
            "C:" => {
                let mut heard = String::new();
                if reader.read_line(&mut heard).await.unwrap_or(0) == 0 {
                    return;
                }
                assert!(heard.starts_with(text), "{heard:?} in place of {text:?}");
                log.lock().unwrap().push(heard.trim_end().to_owned());
            }
            "D:" => loop {
                let mut heard = String::new();
                if reader.read_line(&mut heard).await.unwrap_or(0) == 0 {
                    return;
                }
                log.lock().unwrap().push(heard.trim_end().to_owned());
                if heard == ".\r\n" {
                    break;
                }
            },
            _ => panic!("{line}"),
        }
    }
}

/// The beginning of a session with a next hop that offers PIPELINING.
pub(crate) const HELLO: &str = "
    S: 220 mx.test
    C: EHLO client.test
    S: 250-mx.test
    S: 250 PIPELINING
";

/// A transaction that ends well.
pub(crate) const TAKEN: &str = "
    C: MAIL FROM
    C: RCPT TO
    C: DATA
    S: 250 Ok
    S: 250 Ok
    S: 354 Go on
    D:
    S: 250 2.0.0 Taken
";

/// Our own server, where `d.test` is local.
pub(crate) async fn server(
    delivery: impl Delivery,
    tls: Option<TlsConfig>,
    service: ServiceConfig,
) -> SocketAddr {
    let builder = Server::builder("mx.test")
        .relay_policy(LocalDomains::new(["d.test"]).unwrap())
        .delivery(delivery);
    let builder = match tls {
        Some(tls) => builder.tls(tls),
        None => builder,
    };
    serve(builder.build().unwrap(), service).await
}

/// Our own server, which passes mail for `d.test` on.
pub(crate) async fn proxy(delivery: impl Delivery) -> SocketAddr {
    let server = Server::builder("proxy.test")
        .relay_policy(RelayDomains::new(["d.test"]).unwrap())
        .delivery(delivery)
        .build();
    serve(server.unwrap(), ServiceConfig::smtp()).await
}

pub(crate) async fn serve(mut server: Server, service: ServiceConfig) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    server.listen(listener, service).unwrap();
    tokio::spawn(server.run(std::future::pending()));
    address
}

pub(crate) fn client() -> SmtpTransport {
    SmtpTransport::new("client.test").unwrap()
}

pub(crate) fn content(octets: impl Into<Bytes>) -> Content {
    Content {
        fields: Bytes::from_static(b"Received: here\r\n"),
        body: ContentBody::Memory(octets.into()),
    }
}

pub(crate) fn job(entry: QueueEntry, next_hop: NextHop) -> Job {
    let recipients = indices(&entry);
    let content = content(&b"Subject: x\r\n\r\n.y\r\n"[..]);
    Job { entry: Arc::new(entry), recipients, content, next_hop }
}

/// Several hosts at one site.
pub(crate) fn hosts(addresses: &[SocketAddr]) -> NextHop {
    let host =
        |address: &SocketAddr| NextHost { name: "mx.test".to_owned(), address: Some(*address) };
    let hosts = addresses.iter().map(host).collect();
    let (transport, site, destination) = ("smtp".into(), "site".into(), "d.test".into());
    NextHop { transport, site, destination, hosts }
}

#[derive(Default)]
pub(crate) struct Collected(pub(crate) Vec<Report>);

impl Outcomes for Collected {
    fn report(&mut self, report: Report) {
        assert!(self.0.iter().all(|known| known.recipient != report.recipient), "told twice");
        self.0.push(report);
    }
}

/// One attempt, with its reports in the order of the recipients.
pub(crate) async fn attempt(transport: &SmtpTransport, job: &Job) -> (Feedback, Vec<Report>) {
    let mut collected = Collected::default();
    let feedback = transport.attempt(job, &mut collected).await;
    let mut reports = collected.0;
    reports.sort_by_key(|report| report.recipient);
    let recipients = reports.iter().map(|report| report.recipient).collect::<Vec<_>>();
    assert_eq!(recipients, job.recipients);
    (feedback, reports)
}

/// In short: what it is, and its code.
pub(crate) fn short(report: &Report) -> String {
    let status = report.outcome.status();
    let kind = match &report.outcome {
        Outcome::Delivered(_) => "delivered",
        Outcome::Relayed { .. } => "relayed",
        Outcome::Deferred(_) => "deferred",
        Outcome::Failed(_) => "failed",
        _ => "other",
    };
    format!("{kind} {}", status.code)
}
