//! TLS levels.

use std::net::SocketAddr;
use std::sync::Arc;

use smtp_queue::transport::smtp::{Credentials, SmtpTransport, TlsLevel, TlsPolicy};
use smtp_queue::{Feedback, Job, NextHop, NextHost};
use smtp_server::delivery::Memory;
use smtp_server::proto::Verb;
use smtp_server::relay::LocalDomains;
use smtp_server::sasl::Passwords;
use smtp_server::{
    CredentialStore, Event, Identity, LookupError, Observer, ScramHash, ScramKeys, ScramParameters,
    Server, ServiceConfig, SessionInfo, TlsConfig, async_trait,
};

use tokio::sync::mpsc::UnboundedSender;
use zeroize::Zeroizing;

use super::certificates::Authority;
use super::mail::entry;
use super::peer::{HELLO, Peer, TAKEN, attempt, client, content, job, serve, server, short};

fn with_level(transport: SmtpTransport, level: TlsLevel) -> SmtpTransport {
    transport.tls_policy(TlsPolicy::new(level))
}

/// `d.test` by way of its exchanger `mx.host.test`.
fn by_exchanger(address: SocketAddr) -> NextHop {
    let host = NextHost { name: "mx.host.test".to_owned(), address: Some(address) };
    let (transport, site, destination) = ("smtp".into(), "site".into(), "d.test".into());
    NextHop { transport, site, destination, hosts: Arc::new([host]) }
}

async fn try_level(
    level: TlsLevel,
    believed: &Authority,
    tls: Option<TlsConfig>,
) -> (String, bool) {
    let inbox = Memory::default();
    let address = server(inbox.clone(), tls, ServiceConfig::smtp()).await;
    let transport = with_level(client().tls(believed.client()), level);
    let job = job(entry("<a@client.test>", &["<b@d.test>"]), by_exchanger(address));
    let (_, reports) = attempt(&transport, &job).await;
    let messages = inbox.take();
    let received = |field: &smtp_server::HeaderField| field.value().contains("ESMTPS");
    let in_tls = messages.iter().any(|message| message.fields.iter().any(received));
    (short(&reports[0]), in_tls)
}

// rows: 7817-3-a, 7817-3-b
#[tokio::test]
async fn levels_ask_for_as_much_as_they_say() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (in_clear, in_tls) = ((true, false), (true, true));
    let (refused, nothing) = ((false, true), (false, false));
    for (names, of_stranger, expected) in [
        // none, may, encrypt, verify, secure
        (&["mx.host.test"][..], false, [in_clear, in_tls, in_tls, in_tls, refused]),
        (&["d.test"], false, [in_clear, in_tls, in_tls, refused, in_tls]),
        (&["any.d.test"], false, [in_clear, in_tls, in_tls, refused, in_tls]),
        (&["*.d.test"], false, [in_clear, in_tls, in_tls, refused, in_tls]),
        (&["notd.test"], false, [in_clear, in_tls, in_tls, refused, refused]),
        (&["*.host.test"], false, [in_clear, in_tls, in_tls, in_tls, refused]),
        (&["*.mx.host.test"], false, [in_clear, in_tls, in_tls, refused, refused]),
        (&["m*.host.test"], false, [in_clear, in_tls, in_tls, refused, refused]),
        (&["mx.host.test", "d.test"], true, [in_clear, in_tls, in_tls, refused, refused]),
        (&[], false, [in_clear, in_clear, nothing, nothing, nothing]),
    ] {
        let levels =
            [TlsLevel::None, TlsLevel::May, TlsLevel::Encrypt, TlsLevel::Verify, TlsLevel::Secure];
        for (level, expected) in levels.into_iter().zip(expected) {
            let issuer = if of_stranger { &stranger } else { &authority };
            let tls = (!names.is_empty()).then(|| issuer.server(names));
            let found = try_level(level, &authority, tls).await;
            let expected = match expected {
                (true, in_tls) => ("relayed 2.0.0".to_owned(), in_tls),
                (false, true) => ("deferred 4.7.5".to_owned(), false),
                (false, false) => ("deferred 4.7.4".to_owned(), false),
            };
            assert_eq!(found, expected, "{names:?} {level}");
        }
    }
}

#[tokio::test]
async fn l09_may_goes_on_in_clear_over_a_new_connection() {
    let offer = HELLO.replace("S: 250 PIPELINING", "S: 250-PIPELINING\nS: 250 STARTTLS");
    let broken = format!("{offer}C: STARTTLS\nS: 220 Go on\nR: this is no TLS");
    let injected = format!("{offer}C: STARTTLS\nR: 220 Go on\r\n250 injected\r\nH:");
    let injected =
        injected.replace("R: 220 Go on\r\n250 injected\r\n", "S: 220 Go on\nS: 250 injected\n");
    let in_clear = format!("{offer}{TAKEN}");
    for broken in [broken, injected] {
        let peer = Peer::start(&[&broken, &in_clear]).await;
        let job = job(entry("<a@client.test>", &["<b@d.test>"]), peer.next_hop());
        let (feedback, reports) = attempt(&with_level(client(), TlsLevel::May), &job).await;
        assert_eq!((feedback, short(&reports[0])), (Feedback::Reached, "relayed 2.0.0".to_owned()));
        assert_eq!(peer.connections(), 2);

        let peer = Peer::start(&[&broken, &in_clear]).await;
        let mut job = job.clone();
        job.next_hop = peer.next_hop();
        let (feedback, reports) = attempt(&with_level(client(), TlsLevel::Encrypt), &job).await;
        assert!(matches!(feedback, Feedback::Unreachable(_)));
        assert_eq!((short(&reports[0]), peer.connections()), ("deferred 4.7.5".to_owned(), 1));
    }
}

// rows: 8689-4.2.1-a, 8689-4.2.1-b
#[tokio::test]
async fn l07_requiretls_goes_to_a_host_that_can_or_nowhere() {
    let requires = entry("<a@client.test> REQUIRETLS", &["<b@d.test>"]);
    let report = entry("<> REQUIRETLS", &["<b@d.test>"]);
    let authority = Authority::new();
    let inbox = Memory::default();
    let good =
        server(inbox.clone(), Some(authority.server(&["d.test"])), ServiceConfig::smtp()).await;
    let other =
        server(inbox.clone(), Some(authority.server(&["mx.test"])), ServiceConfig::smtp()).await;
    let clear = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    let transport = client().tls(authority.client());
    for (addresses, expected) in [
        (vec![clear], "failed 5.7.10"),
        (vec![other], "failed 5.7.10"),
        // a `Memory` does not offer REQUIRETLS
        (vec![clear, good], "failed 5.7.30"),
    ] {
        let mut job = job(requires.clone(), by_exchanger(good));
        job.next_hop.hosts = addresses
            .iter()
            .map(|address| NextHost { name: "mx.test".to_owned(), address: Some(*address) })
            .collect();
        let (_, reports) = attempt(&transport, &job).await;
        assert_eq!(short(&reports[0]), expected);
        assert!(inbox.take().is_empty());
        job.entry = Arc::new(report.clone());
        let (_, reports) = attempt(&transport, &job).await;
        assert_eq!(short(&reports[0]), "relayed 2.0.0");
        assert_eq!(inbox.take().len(), 1);
    }
    let honouring =
        server(Requires(inbox.clone()), Some(authority.server(&["d.test"])), ServiceConfig::smtp())
            .await;
    let mut job = job(requires, by_exchanger(clear));
    job.next_hop.hosts = [clear, honouring]
        .map(|address| NextHost { name: "mx.test".to_owned(), address: Some(address) })
        .into_iter()
        .collect();
    let (_, reports) = attempt(&transport, &job).await;
    assert_eq!(short(&reports[0]), "relayed 2.0.0");
    assert!(inbox.take()[0].envelope.params.require_tls);
}

/// Tells which commands came in a session that ended.
struct Goodbyes(UnboundedSender<Vec<Option<Verb>>>);

impl Observer for Goodbyes {
    fn on_event(&self, event: &Event<'_>, _: &SessionInfo) {
        if let Event::Closed { commands, .. } = event {
            self.0.send(commands.iter().map(|(verb, _)| verb).collect()).unwrap();
        }
    }
}

// rows: 3207-4.1-a
#[tokio::test]
async fn where_the_certificate_is_not_good_enough_there_is_nothing_to_say_but_quit() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (issuer, names) in [(&stranger, ["d.test"]), (&authority, ["notd.test"])] {
        let (sender, mut goodbyes) = tokio::sync::mpsc::unbounded_channel();
        let server = Server::builder("mx.test")
            .relay_policy(LocalDomains::new(["d.test"]).unwrap())
            .delivery(Memory::default())
            .observer(Goodbyes(sender))
            .tls(issuer.server(&names))
            .build()
            .unwrap();
        let address = serve(server, ServiceConfig::smtp()).await;
        let transport = with_level(client().tls(authority.client()), TlsLevel::Secure);
        let job = job(entry("<a@client.test>", &["<b@d.test>"]), by_exchanger(address));
        let (_, reports) = attempt(&transport, &job).await;
        let status = reports[0].outcome.status();
        assert!(status.text.contains(" is not good: invalid peer certificate"), "{}", status.text);
        let commands = goodbyes.recv().await.unwrap();
        assert_eq!(commands, [Verb::Ehlo, Verb::StartTls, Verb::Quit].map(Some));
    }
}

// rows: 8689-3-a, 8689-4.1-b
#[tokio::test]
async fn who_waives_tls_gets_as_much_as_there_is_unless_the_envelope_requires_it() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let inbox = Memory::default();
    let transport = with_level(client().tls(authority.client()), TlsLevel::Secure);
    let (asked, waived) = ("Subject: x\r\n", "Subject: x\r\nTLS-Required: No\r\n");
    let (plain, requires) = ("<a@client.test>", "<a@client.test> REQUIRETLS");
    let unknown = || Some(stranger.server(&["d.test"]));
    for (tls, header, mail, expected, in_tls) in [
        (unknown(), asked, plain, "deferred 4.7.5", false),
        (None, asked, plain, "deferred 4.7.4", false),
        (unknown(), waived, plain, "relayed 2.0.0", true),
        (None, waived, plain, "relayed 2.0.0", false),
        (unknown(), waived, requires, "failed 5.7.10", false),
        (None, waived, requires, "failed 5.7.10", false),
    ] {
        let address = server(inbox.clone(), tls, ServiceConfig::smtp()).await;
        let mut job = job(entry(mail, &["<b@d.test>"]), by_exchanger(address));
        job.content = content(format!("{header}\r\nTLS-Required: No\r\n"));
        let (_, reports) = attempt(&transport, &job).await;
        assert_eq!(short(&reports[0]), expected, "{mail} {header}");
        let received = inbox.take();
        assert_eq!(received.len(), usize::from(expected.starts_with("relayed")));
        let fields = received.iter().flat_map(|message| &message.fields);
        assert_eq!(fields.filter(|field| field.value().contains("ESMTPS")).count() == 1, in_tls);
    }
    // A handshake that fails is no reason either.
    let offer = HELLO.replace("S: 250 PIPELINING", "S: 250-PIPELINING\nS: 250 STARTTLS");
    let broken = format!("{offer}C: STARTTLS\nS: 220 Go on\nR: this is no TLS");
    let peer = Peer::start(&[&broken, &format!("{offer}{TAKEN}")]).await;
    let mut job = job(entry(plain, &["<b@d.test>"]), peer.next_hop());
    job.content = content(format!("{waived}\r\n"));
    let (_, reports) = attempt(&transport, &job).await;
    assert_eq!((short(&reports[0]), peer.connections()), ("relayed 2.0.0".to_owned(), 2));
}

/// A delivery that says that it passes messages on over TLS.
struct Requires(Memory);

#[async_trait]
impl smtp_server::Delivery for Requires {
    fn capabilities(&self) -> smtp_server::Capabilities {
        let mut capabilities = self.0.capabilities();
        capabilities.require_tls = true;
        capabilities
    }

    async fn deliver(
        &self,
        envelope: smtp_server::Envelope,
        body: &mut smtp_server::Body<'_>,
        info: &SessionInfo,
    ) -> smtp_server::Delivered {
        self.0.deliver(envelope, body, info).await
    }
}

struct Users;

#[async_trait]
impl CredentialStore for Users {
    async fn verify(&self, user: &str, password: &str) -> Result<Option<Identity>, LookupError> {
        Ok((user == "kim" && password == "secret").then(|| Identity::new(user)))
    }

    fn scram_parameters(&self) -> Vec<ScramParameters> {
        let (hash, secret) = (ScramHash::Sha256, Zeroizing::new(vec![7; 32]));
        vec![ScramParameters { hash, iterations: 4096, salt_bytes: 16, secret }]
    }

    async fn scram_keys(&self, _: &str, hash: ScramHash) -> Result<Option<ScramKeys>, LookupError> {
        Ok(ScramKeys::derive(hash, "secret", 4096))
    }
}

/// A server for users, whose certificate is for `mx.test`.
async fn submission(authority: &Authority, inbox: Memory, service: ServiceConfig) -> SocketAddr {
    let server = Server::builder("mx.test")
        .relay_policy(smtp_server::relay::Authenticated)
        .delivery(inbox)
        .authenticator(Passwords::new(Users))
        .tls(authority.server(&["mx.test"]))
        .build();
    serve(server.unwrap(), service).await
}

fn to_submission(address: SocketAddr) -> Job {
    job(entry("<a@client.test>", &["<b@else.test>"]), NextHop::host("mx.test", address))
}

#[tokio::test]
async fn a_login_is_proven_to_our_own_server() {
    let authority = Authority::new();
    let address = submission(&authority, Memory::default(), ServiceConfig::submission()).await;
    let destination = format!("[mx.test]:{}", address.port());
    let job = to_submission(address);
    for (password, level, expected) in [
        ("secret", TlsLevel::Verify, "relayed 2.0.0"),
        ("secret", TlsLevel::Encrypt, "relayed 2.0.0"),
        ("wrong", TlsLevel::Verify, "deferred 4.7.8"),
        ("secret", TlsLevel::None, "failed 5.7.0"),
    ] {
        let credentials = Credentials::new("kim", password).unwrap();
        let transport = with_level(client().tls(authority.client()), level);
        let transport = transport.credentials(&destination, credentials);
        let (_, reports) = attempt(&transport, &job).await;
        assert_eq!(short(&reports[0]), expected, "{password} {level}: {reports:?}");
    }
}

/// RFC 8314 3.3.
#[tokio::test]
async fn implicit_tls_begins_before_anything_is_said_and_never_ends_in_clear() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let inbox = Memory::default();
    let users = submission(&authority, inbox.clone(), ServiceConfig::submissions()).await;
    let in_clear = server(inbox.clone(), None, ServiceConfig::smtp()).await;
    for (address, believed, level, expected) in [
        (users, &authority, TlsLevel::Verify, "relayed 2.0.0"),
        (users, &authority, TlsLevel::None, "relayed 2.0.0"),
        (users, &stranger, TlsLevel::Verify, "deferred 4.7.5"),
        (in_clear, &authority, TlsLevel::May, "deferred 4.7.5"),
        (in_clear, &authority, TlsLevel::None, "deferred 4.7.5"),
    ] {
        let destination = format!("[mx.test]:{}", address.port());
        let credentials = Credentials::new("kim", "secret").unwrap();
        let transport = with_level(client().tls(believed.client()), level).implicit_tls();
        let transport = transport.credentials(&destination, credentials);
        let (_, reports) = attempt(&transport, &to_submission(address)).await;
        assert_eq!(short(&reports[0]), expected, "{level}: {reports:?}");
    }
    let messages = inbox.take();
    let in_tls = |field: &smtp_server::HeaderField| field.value().contains("ESMTPSA");
    assert_eq!(messages.len(), 2);
    assert!(messages.iter().all(|message| message.fields.iter().any(in_tls)));
}
