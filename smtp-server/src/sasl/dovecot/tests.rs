//! Against a server that says what the test tells it. Tests of `mta` have the real one.

use std::net::SocketAddr;

use tokio::net::UnixListener;

use super::*;
use crate::hooks::SaslStep;
use crate::info::{Peer, Service, TlsInfo};

const GREETING: &str = "VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nMECH\tSCRAM-SHA-256\tmutual-auth\n\
                        MECH\tGSSAPI\nSPID\t7\nCUID\t1\nCOOKIE\tabc\nDONE\n";

/// Greets each client, and answers its lines with these, in order; gives what it heard.
fn serve(
    listener: UnixListener,
    answers: &'static [&'static str],
) -> tokio::task::JoinHandle<Vec<String>> {
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = Connection(BufReader::new(stream));
        assert_eq!(connection.line().await.unwrap(), "VERSION\t1\t1");
        assert!(connection.line().await.unwrap().starts_with("CPID\t"));
        connection.0.write_all(GREETING.as_bytes()).await.unwrap();
        let mut heard = Vec::new();
        for answer in answers {
            heard.push(connection.line().await.unwrap());
            connection.0.write_all(answer.as_bytes()).await.unwrap();
        }
        heard
    })
}

fn info() -> SessionInfo {
    let [remote, local] =
        ["192.0.2.1:4000", "192.0.2.2:587"].map(|end| end.parse::<SocketAddr>().unwrap());
    let mut info = SessionInfo::new("mx.test", Service::Submission, Peer::new(remote, local));
    info.tls = Some(TlsInfo::new("TLSv1.3", "test", None));
    info
}

/// Runs an exchange in which the client sends these; the last step, and the name that the last query had.
async fn run(dovecot: &Dovecot, responses: &[&str]) -> (SaslStep, String) {
    let mut exchange = dovecot.start("PLAIN", &info()).unwrap();
    let mut last = None;
    for response in responses {
        let SaslStep::Ask(query) = exchange.step(Some(response.as_bytes())) else {
            panic!("no question")
        };
        let answer = dovecot.look_up(&query, &info()).await;
        last = Some((exchange.answer(answer), query.authcid().to_owned()));
    }
    last.unwrap()
}

#[tokio::test]
async fn answers_become_steps() {
    let directory = tempfile::tempdir().unwrap();
    for (number, (answers, responses, expected)) in [
        (&["OK\t1\tuser=kim\tmail=/x\n"][..], &["\0kim\0secret"][..], "Done kim "),
        (&["CONT\t1\tYWJj\n", "OK\t1\tuser=a\x01tb\n"], &["", "x"], "Done a\tb "),
        (&["CONT\t1\t\n"], &[""], "Challenge "),
        (&["FAIL\t1\tuser=kim\treason=x\n"], &["x"], "Failed kim"),
        (&["FAIL\t1\n"], &["x"], "Failed "),
        (&["FAIL\t1\tuser=kim\ttemp\n"], &["x"], "Unavailable "),
        (&["FAIL\t1\tcode=temp_fail\n"], &["x"], "Unavailable "),
        (&["OK\t1\n"], &["x"], "Unavailable "),
        (&["OK\t2\tuser=kim\n"], &["x"], "Unavailable "),
        (&["NONSENSE\n"], &["x"], "Unavailable "),
        (&[""], &["x"], "Unavailable "),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = directory.path().join(number.to_string());
        let listener = UnixListener::bind(&socket).unwrap();
        let dovecot = Dovecot { socket, mechanisms: vec!["PLAIN"] };
        let server = serve(listener, answers);
        let (step, name) = run(&dovecot, responses).await;
        let step = match step {
            SaslStep::Done(identity) => format!("Done {}", identity.authcid),
            SaslStep::Challenge(octets) => {
                format!("Challenge{}", String::from_utf8(octets).unwrap())
            }
            other => format!("{other:?}"),
        };
        assert_eq!(format!("{step} {name}"), expected, "{answers:?}");
        let heard = server.await.unwrap();
        let begin = "AUTH\t1\tPLAIN\tservice=smtp\tsecured\tlip=192.0.2.2\tlport=587\t\
                     rip=192.0.2.1\trport=4000\tresp=";
        assert_eq!(heard[0], format!("{begin}{}", base64(responses[0])));
        for (line, response) in heard[1..].iter().zip(&responses[1..]) {
            assert_eq!(*line, format!("CONT\t1\t{}", base64(response)));
        }
    }
}

fn base64(text: &str) -> String {
    use ::base64::Engine as _;
    ::base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn known_mechanisms_are_offered() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("auth");
    let server = serve(UnixListener::bind(&socket).unwrap(), &[]);
    let dovecot = Dovecot::connect(&socket).await.unwrap();
    assert_eq!(dovecot.mechanisms(&info()), ["SCRAM-SHA-256", "PLAIN"]);
    assert!(dovecot.start("GSSAPI", &info()).is_none());
    server.await.unwrap();
    assert!(Dovecot::connect(directory.path().join("missing")).await.is_err());
}

#[test]
fn connections_have_numbers_of_their_own() {
    assert_ne!(protocol::greeting(), protocol::greeting());
}
