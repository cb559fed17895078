//! Faults as a mail program sees them: lettre, over the loopback.

use std::io::{Error as IoError, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lettre::Transport;
use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::{Error, SmtpTransport, SmtpTransportBuilder};
use smtp_server::sasl::{Passwords, from_fn};
use smtp_server::testing::{Faults, On, Rule};
use smtp_server::{Identity, Service};
use tokio::runtime::{Builder, Runtime};

use super::{hits, setup};
use crate::support::hooks::Scripted;
use crate::support::setup::Setup;
use crate::support::tcp::Running;
use crate::support::tls;

/// How long lettre waits where it is not to be waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it waits where nothing comes.
const IMPATIENCE: Duration = Duration::from_millis(100);

/// A server, and a runtime that runs it beside a client that blocks.
struct Site {
    runtime: Runtime,
    running: Option<Running>,
    address: SocketAddr,
    setup: Setup,
    faults: Faults,
    delivery: Scripted,
}

/// How a client and a server come to TLS.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Clear,
    StartTls,
    Implicit,
}

impl Site {
    fn start(rules: &[&str], way: Way) -> Self {
        let (mut setup, faults, delivery) = setup(rules);
        setup.tls = way != Way::Clear;
        if way == Way::Implicit {
            setup.service = Service::Submissions;
        }
        let known = |user, password| async move {
            let password: zeroize::Zeroizing<String> = password;
            Ok((user == "kim" && *password == "secret").then(|| Identity::new(user)))
        };
        setup.authenticator = Some(Arc::new(Passwords::new(from_fn(known))));
        setup.auth_in_clear = true;
        Self::run(setup, faults, delivery)
    }

    fn run(mut setup: Setup, faults: Faults, delivery: Scripted) -> Self {
        // What a client has given up is not waited for.
        setup.timeouts.shutdown = Duration::ZERO;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let running = runtime.block_on(Running::start(&setup));
        let address = running.address;
        Self { runtime, running: Some(running), address, setup, faults, delivery }
    }

    fn transport(&self, way: Way, patience: Duration) -> SmtpTransportBuilder {
        let tls = match way {
            Way::Clear => Tls::None,
            Way::StartTls => Tls::Required(parameters()),
            Way::Implicit => Tls::Wrapper(parameters()),
        };
        SmtpTransport::builder_dangerous(self.address.ip().to_string())
            .port(self.address.port())
            .timeout(Some(patience))
            .tls(tls)
    }

    /// Sends a short message and gives the code of the last reply.
    fn send(&self, to: &[&str]) -> Result<u16, Error> {
        send(self.transport(Way::Clear, PATIENCE), to)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop());
        }
    }
}

fn parameters() -> TlsParameters {
    let root = Certificate::from_pem(tls::own().chain.as_bytes()).unwrap();
    let parameters = TlsParameters::builder("mx.test".to_owned());
    parameters.certificate_store(CertificateStore::None).add_root_certificate(root).build().unwrap()
}

fn send(transport: SmtpTransportBuilder, to: &[&str]) -> Result<u16, Error> {
    let from = "ann@example.org".parse().unwrap();
    let to = to.iter().map(|one| format!("{one}@local.test").parse().unwrap()).collect();
    let envelope = Envelope::new(Some(from), to).unwrap();
    let content = format!("Subject: x\r\n\r\n{}\r\n", "Hello. ".repeat(500));
    transport.build().send_raw(&envelope, content.as_bytes()).map(|response| response.code().into())
}

/// The code that lettre failed with.
fn code(sent: Result<u16, Error>) -> u16 {
    sent.unwrap_or_else(|error| {
        error.status().map(u16::from).unwrap_or_else(|| panic!("{error:?}"))
    })
}

/// What happened to the socket, if lettre says so.
fn io_error(error: &Error) -> Option<ErrorKind> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<IoError>().map(IoError::kind)
}

/// lettre does not call all of them so.
fn is_timeout(error: &Error) -> bool {
    error.is_timeout() || format!("{error:?}").contains("WouldBlock")
}

#[test]
fn a_code_at_each_command() {
    for (rule, way, expected) in [
        ("connect reply=\"421 4.3.2 busy\"", Way::Clear, 421),
        ("connect reply=\"554 5.3.2 no\"", Way::Clear, 554),
        ("connect reply=\"421 4.3.2 busy\"", Way::Implicit, 421),
        ("hello reply=\"550 5.7.1 no\"", Way::Clear, 550),
        ("hello nth=2 reply=\"550 5.7.1 no\"", Way::StartTls, 550),
        ("starttls reply=\"454 4.7.0 later\"", Way::StartTls, 454),
        ("auth reply=\"535 5.7.8 wrong\"", Way::StartTls, 535),
        ("mail reply=\"451 4.7.1 later\"", Way::StartTls, 451),
        ("rcpt reply=\"550 5.1.1 unknown\"", Way::Clear, 550),
        ("data reply=\"452 4.3.1 full\"", Way::Implicit, 452),
        ("end-of-data reply=\"554 5.6.0 bad\"", Way::Clear, 554),
        ("any reply=\"421 4.3.2 down\"", Way::Clear, 421),
    ] {
        let site = Site::start(&[rule], way);
        let credentials = Credentials::new("kim".to_owned(), "secret".to_owned());
        let transport = site.transport(way, PATIENCE).credentials(credentials);
        assert_eq!(code(send(transport, &["kim"])), expected, "{rule}");
        assert!(!site.delivery.log().iter().any(|line| line.contains("Hello")), "{rule}");
        assert_eq!(hits(&site.faults), [1], "{rule}");
    }
}

#[test]
fn without_a_rule_that_fits_nothing_is_different() {
    for way in [Way::Clear, Way::StartTls, Way::Implicit] {
        let site = Site::start(&["rcpt to=lee@local.test reset", "mail nth=9 close"], way);
        assert_eq!(code(send(site.transport(way, PATIENCE), &["kim"])), 250);
        assert_eq!(site.delivery.log().len(), 1);
    }
}

#[test]
fn the_end_of_a_connection() {
    for point in ["connect", "hello", "mail", "rcpt", "data", "end-of-data"] {
        for fault in ["close", "half-close", "reset", "truncate=5", "garbage=\"no reply\\r\\n\""] {
            let site = Site::start(&[&format!("{point} {fault}")], Way::Clear);
            let error = site.send(&["kim"]).unwrap_err();
            assert_eq!(error.status(), None, "{point} {fault}: {error:?}");
            assert!(!is_timeout(&error), "{point} {fault}: {error:?}");
            if fault == "reset" {
                assert_eq!(
                    io_error(&error),
                    Some(ErrorKind::ConnectionReset),
                    "{point}: {error:?}"
                );
            }
            assert!(
                !site.delivery.log().iter().any(|line| line.contains("Hello")),
                "{point} {fault}"
            );
            assert_eq!(hits(&site.faults), [1], "{point} {fault}");
        }
    }
}

#[test]
fn the_end_of_a_connection_under_tls() {
    for way in [Way::StartTls, Way::Implicit] {
        for fault in ["close", "half-close", "reset", "truncate=5", "garbage=\"no reply\\r\\n\""] {
            let site = Site::start(&[&format!("end-of-data {fault}")], way);
            let error = send(site.transport(way, PATIENCE), &["kim"]).unwrap_err();
            assert_eq!(error.status(), None, "{way:?} {fault}: {error:?}");
            if fault == "reset" {
                assert_eq!(io_error(&error), Some(ErrorKind::ConnectionReset), "{error:?}");
            }
            assert!(!site.delivery.log().iter().any(|line| line.contains("Hello")), "{fault}");
            assert_eq!(hits(&site.faults), [1], "{fault}");
        }
    }
}

#[test]
fn the_end_of_a_connection_in_the_body() {
    for fault in ["close", "half-close", "reset"] {
        for after in [0, 1000] {
            let site = Site::start(&[&format!("content after={after} {fault}")], Way::Clear);
            let error = site.send(&["kim"]).unwrap_err();
            assert_eq!(error.status(), None, "{fault}: {error:?}");
            assert!(!site.delivery.log().iter().any(|line| line.contains("Hello")), "{fault}");
            assert_eq!(hits(&site.faults), [1], "{fault}");
        }
    }
}

#[test]
fn a_server_that_is_too_slow() {
    for rule in [
        "connect delay=1m",
        "hello delay=1m",
        "rcpt delay=1m",
        "end-of-data delay=1m",
        "content after=1000 stall=1m",
        "content throttle=10",
        "tls-handshake delay=1m",
    ] {
        let way = if rule.starts_with("tls") { Way::StartTls } else { Way::Clear };
        // On a machine that is slower still, lettre gives up before the rule is met.
        let longer = std::iter::successors(Some(IMPATIENCE), |patience| Some(*patience * 2));
        let is_met = longer.take_while(|patience| *patience < PATIENCE).any(|patience| {
            let site = Site::start(&[rule], way);
            let error = send(site.transport(way, patience), &["kim"]).unwrap_err();
            assert!(is_timeout(&error), "{rule}: {error:?}");
            let told = site.setup.events.starting_with("FinalReplyWritten");
            assert!(told.iter().all(|event| event.contains(" false ")), "{rule}: {told:?}");
            hits(&site.faults) == [1]
        });
        assert!(is_met, "{rule}");
    }
}

#[test]
fn a_server_that_is_slow_and_in_time() {
    for rule in
        ["rcpt delay=5ms", "rcpt throttle=1000", "content stall=5ms", "content throttle=100000"]
    {
        let site = Site::start(&[rule], Way::Clear);
        assert_eq!(code(site.send(&["kim"])), 250, "{rule}");
        assert_eq!(site.delivery.log().len(), 1);
        assert_eq!(hits(&site.faults), [1]);
    }
}

#[test]
fn a_handshake_that_fails() {
    for way in [Way::StartTls, Way::Implicit] {
        for fault in ["fail", "close", "half-close", "reset", "garbage=\"220 hello\\r\\n\""] {
            let site = Site::start(&[&format!("tls-handshake times=1 {fault}")], way);
            let error = send(site.transport(way, PATIENCE), &["kim"]).unwrap_err();
            assert_eq!(error.status(), None, "{way:?} {fault}: {error:?}");
            if fault == "fail" {
                assert!(format!("{error:?}").contains("HandshakeFailure"), "{way:?}: {error:?}");
            }
            assert_eq!(code(send(site.transport(way, PATIENCE), &["kim"])), 250, "{way:?} {fault}");
            assert_eq!(site.setup.events.starting_with("TlsFailed").len(), 1, "{way:?} {fault}");
            assert_eq!(hits(&site.faults), [1]);
        }
    }
}

#[test]
fn the_nth_of_a_recipient_on_a_connection() {
    for (rule, expected) in [
        ("mail times=2 reply=\"451 4.7.1 later\"", [451, 451, 250, 250]),
        ("mail nth=2 reply=\"451 4.7.1 later\"", [250, 451, 250, 250]),
        ("mail nth=2 times=2 reply=\"451 4.7.1 later\"", [250, 451, 451, 250]),
        ("rcpt to=Kim@local.test reply=\"451 4.7.1 later\"", [451, 250, 451, 250]),
        ("rcpt to=kim@local.test nth=2 reply=\"451 4.7.1 later\"", [250, 250, 451, 250]),
        ("end-of-data to=kim@local.test times=1 reply=\"451 4.7.1 later\"", [451, 250, 250, 250]),
        ("rcpt connection=2 reply=\"451 4.7.1 later\"", [250, 451, 250, 250]),
        ("data connection=3 to=kim@local.test reply=\"451 4.7.1 later\"", [250, 250, 451, 250]),
        ("data connection=4 to=kim@local.test reply=\"451 4.7.1 later\"", [250; 4]),
    ] {
        let site = Site::start(&[rule], Way::Clear);
        let seen = ["kim", "lee", "kim", "lee"].map(|to| code(site.send(&[to])));
        assert_eq!(seen, expected, "{rule}");
        let failed = seen.iter().filter(|code| **code != 250).count() as u64;
        assert_eq!(hits(&site.faults), [failed]);
    }
}

#[test]
fn the_first_rule_that_fits_happens() {
    let rules = [
        "rcpt nth=2 reply=\"450 4.2.0 x\"",
        "rcpt reply=\"451 4.3.0 x\"",
        "any times=1 reply=\"452 4.3.1 x\"",
    ];
    let site = Site::start(&rules, Way::Clear);
    let seen = ["kim", "kim", "kim", "kim"].map(|to| code(site.send(&[to])));
    assert_eq!(seen, [452, 451, 450, 451]);
    assert_eq!(hits(&site.faults), [1, 2, 1]);
}

#[test]
fn an_address_asks() {
    for (to, expected) in [
        ("reject-550", Some(550)),
        ("Reject-550-5.1.1+tag", Some(550)),
        ("reject-data-554", Some(554)),
        ("defer-451", Some(451)),
        ("defer-data-452-4.2.2", Some(452)),
        ("delay-5ms", Some(250)),
        ("delay-data-5ms", Some(250)),
        ("throttle-1000", Some(250)),
        ("stall-5ms", Some(250)),
        ("kim", Some(250)),
        ("close", None),
        ("half-close-data", None),
        ("reset", None),
        ("garbage", None),
        ("truncate-data-7", None),
    ] {
        let (mut setup, _, delivery) = setup(&[]);
        setup.faults = Faults::by_address();
        let site = Site::run(setup, Faults::default(), delivery);
        match (site.send(&[to]), expected) {
            (Ok(code), Some(expected)) => assert_eq!(code, expected, "{to}"),
            (Err(error), _) => {
                assert_eq!(error.status().map(u16::from), expected, "{to}: {error:?}");
            }
            (Ok(code), None) => panic!("{to}: {code}"),
        }
        let arrived = site.delivery.log().iter().any(|line| line.contains("Hello"));
        assert_eq!(arrived, expected == Some(250), "{to}");
        if expected != Some(250) && !to.contains("data") {
            let site = Site::run(site.setup.clone(), Faults::default(), Scripted::default());
            assert!(site.send(&["kim", to]).is_err(), "{to}");
        }
    }
}

#[test]
fn a_seed_decides_once_and_for_all() {
    let run = |seed| {
        let faults = Faults::seeded(seed);
        faults.add(Rule::at(On::Rcpt).with_probability(0.5).answer("451 4.2.1 later"));
        let (mut setup, _, delivery) = setup(&[]);
        setup.faults = faults.clone();
        let site = Site::run(setup, faults, delivery);
        (0..32).map(|_| code(site.send(&["kim"]))).collect::<Vec<_>>()
    };
    let first = run(7);
    assert_eq!(first, run(7));
    assert_ne!(first, run(8));
    let failed = first.iter().filter(|code| **code == 451).count();
    assert!((8..=24).contains(&failed), "{first:?}");
}
