//! Tables of networks: the first line that fits, whatever the tree behind it finds first.

use proptest::prelude::*;
use smtp_server::Note;
use smtp_server::access::{AccessAction, AccessTable, TableType};

use super::{Ask, answer, maps};

fn table(text: &str) -> AccessTable {
    AccessTable::parse(TableType::Network, "table", text).unwrap()
}

/// The remark of the line that counts.
fn line_of(table: &AccessTable, key: &str) -> Option<String> {
    match table.find(key).unwrap()? {
        AccessAction::Note(Note::Info(text)) => Some(text),
        other => panic!("{other:?}"),
    }
}

const TABLE: &str = "\
192.0.2.1            INFO 1
192.0.2.0/24         INFO 2
192.0.2.2            INFO shadowed
10.0.0.0/8           INFO 4
10.1.0.0/16          INFO shadowed
[172.16.0.0]/12      INFO 6
2001:db8::/32        INFO 7
[::1]                INFO 8
# Only IPv4 is outside of an IPv4 network.
if 198.51.0.0/16
198.51.100.1         INFO 11
if !198.51.100.0/24
198.51.100.1         INFO never
198.51.1.0/24        INFO 14
endif
!198.51.0.0/17       INFO 16
endif
198.51.100.9
  INFO 18
0.0.0.0/1            INFO 19
!128.0.0.0/2         INFO 20
";

#[test]
fn the_first_line_counts_and_blocks_nest() {
    let table = table(TABLE);
    for (key, line) in [
        ("192.0.2.1", "1"),
        ("192.0.2.2", "2"),
        ("10.1.2.3", "4"),
        ("172.31.255.255", "6"),
        ("2001:db8::1", "7"),
        ("2001:0DB8:0:0::1", "7"),
        ("::1", "8"),
        ("::ffff:10.1.2.3", "4"),
        ("198.51.100.1", "11"),
        ("198.51.1.7", "14"),
        ("198.51.200.1", "16"),
        ("198.51.100.9", "18"),
        ("1.2.3.4", "19"),
        ("203.0.113.1", "20"),
    ] {
        assert_eq!(line_of(&table, key).as_deref(), Some(line), "{key}");
    }
    for key in ["2001:db9::1", "172.32.0.0", "130.0.0.1", "mail.example.org", "", "192.0.2"] {
        assert_eq!(line_of(&table, key), None, "{key}");
    }
}

#[tokio::test]
async fn a_client_is_looked_up_by_its_address_whatever_its_name() {
    let access = maps(TableType::Network, ["192.0.2.0/24 REJECT\n"; 4]);
    let denied = "554 5.7.1 Access denied";
    assert_eq!(answer(&access, Ask::Client("192.0.2.7", "a.test")).await, denied);
    assert_eq!(answer(&access, Ask::Client("::ffff:192.0.2.7", "")).await, denied);
    assert_eq!(answer(&access, Ask::Client("192.0.3.7", "")).await, "ok");
    assert_eq!(answer(&access, Ask::Sender("kim@[192.0.2.7]")).await, "ok");
}

fn network() -> impl Strategy<Value = ipnet::Ipv4Net> {
    // Few bits, so that many contain each other.
    (0_u32..64, 24_u8..=32).prop_map(|(bits, length)| {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 | bits << 2);
        ipnet::Ipv4Net::new(address, length).unwrap().trunc()
    })
}

proptest! {
    #[test]
    fn the_tree_finds_what_a_scan_of_the_lines_finds(
        networks in prop::collection::vec(network(), 0..40),
        host in 0_u32..256,
    ) {
        let lines = networks.iter().enumerate().map(|(row, network)| format!("{network} INFO {row}\n"));
        let table = table(&lines.collect::<String>());
        let address = std::net::Ipv4Addr::from(0x0a00_0000 | host);
        let scanned = networks.iter().position(|network| network.contains(&address));
        prop_assert_eq!(line_of(&table, &address.to_string()), scanned.map(|row| row.to_string()));
    }
}
