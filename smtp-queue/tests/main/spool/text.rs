//! What stands on the disk, letter by letter: a reader of this version must read it for ever.

use smtp_queue::spool::sim::SimVfs;

use super::world::{Backend, Op, World, id, small};

const ENTRY: &str = "fields 13\r\n\
    id 5000000000001\r\n\
    arrived 1700000000001\r\n\
    bytes 101\r\n\
    MAIL FROM:<kim1@example.org> SIZE=77 MT-PRIORITY=-2 BY=100;R\r\n\
    class relay network 192.0.2.0/24\r\n\
    RCPT TO:<lee@Example.NET> NOTIFY=FAILURE,DELAY\r\n\
    class local\r\n\
    RCPT TO:<pat@example.com> ORCPT=rfc822;x+2By@example.com\r\n\
    class relay network 192.0.2.0/24\r\n\
    RCPT TO:<\"q q\"@example.net>\r\n\
    \r\n\
    row 0 1700000000001 0\r\n\
    row 1 1700000000002 0\r\n\
    \r\n\
    Received: 1\r\n\
    Body of 1.\r\n";

const STATE: &str = "row 0 1800000000002 2\r\n\
    row 1 1700000000002 0\r\n\
    recipient 0 pending\t4.7.1\thost mx.example said: later\\9;(2)\t=mx.example\t192.0.2.1:25\t\
    451 4.7.1 later\\nplease\r\n\
    warned\r\n";

fn unsealed(disk: &SimVfs, path: &str) -> String {
    let octets = disk.read(path).unwrap();
    let text = String::from_utf8(octets).unwrap();
    let (first, rest) = text.split_once("\r\n").unwrap();
    let checksum = crc32c::crc32c(rest.as_bytes());
    assert_eq!(first, format!("smtp-queue 1 {} {checksum:08x}", rest.len()));
    rest.to_owned()
}

#[test]
fn a_message_of_the_files_is_this_text() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Files, &disk, small()).unwrap();
    world.commit(&[Op::Accept(1), Op::Defer(1, 2)]);
    assert_eq!(unsealed(&disk, &format!("queue/{}", id(1))), ENTRY);
    assert_eq!(unsealed(&disk, &format!("queue/{}.state", id(1))), STATE);
}

#[test]
fn the_log_has_the_same_lines() {
    let disk = SimVfs::default();
    let world = World::open(Backend::Log, &disk, small()).unwrap();
    world.commit(&[Op::Accept(1), Op::Defer(1, 2)]);
    let segment = String::from_utf8_lossy(&disk.read("seg/00000001").unwrap()).into_owned();
    let (_, envelope) = ENTRY.split_once("\r\n").unwrap();
    let (envelope, _) = envelope.split_once("\r\n\r\n").unwrap();
    assert!(segment.contains(envelope), "{segment}");
    let states = String::from_utf8_lossy(&disk.read("st/00000001").unwrap()).into_owned();
    assert!(states.contains("recipient 0 pending\t4.7.1\thost mx.example said: later\\9;(2)"));
}
