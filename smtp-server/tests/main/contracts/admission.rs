//! How many connections, in all and from one client (RFC 5321 7.8, attack row C8).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use smtp_server::relay::Networks;

use super::runtime;
use crate::support::octets::codes;
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 1));
const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const THIRD: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 3));
const NEIGHBOUR: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 1, 1));

async fn greeted(running: &Running, from: IpAddr) -> Client {
    let mut client = running.connect(from).await;
    assert!(client.reply().await.starts_with("220 "));
    client
}

/// A connection that ended makes room for another one, as soon as the server has seen its end.
async fn soon_greeted(running: &Running, from: IpAddr) -> Client {
    for _ in 0..1000 {
        let mut client = running.connect(from).await;
        if client.reply().await.starts_with("220 ") {
            return client;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("there is no room again");
}

async fn refused(running: &Running, from: IpAddr) {
    let mut client = running.connect(from).await;
    assert_eq!(codes(&client.rest().await), ["421"]);
}

#[test]
fn c08_one_client_has_so_many_connections() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.connections_per_client_max = Some(2);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let first = greeted(&running, ONE).await;
        let _second = greeted(&running, ONE).await;
        refused(&running, ONE).await;
        let _other = greeted(&running, OTHER).await;
        assert_eq!(setup.events.starting_with("ConnectionRefused").len(), 1);
        drop(first);
        soon_greeted(&running, ONE).await;
        running.stop().await;
    });
}

/// XCLIENT makes room for the proxy and takes it from the client that the proxy speaks for.
#[test]
fn a_client_counts_also_behind_a_proxy() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.connections_per_client_max = Some(2);
    setup.limits.connections_max = Some(4);
    setup.xclient_clients = Networks::new(["127.0.0.1"]).unwrap();
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut behind = Vec::new();
        for _ in 0..2 {
            let mut client = greeted(&running, ONE).await;
            assert!(client.ask("XCLIENT ADDR=127.0.0.2\r\n").await.starts_with("220 "));
            behind.push(client);
        }
        refused(&running, OTHER).await;
        let mut third = greeted(&running, ONE).await;
        third.write(b"XCLIENT ADDR=127.0.0.2\r\n").await;
        assert_eq!(codes(&third.rest().await), ["421"]);
        // A client that moves on makes room again.
        assert!(behind[0].ask("XCLIENT ADDR=127.0.0.3\r\n").await.starts_with("220 "));
        let _other = greeted(&running, OTHER).await;
        let replaced = setup.events.starting_with("ClientReplaced");
        assert_eq!(replaced.len(), 4, "{replaced:?}");
        assert_eq!(setup.events.starting_with("ConnectionRefused").len(), 2);
        running.stop().await;
    });
}

#[test]
fn c08_all_clients_together_have_so_many() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.connections_max = Some(2);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let _first = greeted(&running, ONE).await;
        let _second = greeted(&running, OTHER).await;
        refused(&running, THIRD).await;
        running.stop().await;
    });
}

#[test]
fn c08_one_network_has_so_many() {
    // Two addresses of one /24, then those of one /31, which 127.0.0.1 is not in.
    for (bits, refused_one, admitted_one) in [(24, THIRD, NEIGHBOUR), (31, THIRD, ONE)] {
        let (mut setup, _) = Setup::accepting();
        setup.limits.connections_per_network_max = Some(2);
        setup.limits.ipv4_network_prefix_bits = bits;
        runtime().block_on(async {
            let running = Running::start(&setup).await;
            let _first = greeted(&running, OTHER).await;
            let _second = greeted(&running, THIRD).await;
            refused(&running, refused_one).await;
            let _other = greeted(&running, admitted_one).await;
            running.stop().await;
        });
        assert_eq!(setup.events.starting_with("ConnectionRefused").len(), 1);
    }
}

#[test]
fn a_network_is_forgotten_with_its_last_connection() {
    let (mut setup, _) = Setup::accepting();
    setup.limits.connections_per_network_max = Some(1);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        for _ in 0..3 {
            soon_greeted(&running, ONE).await;
            soon_greeted(&running, OTHER).await;
        }
        running.stop().await;
    });
}
