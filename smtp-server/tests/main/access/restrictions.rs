//! Lists of restrictions, row by row: what a word does, in Postfix's codes and texts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use smtp_server::access::{RestrictionParameters, Restrictions};
use smtp_server::proto::{ClientName, Domain, ForwardPath, RcptParams, ReversePath};
use smtp_server::relay::{LocalDomains, Networks, RelayDomains, RelayParameters};
use smtp_server::{
    AccessControl, ConfigError, Envelope, Hello, Identity, Note, Peer, Recipient, RecipientClass,
    Service, SessionInfo, Stage, StageKind, UnixMillis, Verdict,
};

use crate::support::dns::{NameServer, Zone};

/// What a client does; `""` stands for what everybody does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Does {
    pub(super) client: &'static str,
    /// Its name in the DNS.
    pub(super) name: &'static str,
    login: &'static str,
    pub(super) hello: &'static str,
    /// `-` for what everybody does.
    pub(super) from: &'static str,
    /// One or more.
    pub(super) to: &'static str,
}

pub(super) const NOTHING: Does =
    Does { client: "", name: "", login: "", hello: "", from: "-", to: "" };

const fn client(client: &'static str) -> Does {
    Does { client, ..NOTHING }
}

const fn hello(hello: &'static str) -> Does {
    Does { hello, ..NOTHING }
}

const fn from(from: &'static str) -> Does {
    Does { from, ..NOTHING }
}

const fn to(to: &'static str) -> Does {
    Does { to, ..NOTHING }
}

const fn login(login: &'static str, from: &'static str) -> Does {
    Does { login, from, ..NOTHING }
}

/// A list's stage, its words, what a client does, and the reply.
pub(super) type Row = (StageKind, &'static str, Does, &'static str);

const DEFERRED: &str =
    "450 4.7.0 <nobody@local.test>: Recipient address rejected: defer_if_permit requested";

pub(super) const MYNETWORKS: &str = "10.7.0.0/16";
const OWNERS: [(&str, &str); 2] = [("kim@local.test", "kim"), ("lee@local.test", "lee")];

use StageKind::{Client, Data, Hello as Helo, Recipient as Rcpt, Sender};

/// Rows that need no DNS: a real Postfix is asked for the same.
pub(super) const ROWS: &[Row] = &[
    // Permitting ends the list, whoever is refused behind it.
    (Client, "permit, reject", NOTHING, "ok"),
    (Client, "permit_mynetworks, reject", client("10.7.1.1"), "ok"),
    (
        Client,
        "permit_mynetworks, reject",
        client("10.8.1.1"),
        "554 5.7.1 <unknown[10.8.1.1]>: Client host rejected: Access denied",
    ),
    (
        Client,
        "permit_sasl_authenticated, reject",
        NOTHING,
        "554 5.7.1 <unknown[203.0.113.9]>: Client host rejected: Access denied",
    ),
    (Client, "permit_tls_clientcerts, permit_tls_all_clientcerts", NOTHING, "ok"),
    (Helo, "reject", NOTHING, "554 5.7.1 <client.example>: Helo command rejected: Access denied"),
    (
        Sender,
        "reject",
        NOTHING,
        "554 5.7.1 <ann@example.net>: Sender address rejected: Access denied",
    ),
    (Sender, "reject", from(""), "554 5.7.1 <>: Sender address rejected: Access denied"),
    (
        Rcpt,
        "reject",
        NOTHING,
        "554 5.7.1 <nobody@local.test>: Recipient address rejected: Access denied",
    ),
    (Data, "reject", NOTHING, "554 5.7.1 <DATA>: Data command rejected: Access denied"),
    (
        Rcpt,
        "defer",
        NOTHING,
        "450 4.3.2 <nobody@local.test>: Recipient address rejected: Try again later",
    ),
    (Rcpt, "warn_if_reject reject, permit", NOTHING, "ok"),
    // A deferral that waits for the others.
    (Rcpt, "defer_if_permit, permit", NOTHING, DEFERRED),
    (Rcpt, "defer_if_permit", NOTHING, DEFERRED),
    (
        Rcpt,
        "defer_if_permit, reject",
        NOTHING,
        "554 5.7.1 <nobody@local.test>: Recipient address rejected: Access denied",
    ),
    (Rcpt, "defer_if_permit, defer_if_reject, reject", NOTHING, DEFERRED),
    (
        Rcpt,
        "defer_if_reject, reject",
        NOTHING,
        "450 4.7.0 <nobody@local.test>: Recipient address rejected: defer_if_reject requested",
    ),
    (Rcpt, "defer_if_reject, warn_if_reject reject, permit", NOTHING, "ok"),
    (
        Rcpt,
        "defer_if_reject, defer",
        NOTHING,
        "450 4.3.2 <nobody@local.test>: Recipient address rejected: Try again later",
    ),
    (Rcpt, "warn_if_reject defer_if_permit", NOTHING, "ok"),
    (
        Data,
        "defer_if_permit",
        NOTHING,
        "450 4.7.0 <DATA>: Data command rejected: defer_if_permit requested",
    ),
    (
        Rcpt,
        "check_client_access inline:{ {203 = DEFER_IF_REJECT}, {10 = REJECT} } reject",
        NOTHING,
        "450 4.7.1 <unknown[203.0.113.9]>: Client host rejected: Service unavailable",
    ),
    (
        Rcpt,
        "check_recipient_access inline:{ {nobody@ = defer_if_permit 4.1.7 Later} } permit",
        NOTHING,
        "450 4.1.3 <nobody@local.test>: Recipient address rejected: Later",
    ),
    (Rcpt, "permit_auth_destination, reject", NOTHING, "ok"),
    (Rcpt, "permit_auth_destination, reject", to("kim@relay.test"), "ok"),
    (Rcpt, "reject_unauth_destination", NOTHING, "ok"),
    (Rcpt, "reject_unlisted_recipient, reject_unauth_pipelining", NOTHING, "ok"),
    // Tables.
    (
        Client,
        "check_client_access inline:{ {10.8 = REJECT Not you} }",
        client("10.8.1.1"),
        "554 5.7.1 <unknown[10.8.1.1]>: Client host rejected: Not you",
    ),
    (
        Client,
        "check_client_access inline:{ {10.8.1 = OK}, {10.8 = REJECT} } reject",
        client("10.8.1.1"),
        "ok",
    ),
    (
        Rcpt,
        "check_client_access cidr:{ {10.8.0.0/16 450 4.7.9 Wait} }",
        client("10.8.1.1"),
        "450 4.7.9 <unknown[10.8.1.1]>: Client host rejected: Wait",
    ),
    (
        Rcpt,
        "check_helo_access inline:{ {example = REJECT} }",
        NOTHING,
        "554 5.7.1 <client.example>: Helo command rejected: Access denied",
    ),
    (
        Rcpt,
        "check_sender_access inline:{ {example.net = REJECT} }",
        NOTHING,
        "554 5.7.1 <ann@example.net>: Sender address rejected: Access denied",
    ),
    (Rcpt, "check_sender_access inline:{ {example.net = DUNNO} } permit", NOTHING, "ok"),
    (
        Rcpt,
        "check_recipient_access inline:{ {nobody@ = 550 5.1.1 Gone} }",
        NOTHING,
        "550 5.1.1 <nobody@local.test>: Recipient address rejected: Gone",
    ),
    (
        Rcpt,
        "check_recipient_access static:DEFER",
        NOTHING,
        "450 4.7.1 <nobody@local.test>: Recipient address rejected: Access denied",
    ),
    (
        Client,
        "check_client_access inline:{ {name.test = REJECT} }",
        Does { name: "mail.name.test", client: "10.8.1.1", ..NOTHING },
        "554 5.7.1 <mail.name.test[10.8.1.1]>: Client host rejected: Access denied",
    ),
    // HELO.
    (
        Helo,
        "reject_invalid_helo_hostname",
        hello("a..b"),
        "501 5.5.2 <a..b>: Helo command rejected: Invalid name",
    ),
    (Helo, "reject_invalid_helo_hostname", hello("a_b"), "ok"),
    (Helo, "reject_invalid_helo_hostname", hello("[192.0.2.1]"), "ok"),
    (
        Helo,
        "reject_invalid_helo_hostname",
        hello("[192.0.2.999]"),
        "501 5.5.2 <[192.0.2.999]>: Helo command rejected: invalid ip address",
    ),
    (
        Helo,
        "reject_non_fqdn_helo_hostname",
        hello("a"),
        "504 5.5.2 <a>: Helo command rejected: need fully-qualified hostname",
    ),
    (Helo, "reject_non_fqdn_helo_hostname", hello("[192.0.2.1]"), "ok"),
    (Helo, "permit_mynetworks, reject", client("10.7.1.1"), "ok"),
    // Addresses.
    (
        Sender,
        "reject_non_fqdn_sender",
        from("ann@host"),
        "504 5.5.2 <ann@host>: Sender address rejected: need fully-qualified address",
    ),
    (Sender, "reject_non_fqdn_sender", from(""), "ok"),
    (Sender, "reject_non_fqdn_sender", from("ann@[192.0.2.1]"), "ok"),
    (Rcpt, "reject_non_fqdn_recipient", NOTHING, "ok"),
    (
        Rcpt,
        "reject_non_fqdn_recipient",
        to("kim@short"),
        "504 5.5.2 <kim@short>: Recipient address rejected: need fully-qualified address",
    ),
    // The rest.
    (
        Data,
        "reject_multi_recipient_bounce",
        Does { from: "", to: "kim@local.test lee@local.test", ..NOTHING },
        "550 5.5.3 <DATA>: Data command rejected: Multi-recipient bounce",
    ),
    (Data, "reject_multi_recipient_bounce", from(""), "ok"),
    (Client, "reject_plaintext_session", NOTHING, "450 4.7.1 Session encryption is required"),
    (
        Client,
        "reject_unknown_client_hostname",
        NOTHING,
        "450 4.7.25 Client host rejected: cannot find your hostname, [203.0.113.9]",
    ),
    (Client, "reject_unknown_client_hostname", Does { name: "mail.name.test", ..NOTHING }, "ok"),
    (
        Client,
        "reject_unknown_reverse_client_hostname",
        NOTHING,
        "450 4.7.1 Client host rejected: cannot find your reverse hostname, [203.0.113.9]",
    ),
];

/// Rows about logins, for which Postfix would need a SASL service.
const LOGIN_ROWS: &[Row] = &[
    (Client, "permit_sasl_authenticated, reject", login("kim", "-"), "ok"),
    (
        Sender,
        "reject_sender_login_mismatch",
        from("kim@local.test"),
        "553 5.7.1 <kim@local.test>: Sender address rejected: not logged in",
    ),
    (
        Sender,
        "reject_sender_login_mismatch",
        login("lee", "kim@local.test"),
        "553 5.7.1 <kim@local.test>: Sender address rejected: not owned by user lee",
    ),
    (Sender, "reject_sender_login_mismatch", login("kim", "kim@local.test"), "ok"),
    (Sender, "reject_sender_login_mismatch", NOTHING, "ok"),
    (
        Sender,
        "reject_authenticated_sender_login_mismatch",
        login("lee", "ann@example.net"),
        "553 5.7.1 <ann@example.net>: Sender address rejected: not owned by user lee",
    ),
    (Sender, "reject_authenticated_sender_login_mismatch", from("kim@local.test"), "ok"),
    (Sender, "reject_known_sender_login_mismatch", login("lee", "ann@example.net"), "ok"),
    (
        Sender,
        "reject_known_sender_login_mismatch",
        login("lee", "kim@local.test"),
        "553 5.7.1 <kim@local.test>: Sender address rejected: not owned by user lee",
    ),
    (
        Sender,
        "reject_unauthenticated_sender_login_mismatch",
        from("kim@local.test"),
        "553 5.7.1 <kim@local.test>: Sender address rejected: not logged in",
    ),
    (Sender, "reject_unauthenticated_sender_login_mismatch", login("lee", "kim@local.test"), "ok"),
];

/// Rows that need the zone below.
const DNS_ROWS: &[Row] = &[
    (
        Client,
        "reject_rbl_client bl.test",
        client("192.0.2.66"),
        "554 5.7.1 Service unavailable; Client host [192.0.2.66] blocked using bl.test; Spam",
    ),
    (Client, "reject_rbl_client bl.test=127.0.0.3", client("192.0.2.66"), "ok"),
    (Client, "reject_rbl_client bl.test", NOTHING, "ok"),
    (Client, "permit_dnswl_client bl.test, reject", client("192.0.2.66"), "ok"),
    (
        Sender,
        "reject_rhsbl_sender bl.test",
        from("ann@bad.test"),
        "554 5.7.1 Service unavailable; Sender address [ann@bad.test] blocked using bl.test",
    ),
    (
        Rcpt,
        "reject_rhsbl_helo bl.test",
        hello("bad.test"),
        "554 5.7.1 Service unavailable; Helo command [bad.test] blocked using bl.test",
    ),
    (
        Rcpt,
        "reject_rhsbl_recipient bl.test",
        to("kim@bad.test"),
        "554 5.7.1 Service unavailable; Recipient address [kim@bad.test] blocked using bl.test",
    ),
    (
        Client,
        "reject_rhsbl_reverse_client bl.test",
        client("192.0.2.77"),
        "554 5.7.1 Service unavailable; Unverified Client host [bad.test] blocked using bl.test",
    ),
    (Client, "reject_rhsbl_client bl.test", client("192.0.2.77"), "ok"),
    (
        Client,
        "reject_rhsbl_client bl.test",
        Does { name: "bad.test", ..NOTHING },
        "554 5.7.1 Service unavailable; Client host [bad.test] blocked using bl.test",
    ),
    (Client, "reject_unknown_reverse_client_hostname", client("192.0.2.77"), "ok"),
    (
        Client,
        "reject_unknown_client_hostname",
        client("192.0.2.77"),
        "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.77]",
    ),
    (Client, "reject_unknown_client_hostname", client("192.0.2.88"), "ok"),
    (
        Client,
        "check_client_access inline:{ {good.test = REJECT} }",
        client("192.0.2.88"),
        "554 5.7.1 <good.test[192.0.2.88]>: Client host rejected: Access denied",
    ),
    (
        Helo,
        "reject_unknown_helo_hostname",
        hello("no.test"),
        "450 4.7.1 <no.test>: Helo command rejected: Host not found",
    ),
    (Helo, "reject_unknown_helo_hostname", hello("good.test"), "ok"),
    (
        Sender,
        "reject_unknown_sender_domain",
        from("ann@no.test"),
        "450 4.1.8 <ann@no.test>: Sender address rejected: Domain not found",
    ),
    (Sender, "reject_unknown_sender_domain", from("ann@good.test"), "ok"),
    (Sender, "reject_unknown_sender_domain", from("ann@local.test"), "ok"),
    (
        Sender,
        "reject_unknown_sender_domain",
        from("ann@null.test"),
        "550 5.7.27 <ann@null.test>: Sender address rejected: Domain null.test does not accept \
         mail (nullMX)",
    ),
    (
        Rcpt,
        "reject_unknown_recipient_domain",
        to("kim@no.test"),
        "450 4.1.2 <kim@no.test>: Recipient address rejected: Domain not found",
    ),
    (
        Rcpt,
        "reject_unknown_recipient_domain",
        to("kim@null.test"),
        "556 5.1.10 <kim@null.test>: Recipient address rejected: Domain null.test does not accept \
         mail (nullMX)",
    ),
];

fn zone() -> Zone {
    Zone::default()
        .address("66.2.0.192.bl.test", "127.0.0.2")
        .text("66.2.0.192.bl.test", &["Spam"])
        .address("bad.test.bl.test", "127.0.0.2")
        .pointer("192.0.2.77", "bad.test")
        .pointer("192.0.2.88", "good.test")
        .address("good.test", "192.0.2.88")
        .exchange("null.test", 0, ".")
}

fn parameters(server: &NameServer) -> RestrictionParameters {
    let owners = OWNERS.map(|(address, login)| (address.to_owned(), vec![login.to_owned()]));
    RestrictionParameters {
        relay: RelayParameters {
            local_domains: LocalDomains::new(["local.test", "short"]).unwrap(),
            relay_domains: RelayDomains::new(["relay.test"]).unwrap(),
            networks: Networks::new([MYNETWORKS]).unwrap(),
            ..RelayParameters::default()
        },
        dns: Some(server.dns()),
        sender_owners: Some(Arc::new(HashMap::from(owners))),
        recipient_delimiter: "+".to_owned(),
    }
}

fn info(does: Does) -> SessionInfo {
    let ip: IpAddr =
        if does.client.is_empty() { "203.0.113.9" } else { does.client }.parse().unwrap();
    let peer = Peer::new((ip, 1024).into(), "198.51.100.25:25".parse().unwrap());
    let mut info = SessionInfo::new("mx.test", Service::Smtp, peer);
    info.reverse_name = Domain::parse(does.name).ok().map(Domain::into_owned);
    let name = if does.hello.is_empty() { "client.example" } else { does.hello };
    info.hello = Some(Hello { name: ClientName::new(name).unwrap().into_owned(), extended: true });
    info.identity = (!does.login.is_empty()).then(|| Identity::new(does.login));
    info
}

async fn verdict(access: &Restrictions, stage: StageKind, does: Does) -> Verdict {
    let info = info(does);
    let now = UnixMillis(0);
    let from = if does.from == "-" { "ann@example.net" } else { does.from };
    let from = ReversePath::parse(&format!("<{from}>")).unwrap().into_owned();
    let mut envelope = Envelope::new(from, now);
    let to = if does.to.is_empty() { "nobody@local.test" } else { does.to };
    let paths =
        to.split(' ').map(|to| ForwardPath::parse(&format!("<{to}>")).unwrap().into_owned());
    let paths: Vec<_> = paths.collect();
    let stage = match stage {
        Client => Stage::Client { now },
        Helo => Stage::Hello { now, hello: info.hello.as_ref().unwrap() },
        Sender => Stage::Sender { now, envelope: &envelope },
        Rcpt => Stage::Recipient { now, to: &paths[0], envelope: &envelope },
        _ => {
            let recipient = |path: &ForwardPath<'static>| Recipient {
                path: path.clone(),
                params: RcptParams::default(),
                class: RecipientClass::Local,
            };
            envelope.recipients = paths.iter().map(recipient).collect();
            Stage::Data { now, envelope: &envelope }
        }
    };
    access.check(stage, &info).await
}

async fn answer(access: &Restrictions, stage: StageKind, does: Does) -> String {
    match verdict(access, stage, does).await {
        Verdict::Reject(rejection) => super::refusal_line(&rejection),
        // No other list refuses.
        Verdict::AcceptWith(effects) => {
            effects.deferral.map_or("ok".to_owned(), |deferral| super::refusal_line(&deferral))
        }
        Verdict::Accept => "ok".to_owned(),
    }
}

#[tokio::test]
async fn each_word_answers_as_postfix_does() {
    let server = NameServer::start(zone()).await;
    let parameters = parameters(&server);
    let mut differences = Vec::new();
    for (stage, list, does, expected) in ROWS.iter().chain(LOGIN_ROWS).chain(DNS_ROWS) {
        let access = Restrictions::new(parameters.clone()).with(*stage, list).unwrap();
        let got = answer(&access, *stage, *does).await;
        if got != *expected {
            differences.push(format!("{stage:?} {list} {does:?}: {got:?}, not {expected:?}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[tokio::test]
async fn a_list_ends_alone_and_a_warning_refuses_nobody() {
    let server = NameServer::start(zone()).await;
    let access = Restrictions::new(parameters(&server))
        .with(Client, "permit")
        .and_then(|access| access.with(Rcpt, "warn_if_reject reject, permit"))
        .and_then(|access| access.with(Sender, "reject"))
        .unwrap();
    assert_eq!(answer(&access, Client, NOTHING).await, "ok");
    assert!(answer(&access, Sender, NOTHING).await.starts_with("554 5.7.1 "));
    let Verdict::AcceptWith(effects) = verdict(&access, Rcpt, NOTHING).await else { panic!("ok") };
    let Note::Warning(warning) = &effects.notes[0] else { panic!("a warning") };
    assert!(warning.starts_with("warn_if_reject reject: 554 5.7.1 "), "{warning}");
    assert!(!access.checks(Helo) && access.checks(Client));
}

/// A DNS that does not answer decides nothing: who is refused otherwise stays refused, who is permitted tries again. A
/// list of whom to refuse is left out, and without one of whom to permit nobody is refused for good.
#[tokio::test]
async fn a_dns_that_fails_defers() {
    let server = NameServer::start(Zone::default().failing("*.test").failing("test")).await;
    let parameters = parameters(&server);
    for (stage, list, does, expected) in [
        (Sender, "reject_rhsbl_sender bl.test", from("ann@good.test"), "ok"),
        (
            Sender,
            "reject_unknown_sender_domain, permit",
            from("ann@good.test"),
            "450 4.1.8 <ann@good.test>: Sender address rejected: Domain not found",
        ),
        (
            Sender,
            "reject_unknown_sender_domain, reject",
            from("ann@good.test"),
            "554 5.7.1 <ann@good.test>: Sender address rejected: Access denied",
        ),
        (
            Rcpt,
            "reject_unknown_recipient_domain",
            to("kim@good.test"),
            "450 4.1.2 <kim@good.test>: Recipient address rejected: Domain not found",
        ),
        (
            Helo,
            "reject_unknown_helo_hostname, reject_rhsbl_helo bl.test",
            hello("good.test"),
            "450 4.7.1 <good.test>: Helo command rejected: Host not found",
        ),
        (
            Helo,
            "reject_unknown_helo_hostname, check_helo_access inline:{ {good.test = REJECT} }",
            hello("good.test"),
            "554 5.7.1 <good.test>: Helo command rejected: Access denied",
        ),
        (Client, "permit_dnswl_client bl.test", NOTHING, "ok"),
        (
            Client,
            "permit_dnswl_client bl.test, reject",
            NOTHING,
            "450 4.7.1 <203.0.113.9>: Client host rejected: Service unavailable",
        ),
    ] {
        let access = Restrictions::new(parameters.clone()).with(stage, list).unwrap();
        assert_eq!(answer(&access, stage, does).await, expected, "{list}");
    }
}

#[test]
fn what_no_list_may_have_is_an_error() {
    let mistakes = [
        (Rcpt, "permit_everybody", "there is no such word; there are warn_if_reject, permit"),
        (Client, "check_sender_access static:OK", "known only at the lists for sender, recipient"),
        (Sender, "reject_unauth_destination", "is known only at"),
        (Data, "check_recipient_access static:OK", "known only at the list for the recipient"),
        (Rcpt, "reject_multi_recipient_bounce", "is known only at"),
        (Rcpt, "warn_if_reject", "the word that it is about follows it"),
        (Rcpt, "check_client_access", "a table, as TYPE:FILE follows it"),
        (Rcpt, "check_client_access hash:/etc/x", "hash:/etc/x:1:1: expected texthash:"),
        (Rcpt, "check_client_access inline:{ {a = NO} }", "{a = NO} }:1:15: expected OK, DUNNO"),
        (Rcpt, "check_client_access texthash:/nonexistent", "/nonexistent: "),
        (Rcpt, "check_policy_service localhost", "is not a policy service"),
        (Rcpt, "reject_rbl_client bl.test", "no name server is known"),
        (Sender, "reject_sender_login_mismatch", "it needs smtpd_sender_login_maps"),
        (Rcpt, "reject_unlisted_sender", "leave it out"),
        (Rcpt, "sleep 5", "leave it out"),
    ];
    for (stage, list, part) in mistakes {
        let error = Restrictions::new(RestrictionParameters::default()).with(stage, list);
        let error = error.map(|_| ()).unwrap_err();
        assert!(error.to_string().contains(part), "{list}: {error}");
        assert!(matches!(error, ConfigError::Restriction { .. } | ConfigError::Table(_)));
    }
}
