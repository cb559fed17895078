//! Tables in `smtpd_relay_restrictions`: what they grant, and that none lets everybody out.

use std::fs;

use smtp_server::access::{AccessTable, TableError, TableType};
use smtp_server::proto::Domain;
use smtp_server::relay::{LocalDomains, RelayParameters, RelayRestrictions};
use smtp_server::{ConfigError, RelayPolicy};

use super::relaying::{client, decided};

const OUT: &str = "<v@ext.test>";
const DENIED: &str = "554 5.7.1 Relay access denied";

fn policy(table: &str) -> Result<RelayRestrictions, ConfigError> {
    let parameters = RelayParameters {
        local_domains: LocalDomains::new(["local.test"]).unwrap(),
        ..RelayParameters::default()
    };
    RelayRestrictions::parse(&format!("{table}, reject_unauth_destination"), parameters)
}

#[test]
fn ok_in_a_table_grants_and_nothing_else_does() {
    const CLIENTS: &str = "check_client_access inline:{ {10.1.1 = REJECT}, {10.1.2 = DUNNO}, \
                           {10.1 = OK}, {name.test = OK}, {bad.test = REJECT}, {2001:db8 = OK} }";
    const RECIPIENTS: &str = "check_recipient_access inline:{ {backup.test = OK} }";
    let granted = format!("relay: {CLIENTS} says OK");
    for (table, address, to, expected) in [
        (CLIENTS, "10.1.9.1", OUT, granted.as_str()),
        (CLIENTS, "::ffff:10.1.9.1", OUT, &granted),
        (CLIENTS, "2001:db8::1", OUT, &granted),
        (CLIENTS, "10.1.9.1", "<kim@local.test>", "local"),
        (CLIENTS, "10.1.1.1", OUT, "554 5.7.1 Access denied"),
        (CLIENTS, "10.1.2.1", OUT, DENIED),
        (CLIENTS, "10.2.1.1", OUT, DENIED),
        (RECIPIENTS, "10.2.1.1", "<v@a.backup.test>", &format!("relay: {RECIPIENTS} says OK")),
        (RECIPIENTS, "10.2.1.1", "<v%ext.test@backup.test>", DENIED),
        (RECIPIENTS, "10.2.1.1", OUT, DENIED),
    ] {
        let policy = policy(table).unwrap();
        assert_eq!(decided(&policy, to, &client(address)), expected, "{table} {address} {to}");
    }
    let mut named = client("10.2.1.1");
    named.reverse_name = Some(Domain::parse("mail.name.test").unwrap());
    let policy = policy(CLIENTS).unwrap();
    assert_eq!(decided(&policy, OUT, &named), DENIED, "a name grants nothing");
    let mut named = client("10.1.9.1");
    named.reverse_name = Some(Domain::parse("mail.bad.test").unwrap());
    assert_eq!(decided(&policy, OUT, &named), "554 5.7.1 Access denied", "but takes away");
}

#[test]
fn a_table_that_leaves_nobody_out_is_an_error() {
    let octets: String = (0..256).map(|octet| format!("{{{octet} = OK}}, ")).collect();
    for table in [
        "static:OK",
        "cidr:{ {0.0.0.0/0 OK} }",
        "cidr:{ {10.0.0.0/8 REJECT}, {0.0.0.0/1 OK}, {128.0.0.0/1 OK} }",
        "cidr:{ {2000::/3 OK} }",
        "cidr:{ {!10.0.0.0/8 OK} }",
        &format!("inline:{{ {octets} }}"),
        #[cfg(feature = "regex-maps")]
        "regexp:{ {/^10\\./ OK} }",
    ] {
        let error = policy(&format!("check_client_access {table}")).map(|_| ()).unwrap_err();
        assert!(error.to_string().ends_with("that is an open relay"), "{table}: {error}");
    }
    let error = policy("check_client_access inline:{ {10 = HOLD} }").map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("no actions but OK"), "{error}");
    let half = policy("check_client_access cidr:{ {128.0.0.0/1 OK} }").unwrap();
    let granted = half.granted_networks();
    assert_eq!(granted, ["128.0.0.0/1".parse().unwrap()], "halves of two words count together");
    for fine in ["static:REJECT", "cidr:{ {0.0.0.0/0 REJECT}, {10.0.0.0/8 OK} }"] {
        assert!(policy(&format!("check_client_access {fine}")).is_ok(), "{fine}");
    }
}

#[test]
fn a_table_that_is_read_again_lets_nobody_more_out() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("clients");
    fs::write(&file, "10.0.0.0/8 OK\n").unwrap();
    let policy = policy(&format!("check_client_access cidr:{}", file.display())).unwrap();
    fs::write(&file, "0.0.0.0/0 OK\n").unwrap();
    let error = policy.tables()[0].reload().unwrap_err().to_string();
    assert!(error.contains("it covers all of IPv4: that is an open relay"), "{error}");
    assert_eq!(decided(&policy, OUT, &client("192.0.2.1")), DENIED);
    assert!(decided(&policy, OUT, &client("10.0.0.1")).starts_with("relay: "));
}

#[test]
fn relay_for_everybody_is_a_fault_of_an_access_file_of_sendmail() {
    let all = |tag: &str, action: &str| -> String {
        (0..256).map(|octet| format!("{tag}{octet} {action}\n")).collect()
    };
    let parse = |text: &str| AccessTable::parse(TableType::Sendmail, "access", text).map(|_| ());
    for text in [all("Connect:", "RELAY"), all("", "RELAY")] {
        let error = parse(&text).unwrap_err();
        assert!(matches!(error, TableError::OpenRelay { .. }), "{error}");
    }
    for text in [all("Connect:", "OK"), all("From:", "RELAY"), "Connect:10 RELAY\n".to_owned()] {
        assert!(parse(&text).is_ok(), "{text}");
    }
}
