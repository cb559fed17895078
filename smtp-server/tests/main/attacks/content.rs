//! Rows H1 to H10, those of a session: what a message may hold, and what may be put on top of it.

use smtp_server::delivery::{Maildir, Memory};
use smtp_server::{BareNewline, HeaderField, Recipient};

use super::{at_every_cut, runtime};
use crate::support::by_hand::{ByHand, Content};
use crate::support::mail::after_envelope;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

const PATHS: &str = "<a@client.test> <kim@local.test>";

/// Sends `content`, which has no dots to stuff, at every cut: what Memory took each time.
#[track_caller]
fn taken(content: &[u8]) -> smtp_server::delivery::Received {
    let memory = Memory::default();
    let setup = Setup::new(memory.clone());
    let turn = [b"DATA\r\n", content, b".\r\nNOOP\r\n"].concat();
    let run = at_every_cut(&setup, &after_envelope(&[turn]));
    assert_eq!(codes(&run.output[3]), ["354", "250 2.0.0", "250 2.0.0"]);
    let mut messages = memory.take();
    assert!(messages.windows(2).all(|pair| pair[0].content == pair[1].content));
    messages.pop().unwrap()
}
