//! Rows E9, F9, F10, F14: whoever is asked about a path sees the mailbox at its end and nothing else.

use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

// rows: 5321-4.1.1.3-b, 5321-4.1.1.3-d
#[test]
fn e09_a_source_route_is_dropped_before_anyone_is_asked() {
    let (setup, delivery) = Setup::accepting();
    let octets = "EHLO a\r\nMAIL FROM:<@a.test,@b.test:a@client.test>\r\n\
                  RCPT TO:<@a.test,@b.test:kim@local.test>\r\nBDAT 0 LAST\r\n";
    let run = pure::run(&setup, &[Turn::send(octets)], Cuts::None);
    assert_eq!(codes(&run.output[1]), ["250", "250 2.1.0", "250 2.1.5", "250 2.0.0"]);
    assert_eq!(delivery.log(), ["<a@client.test> <kim@local.test> "]);
}

#[test]
fn f09_f10_f14_a_route_through_us_is_no_way_to_elsewhere() {
    let (setup, _) = Setup::accepting();
    for path in [
        "@[192.0.2.1]:v@ext.test",
        "@mx.test:v@ext.test",
        "@local.test:v@ext.test",
        "@a.test,@mx.test:v@ext.test",
    ] {
        let octets = format!("EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<{path}>\r\n");
        let run = pure::run(&setup, &[Turn::send(octets)], Cuts::None);
        assert_eq!(codes(&run.output[1]), ["250", "250 2.1.0", "554 5.7.1"], "{path}");
    }
}
