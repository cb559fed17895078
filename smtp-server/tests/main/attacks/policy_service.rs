//! Row J11: a policy service that is away or talks nonsense lets nobody pass and refuses nobody for good.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use smtp_server::access::PolicyService;
use smtp_server::proto::{Domain, ForwardPath};
use smtp_server::{AccessControl, Effects, Hello, Identity, Rejection, Stage, StageKind, TlsInfo};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, UnixListener};

use super::runtime;
use crate::support::checks::{START, at_client, at_recipient, client, envelope, shown};

/// A service that gives these answers, one to each request, and closes after so many of them.
struct Service {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<usize>>,
}

impl Service {
    async fn start(answers: &[&[u8]], per_connection: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = Self { address, requests: Arc::default(), connections: Arc::default() };
        let (requests, connections) = (service.requests.clone(), service.connections.clone());
        let mut answers =
            answers.iter().map(|answer| answer.to_vec()).collect::<Vec<_>>().into_iter();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                *connections.lock().unwrap() += 1;
                let batch = answers.by_ref().take(per_connection).collect();
                serve(stream, batch, &requests).await;
            }
        });
        service
    }

    fn client(&self) -> PolicyService {
        PolicyService::tcp(self.address.clone())
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    answers: Vec<Vec<u8>>,
    requests: &Mutex<Vec<String>>,
) {
    let mut stream = BufReader::new(stream);
    for answer in answers {
        let mut request = String::new();
        while !request.ends_with("\n\n") {
            if stream.read_line(&mut request).await.unwrap() == 0 {
                return;
            }
        }
        requests.lock().unwrap().push(request);
        if stream.write_all(&answer).await.is_err() {
            return;
        }
    }
}

async fn ask(service: &PolicyService) -> Result<Effects, Rejection> {
    let envelope = envelope("<a@b.example>", START);
    let to = ForwardPath::parse("<kim@local.test>").unwrap().into_owned();
    let stage = Stage::Recipient { now: START, to: &to, envelope: &envelope };
    service.check(stage, &client("192.0.2.9")).await.into_result()
}

#[test]
fn j11_nonsense_is_a_451() {
    let long = [b"action=".as_slice(), &[b'x'; 20_000]].concat();
    let nonsense: [&[u8]; 17] = [
        b"",
        b"\n\n",
        b"action=\n\n",
        b"action=FROB\n\n",
        b"action=OK",
        b"action=OK\n",
        b"action=OK\r\n\r\n",
        b"ok\n\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"action=OK\naction=REJECT\n\n",
        b"action=250 2.0.0 Fine\n\n",
        b"action=450x no\n\n",
        b"action=PREPEND no field\n\n",
        b"action=PREPEND X: a\0b\n\n",
        b"action=REJECT a\rb\n\n",
        b"action=REJECT \xff\xfe\n\n",
        &long,
    ];
    runtime().block_on(async {
        for answer in nonsense {
            let service = Service::start(&[answer], 1).await;
            let verdict = ask(&service.client()).await;
            let expected = "451 4.3.5 The policy service gives no usable answer";
            assert_eq!(shown(verdict), expected, "{}", answer.escape_ascii());
        }
    });
}

#[test]
fn j11_a_service_that_is_away_or_silent_is_a_451() {
    super::super::contracts::paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let silent = PolicyService::tcp(address.clone()).timeout(Duration::from_secs(2));
        let asked = tokio::time::timeout(Duration::from_millis(2100), ask(&silent));
        let verdict = asked.await.expect("it takes its own time and no more");
        assert!(shown(verdict).starts_with("451 4.3.5 "));
        drop(listener);
        assert!(shown(ask(&PolicyService::tcp(address)).await).starts_with("451 4.3.5 "));
        let nowhere = PolicyService::unix("/nonexistent/policy");
        assert!(shown(ask(&nowhere).await).starts_with("451 4.3.5 "));
    });
}

#[test]
fn the_actions_of_a_service_are_done() {
    let rows: [(&[u8], &str); 15] = [
        (b"action=DUNNO\n\n", "-"),
        (b"action=dunno\n\n", "-"),
        (b"action=OK\n\n", "-"),
        (b"action=1234567\n\n", "-"),
        (b"action=WARN odd client\n\n", "-"),
        (b"action=REJECT\n\n", "554 5.7.1 Access denied"),
        (b"action=REJECT go away\n\n", "554 5.7.1 go away"),
        (b"action=DEFER\n\n", "450 4.7.1 Access denied"),
        (b"action=DEFER_IF_PERMIT Greylisted\n\n", "450 4.7.1 Greylisted in the end"),
        (b"action=DEFER_IF_REJECT Later\n\n", "-"),
        (b"action=450 4.2.0 Later\n\n", "450 4.2.0 Later"),
        (b"action=550 No\n\n", "550 5.7.1 No"),
        (b"action=450\n\n", "-"),
        (b"action=421 4.7.0 Go\n\n", "421 4.7.0 Go"),
        (b"action=521 5.7.1 Never\n\n", "521 5.7.1 Never"),
    ];
    runtime().block_on(async {
        for (answer, expected) in rows {
            let service = Service::start(&[answer], 1).await;
            let verdict = ask(&service.client()).await;
            let closes = verdict.as_ref().is_err_and(Rejection::closes);
            assert_eq!(closes, expected.starts_with(['4', '5']) && expected[1..].starts_with("21"));
            assert_eq!(shown(verdict), expected, "{}", answer.escape_ascii());
        }
        let service =
            Service::start(&[b"action=PREPEND X-Policy: a: b\n\n", b"action=DISCARD\n\n"], 2).await;
        let service = service.client();
        let field = ask(&service).await.unwrap().handling.prepend.remove(0);
        assert_eq!(field.to_string(), "X-Policy: a: b\r\n");
        assert!(ask(&service).await.unwrap().handling.discard);
    });
}

#[test]
fn a_connection_is_used_again_and_replaced_when_it_was_closed() {
    runtime().block_on(async {
        let ok: &[u8] = b"action=OK\n\n";
        let service = Service::start(&[ok; 5], 2).await;
        let policy = service.client();
        for _ in 0..5 {
            assert_eq!(shown(ask(&policy).await), "-");
        }
        assert_eq!((service.requests().len(), *service.connections.lock().unwrap()), (5, 3));
    });
}

#[test]
fn a_service_is_asked_at_its_stage_only_and_over_a_unix_socket_too() {
    runtime().block_on(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("policy");
        let listener = UnixListener::bind(&path).unwrap();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let log = requests.clone();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            serve(stream, vec![b"action=REJECT no\n\n".to_vec()], &log).await;
        });
        let policy = PolicyService::unix(&path).at(StageKind::Client);
        let info = client("192.0.2.9");
        assert_eq!(at_recipient(&policy, &info, ("<>", "<kim@local.test>"), START).await, "-");
        assert_eq!(shown(at_client(&policy, &info, START).await), "554 5.7.1 no");
        let requests = requests.lock().unwrap();
        assert!(requests[0].starts_with("request=smtpd_access_policy\nprotocol_state=CONNECT\n"));
        assert!(!requests[0].contains("\nrecipient="), "{}", requests[0]);
    });
}

#[test]
fn a_request_tells_what_is_known_and_no_value_adds_an_attribute() {
    runtime().block_on(async {
        let service = Service::start(&[b"action=OK\n\n"], 1).await;
        let mut info = client("::ffff:192.0.2.9");
        info.reverse_name = Some(Domain::parse("client.test").unwrap());
        let name = smtp_server::proto::ClientName::new("mail.client.test").unwrap();
        info.hello = Some(Hello { name, extended: true });
        info.identity = Some(Identity::new("kim\nsasl_method=forged\n\n"));
        info.tls = Some(TlsInfo::new("TLSv1.3", "TLS_AES_128_GCM_SHA256", None));
        let mut envelope = envelope("<\"a b\"@b.example>", START);
        envelope.params.size = Some(12_345);
        let to = ForwardPath::parse("<postmaster>").unwrap().into_owned();
        let stage = Stage::Recipient { now: START, to: &to, envelope: &envelope };
        assert_eq!(shown(service.client().check(stage, &info).await.into_result()), "-");
        let expected = "request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\n\
            helo_name=mail.client.test\nsender=\"a b\"@b.example\nrecipient=postmaster\n\
            recipient_count=0\nqueue_id=\nsize=12345\ninstance=18bcfe56800.9c40\n\
            client_address=192.0.2.9\nclient_name=client.test\n\
            reverse_client_name=client.test\nclient_port=40000\nserver_address=198.51.100.25\n\
            server_port=25\nsasl_username=kim?sasl_method=forged??\n\
            encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_128_GCM_SHA256\n\
            ccert_fingerprint=\n\n";
        assert_eq!(service.requests(), [expected]);
    });
}
