//! What each relay policy grants, and to whom.

use smtp_server::proto::{ForwardPath, ReversePath};
use smtp_server::relay::{
    Authenticated, CertificateHolders, LocalDomains, Networks, RelayDomains, RelayParameters,
    RelayRestrictions,
};
use smtp_server::{
    ClientCertificate, ConfigError, Envelope, Identity, Peer, RelayDecision, RelayPolicy,
    RelayPolicyExt, Service, SessionInfo, TlsInfo, UnixMillis,
};

use crate::support::pure::block_on;

const SHA256: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A client at this address.
pub(super) fn client(address: &str) -> SessionInfo {
    let remote = (address.parse::<std::net::IpAddr>().unwrap(), 1024).into();
    let peer = Peer::new(remote, "198.51.100.25:25".parse().unwrap());
    SessionInfo::new("mx.test", Service::Smtp, peer)
}

fn outsider() -> SessionInfo {
    client("192.0.2.9")
}

fn user() -> SessionInfo {
    let mut info = outsider();
    info.identity = Some(Identity::new("kim"));
    info
}

fn holder(names: &[&str]) -> SessionInfo {
    let mut info = outsider();
    let mut tls = TlsInfo::new("TLSv1.3", "TLS_AES_256_GCM_SHA384", None);
    let dns_names = names.iter().map(|name| (*name).to_owned()).collect();
    let certificate =
        ClientCertificate { dns_names, sha256: SHA256.into(), der: Vec::new().into() };
    tls.client_certificate = Some(Box::new(certificate));
    info.tls = Some(tls);
    info
}

/// The decision in a word, with its reason or its reply.
pub(super) fn decided(policy: &impl RelayPolicy, to: &str, info: &SessionInfo) -> String {
    let path = ForwardPath::parse(to).unwrap().into_owned();
    let envelope = Envelope::new(ReversePath::Null, UnixMillis(0));
    match block_on(policy.decide(&path, &envelope, info)) {
        RelayDecision::Local => "local".into(),
        RelayDecision::Relay { because } => format!("relay: {because}"),
        RelayDecision::Deny => "deny".into(),
        RelayDecision::Defer(rejection) => rejection.reply().to_string(),
    }
}

const OUT: &str = "<v@ext.test>";

#[test]
fn the_first_network_that_a_client_lies_in_decides() {
    let list = ["10.1.2.3", "!10.1.0.0/16", "10.0.0.0/8", "![2001:db8::]/48", "2001:db8::/32"];
    let networks = Networks::new(list).unwrap();
    for (address, expected) in [
        ("10.0.0.1", "relay: client is in 10.0.0.0/8"),
        ("10.1.2.3", "relay: client is in 10.1.2.3/32"),
        ("10.1.2.4", "deny"),
        ("::ffff:10.1.2.4", "deny"),
        ("::ffff:10.0.0.1", "relay: client is in 10.0.0.0/8"),
        ("2001:db8::1", "deny"),
        ("2001:db8:1::1", "relay: client is in 2001:db8::/32"),
        ("192.0.2.9", "deny"),
    ] {
        assert_eq!(decided(&networks, OUT, &client(address)), expected, "{address}");
    }
}

#[test]
fn an_exclusion_that_excludes_nothing_is_an_error() {
    for list in [
        ["10.0.0.0/8", "!10.1.0.0/16"],
        ["10.0.0.0/8", "!10.0.0.0/8"],
        ["::ffff:10.0.0.0/104", "! 10.1.2.3"],
    ] {
        let made = Networks::new(list);
        assert!(matches!(made, Err(ConfigError::Exclusion { .. })), "{list:?}: {made:?}");
    }
    let widely = Networks::new(["!10.0.0.0/8", "0.0.0.0/0"]);
    assert!(matches!(widely, Err(ConfigError::OpenRelay("IPv4"))), "{widely:?}");
    for wrong in ["!", "!!10.0.0.0/8", "!x"] {
        assert!(matches!(Networks::new([wrong]), Err(ConfigError::Network(_))), "{wrong}");
    }
    assert!(Networks::new(["!10.1.0.0/16", "10.0.0.0/8", "!192.0.2.1"]).is_ok());
}

#[test]
fn relay_domains_are_for_everybody_and_for_nothing_beyond() {
    let exact = RelayDomains::new(["Relay.test", "bücher.test"]).unwrap();
    let below = exact.clone().with_subdomains();
    for (to, at, under) in [
        ("<v@relay.test>", "relay: recipient is in Relay.test", None),
        ("<v@RELAY.TEST>", "relay: recipient is in Relay.test", None),
        ("<@ext.test:v@relay.test>", "relay: recipient is in Relay.test", None),
        ("<v@xn--bcher-kva.test>", "relay: recipient is in bücher.test", None),
        ("<v@a.b.relay.test>", "deny", Some("relay: recipient is in Relay.test")),
        ("<v@xrelay.test>", "deny", None),
        ("<v@test>", "deny", None),
        ("<v%ext.test@relay.test>", "deny", None),
        ("<\"v%ext.test\"@relay.test>", "deny", None),
        ("<\"v\\%ext.test\"@relay.test>", "deny", None),
        ("<\"v@ext.test\"@relay.test>", "deny", None),
        ("<ext.test!v@relay.test>", "deny", None),
        ("<v%ext.test@a.relay.test>", "deny", None),
        ("<v@[192.0.2.1]>", "deny", None),
        ("<postmaster>", "deny", None),
    ] {
        assert_eq!(decided(&exact, to, &outsider()), at, "{to}");
        assert_eq!(decided(&below, to, &outsider()), under.unwrap_or(at), "{to}");
    }
    assert!(matches!(RelayDomains::new(["a..b"]), Err(ConfigError::Domain(_))));
}

#[test]
fn certificates_count_by_fingerprint_or_name() {
    let colons = SHA256
        .to_uppercase()
        .as_bytes()
        .chunks(2)
        .map(|two| String::from_utf8(two.to_vec()).unwrap())
        .collect::<Vec<_>>()
        .join(":");
    let by_fingerprint = CertificateHolders::with_fingerprints([colons]).unwrap();
    let by_name = CertificateHolders::with_names(["Client.test"]).unwrap();
    let any = CertificateHolders::of_every_authority();
    let known = format!("relay: client showed the certificate {SHA256}");
    let client_test = holder(&["other.test", "CLIENT.test"]);
    assert_eq!(decided(&by_fingerprint, OUT, &client_test), known);
    assert_eq!(decided(&any, OUT, &client_test), known);
    let named = "relay: client showed a certificate of CLIENT.test";
    assert_eq!(decided(&by_name, OUT, &client_test), named);
    for names in [&["*.test"][..], &["a.client.test"], &["client.test."], &[]] {
        assert_eq!(decided(&by_name, OUT, &holder(names)), "deny", "{names:?}");
    }
    let another = CertificateHolders::with_fingerprints(["0".repeat(64)]).unwrap();
    assert_eq!(decided(&another, OUT, &client_test), "deny");
    assert_eq!(decided(&CertificateHolders::default(), OUT, &client_test), "deny");
    for policy in [&by_fingerprint, &by_name, &any] {
        assert_eq!(decided(policy, OUT, &user()), "deny", "no certificate");
    }
    for wrong in ["", "0011", &"g".repeat(64), &"é".repeat(32)] {
        let made = CertificateHolders::with_fingerprints([wrong]);
        assert!(matches!(made, Err(ConfigError::Fingerprint(_))), "{wrong}");
    }
}

#[test]
fn both_have_to_grant_what_is_joined_with_and() {
    let inside = || Networks::new(["192.0.2.0/24"]).unwrap();
    let both = Authenticated.and(inside());
    assert_eq!(
        decided(&both, OUT, &user()),
        "relay: authenticated as kim, and client is in 192.0.2.0/24"
    );
    assert_eq!(decided(&both, OUT, &outsider()), "deny");
    let mut elsewhere = client("203.0.113.1");
    elsewhere.identity = Some(Identity::new("kim"));
    assert_eq!(decided(&both, OUT, &elsewhere), "deny");
    // What one of them calls local never leaves.
    let local = || LocalDomains::new(["local.test"]).unwrap();
    for (to, expected) in [("<kim@local.test>", "local"), (OUT, "deny")] {
        assert_eq!(decided(&local().and(Authenticated), to, &user()), expected);
        assert_eq!(decided(&Authenticated.and(local()), to, &user()), expected);
    }
    let sentence = local().or(Authenticated.and(inside())).or(RelayDomains::default());
    assert!(sentence.granted_networks().is_empty(), "nobody relays by address alone");
    let halves = ["0.0.0.0/1", "128.0.0.0/1"].map(|half| Networks::new([half]).unwrap());
    let [lower, upper] = halves;
    assert!(lower.clone().and(upper).granted_networks().is_empty());
    let common = lower.and(Networks::new(["10.0.0.0/8", "192.0.2.0/24"]).unwrap());
    assert_eq!(common.granted_networks(), ["10.0.0.0/8".parse().unwrap()]);
}

fn parameters() -> RelayParameters {
    RelayParameters {
        local_domains: LocalDomains::new(["local.test"]).unwrap(),
        relay_domains: RelayDomains::new(["relay.test"]).unwrap(),
        networks: Networks::new(["10.0.0.0/8"]).unwrap(),
        certificates: CertificateHolders::with_names(["client.test"]).unwrap(),
    }
}

#[test]
fn restrictions_are_asked_in_their_order() {
    const DEFAULT: &str =
        "permit_mynetworks, permit_sasl_authenticated,\n defer_unauth_destination";
    const OURS: &str = "<kim@local.test>";
    const BACKUP: &str = "<v@relay.test>";
    const ROUTED: &str = "<v%ext.test@relay.test>";
    let (inside, holder) = (client("10.0.0.1"), holder(&["client.test"]));
    let denied = "554 5.7.1 Relay access denied";
    let to_backup = "relay: recipient is in relay.test";
    let by_name = "relay: client showed a certificate of client.test";
    for (list, to, info, expected) in [
        (DEFAULT, OUT, &outsider(), "454 4.7.1 Relay access denied"),
        (DEFAULT, OUT, &inside, "relay: client is in 10.0.0.0/8"),
        (DEFAULT, OUT, &user(), "relay: authenticated as kim"),
        (DEFAULT, OUT, &holder, "454 4.7.1 Relay access denied"),
        (DEFAULT, OURS, &outsider(), "local"),
        (DEFAULT, OURS, &inside, "local"),
        (DEFAULT, OURS, &user(), "local"),
        (DEFAULT, BACKUP, &outsider(), to_backup),
        (DEFAULT, BACKUP, &user(), "relay: authenticated as kim"),
        (DEFAULT, ROUTED, &outsider(), "454 4.7.1 Relay access denied"),
        (DEFAULT, ROUTED, &user(), "relay: authenticated as kim"),
        (DEFAULT, "<postmaster>", &outsider(), "local"),
        ("reject_unauth_destination", OUT, &user(), denied),
        ("reject_unauth_destination", OURS, &outsider(), "local"),
        ("permit_sasl_authenticated,reject", OURS, &outsider(), "554 5.7.1 Access denied"),
        ("permit_sasl_authenticated reject", OURS, &user(), "local"),
        (
            "permit_sasl_authenticated defer",
            OUT,
            &inside,
            "450 4.7.1 Access denied, try again later",
        ),
        ("permit_auth_destination reject", OURS, &outsider(), "local"),
        ("permit_auth_destination reject", BACKUP, &outsider(), to_backup),
        ("permit_auth_destination reject", OUT, &outsider(), "554 5.7.1 Access denied"),
        ("permit_tls_clientcerts reject_unauth_destination", OUT, &holder, by_name),
        ("permit_tls_clientcerts reject_unauth_destination", OUT, &outsider(), denied),
        ("reject_unauth_destination permit_mynetworks reject", OUT, &inside, denied),
    ] {
        let policy = RelayRestrictions::parse(list, parameters()).unwrap();
        assert_eq!(decided(&policy, to, info), expected, "{list}: {to}");
    }
    let all = RelayRestrictions::parse("permit_tls_all_clientcerts reject", parameters()).unwrap();
    assert!(decided(&all, OUT, &holder).starts_with("relay: client showed the certificate"));
}

#[test]
fn restrictions_that_let_everybody_through_are_an_error() {
    for (list, word, part) in [
        ("", "", "end the list with"),
        (" , ", "", "end the list with"),
        ("permit", "permit", "say who may"),
        ("permit_mynetworks, permit", "permit", "say who may"),
        ("reject_unauth_destination, permit", "permit", "say who may"),
        ("permit_mynetworks", "permit_mynetworks", "end the list with"),
        ("reject, permit_mynetworks", "permit_mynetworks", "end the list with"),
        ("permit_auth_destination", "permit_auth_destination", "end the list with"),
        ("reject_unauth_destinations", "reject_unauth_destinations", "defer_unauth_destination"),
        ("PERMIT_MYNETWORKS, reject", "PERMIT_MYNETWORKS", "permit_mynetworks"),
    ] {
        match RelayRestrictions::parse(list, parameters()).map(|_| ()) {
            Err(ConfigError::RelayRestriction { word: named, fault }) => {
                assert_eq!(named, word, "{list}");
                assert!(fault.contains(part), "{list}: {fault}");
            }
            other => panic!("{list}: {other:?}"),
        }
    }
}

#[test]
fn restrictions_name_the_networks_that_they_grant() {
    let parse = |list| RelayRestrictions::parse(list, parameters()).unwrap();
    assert_eq!(parse("permit_mynetworks reject").granted_networks().len(), 1);
    assert!(parse("permit_sasl_authenticated reject").granted_networks().is_empty());
}
