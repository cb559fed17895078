//! What must not touch the heap: an ASCII command whose parameters are all known.
//!
//! A binary of its own, since it replaces the allocator.

use bytes::BytesMut;
use smtp_proto::{Command, replies};

#[track_caller]
fn allocations(work: impl FnOnce()) -> u64 {
    allocation_counter::measure(work).count_total
}

#[test]
fn parsing_ascii_commands_allocates_nothing() {
    for line in [
        "EHLO client.example",
        "HELO [192.0.2.1]",
        "LHLO [IPv6:2001:db8::1]",
        "MAIL FROM:<>",
        "MAIL FROM:<kim@example.org> SIZE=500 BODY=8BITMIME SMTPUTF8 AUTH=<>",
        "MAIL FROM:<\"a \\\"b\\\" c\"@[192.0.2.1]> AUTH=kim@example.org",
        "MAIL FROM:<kim@example.org> RET=HDRS ENVID=QQ+2031 BY=120;RT MT-PRIORITY=3 REQUIRETLS",
        "MAIL FROM:<kim@example.org> HOLDFOR=60",
        "MAIL FROM:<kim@example.org> HOLDUNTIL=2030-01-01T00:00:00Z",
        "rcpt to:<@a.example,@b.example:Kim@EXAMPLE.org>",
        "RCPT TO:<kim@example.org> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;kim+2Bx@example.org",
        "RCPT TO:<kim@example.org> ORCPT=utf-8;\\x{434}@example.org RRVS=2014-04-03T23:01:00Z;C",
        "RCPT TO:<Postmaster>",
        "DATA",
        "BDAT 1000000 LAST",
        "RSET",
        "NOOP anything",
        "QUIT",
        "STARTTLS",
        "AUTH PLAIN dGVzdAB0ZXN0ADEyMzQ=",
        "VRFY \"Joe Smith\"",
        "EXPN staff",
        "HELP",
    ] {
        let count = allocations(|| assert!(Command::parse(line.as_bytes()).is_ok(), "{line}"));
        assert_eq!(count, 0, "{line}");
    }
}

#[test]
fn refusing_commands_allocates_nothing() {
    for line in [
        "GET / HTTP/1.1",
        "MAIL FROM:kim@example.org",
        "RCPT TO:<kim>",
        "MAIL FROM:<a@b.example> SIZE=1 SIZE=2",
        "MAIL FROM:<a@b.example> HOLDFOR=1 HOLDUNTIL=2030-01-01T00:00:00Z",
        "MAIL FROM:<a@b.example> ENVID=a+0Ab",
        "RCPT TO:<a@b.example> ORCPT=rfc822;x+0D+0AX-Injected:",
        "BDAT -1",
        "RSET now",
        "NOOP \0",
    ] {
        let count = allocations(|| assert!(Command::parse(line.as_bytes()).is_err(), "{line}"));
        assert_eq!(count, 0, "{line}");
    }
}

#[test]
fn stock_replies_and_known_commands_are_written_in_place() {
    let command = Command::parse(b"MAIL FROM:<kim@example.org> SIZE=500 BODY=8BITMIME").unwrap();
    let line = b"RCPT TO:<@a:kim@example.org> NOTIFY=DELAY ORCPT=rfc822;kim@example.org";
    let with_dsn = Command::parse(line).unwrap();
    let mut out = BytesMut::with_capacity(512);
    let count = allocations(|| {
        replies::RECIPIENT_OK.encode(&mut out);
        replies::RELAY_DENIED.encode(&mut out);
        with_dsn.encode(&mut out);
        command.encode(&mut out);
    });
    assert_eq!(count, 0);
    assert!(out.ends_with(b"MAIL FROM:<kim@example.org> SIZE=500 BODY=8BITMIME\r\n"));
}

#[test]
fn comparing_ascii_addresses_allocates_nothing() {
    let upper = smtp_proto::Mailbox::parse("kim@EXAMPLE.org").unwrap();
    let quoted = smtp_proto::Mailbox::parse("\"kim\"@example.org").unwrap();
    assert_eq!(allocations(|| assert_eq!(upper, quoted)), 0);
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(Vec::<u8>::with_capacity(1))), 1);
}
