//! A server that would relay for everybody cannot be built (RFC 2505 2.1).

use smtp_server::delivery::Discard;
use smtp_server::relay::{Authenticated, LocalDomains, Networks};
use smtp_server::{ConfigError, RelayPolicy, RelayPolicyExt, Server, ServiceConfig};

fn built(policy: impl RelayPolicy) -> Result<Server, ConfigError> {
    Server::builder("mx.test").relay_policy(policy).delivery(Discard).build()
}

fn local() -> LocalDomains {
    LocalDomains::new(["local.test"]).unwrap()
}

#[test]
fn networks_that_leave_nobody_out_are_an_error() {
    let everybody: [&[&str]; 7] = [
        &["0.0.0.0/0"],
        &["::/0"],
        &["0.0.0.0/1", "128.0.0.0/1"],
        &["::/1", "8000::/1"],
        &["2000::/3"],
        &["::ffff:0.0.0.0/96"],
        &["10.0.0.0/8", "128.0.0.0/2", "0.0.0.0/1", "192.0.0.0/2"],
    ];
    for networks in everybody {
        let made = Networks::new(networks);
        assert!(matches!(made, Err(ConfigError::OpenRelay(_))), "{networks:?}: {made:?}");
    }
    assert!(Networks::new(["10.0.0.0/8", "fd00::/8", "::1"]).is_ok());
}

#[test]
fn an_address_that_goes_on_behind_its_prefix_is_an_error() {
    for (network, meant) in [
        ("10.0.0.1/8", "10.0.0.0/8"),
        ("192.0.2.1/0", "0.0.0.0/0"),
        ("[2001:db8::1]/32", "2001:db8::/32"),
        ("!192.0.2.130/25", "192.0.2.128/25"),
    ] {
        let made = Networks::new([network]);
        let said = made.map(drop).map_err(|error| error.to_string()).unwrap_err();
        assert!(said.ends_with(&format!("perhaps {meant}")), "{network}: {said}");
    }
    assert!(Networks::new(["10.0.0.1", "10.0.0.1/32", "::1/128"]).is_ok());
}

#[test]
fn halves_that_are_joined_with_or_are_an_error() {
    let lower = || Networks::new(["0.0.0.0/1"]).unwrap();
    let upper = || Networks::new(["128.0.0.0/1"]).unwrap();
    assert!(built(local().or(lower())).is_ok());
    let joined = built(local().or(lower()).or(Authenticated).or(upper()));
    assert!(matches!(joined, Err(ConfigError::OpenRelay("IPv4"))));
    let nested = built(lower().or(local().or(upper())));
    assert!(matches!(nested, Err(ConfigError::OpenRelay("IPv4"))));
}

#[test]
fn a_listener_is_judged_like_the_server() {
    super::runtime().block_on(async {
        let lower = Networks::new(["0.0.0.0/1"]).unwrap();
        let upper = Networks::new(["128.0.0.0/1"]).unwrap();
        let mut server = built(local()).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listened = server.listen(listener, ServiceConfig::smtp().relay_policy(lower.or(upper)));
        assert!(matches!(listened, Err(ConfigError::OpenRelay("IPv4"))));
    });
}

#[test]
fn a_server_lacks_neither_name_certificate_nor_authenticator() {
    let named = Server::builder("not a name").relay_policy(local()).delivery(Discard).build();
    assert!(matches!(named, Err(ConfigError::ServerName(_))));
    super::runtime().block_on(async {
        let mut server = built(local()).unwrap();
        let mut refused = async |service| {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            server.listen(listener, service).unwrap_err()
        };
        let error = refused(ServiceConfig::submissions()).await;
        assert!(matches!(error, ConfigError::TlsRequired(_)));
        let error = refused(ServiceConfig::submission()).await;
        assert!(matches!(error, ConfigError::AuthenticatorRequired(_)));
    });
}
