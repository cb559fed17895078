//! One reply for each command, in order, whatever faults there are.

use std::time::Duration;

use proptest::prelude::*;
use smtp_server::testing::{On, Rule};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Builder;

use super::setup;

const COMMANDS: [&str; 8] = [
    "NOOP\r\n",
    "RSET\r\n",
    "MAIL FROM:<ann@example.org>\r\n",
    "RCPT TO:<kim@local.test>\r\n",
    "RCPT TO:<nobody@elsewhere.test>\r\n",
    "VRFY kim\r\n",
    "BDAT 3\r\nabc",
    "WHAT\r\n",
];

/// The code that tells a fault's answer from all others.
const ANSWER: &str = "459";

/// A fault after which the connection goes on.
fn fault(kind: u8, nth: u64) -> Rule {
    let trigger = Rule::at(On::Any).nth(nth);
    match kind {
        0 => trigger.answer(&format!("{ANSWER} 4.3.0 on purpose")),
        1 => trigger.delay(Duration::from_secs(1)),
        2 => trigger.throttle(1000),
        _ => trigger.garbage(format!("{ANSWER} garbage\r\n")),
    }
}

/// The codes of all replies to the commands, written as pieces of so many octets.
fn codes(commands: &[&str], rules: Vec<Rule>, piece: usize) -> Vec<String> {
    let (mut setup, faults, _) = setup(&[]);
    setup.limits.errors_max = None;
    rules.into_iter().for_each(|rule| {
        faults.add(rule);
    });
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let seen = runtime.block_on(async {
        let (mut stream, served) = tokio::io::duplex(1 << 20);
        let (server, peer, service) = (setup.server(), setup.peer(), setup.service_config());
        tokio::spawn(async move { server.serve_connection(served, peer, service).await });
        let sent = ["EHLO a\r\n", &*commands.concat()].concat();
        for piece in sent.as_bytes().chunks(piece) {
            stream.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        stream.shutdown().await.unwrap();
        let mut seen = String::new();
        stream.read_to_string(&mut seen).await.unwrap();
        seen
    });
    let ends = seen.lines().filter(|line| line.get(3..4) == Some(" "));
    ends.filter_map(|line| line.get(..3)).map(str::to_owned).collect()
}

proptest! {
    #[test]
    fn each_command_has_one_reply_in_its_place(
        commands in proptest::collection::vec(proptest::sample::select(COMMANDS.to_vec()), 1..12),
        faults in proptest::collection::vec((0..4_u8, 2..12_u64), 0..4),
        piece in 1..200_usize,
    ) {
        let rules = faults.iter().map(|(kind, nth)| fault(*kind, *nth)).collect::<Vec<_>>();
        let seen = codes(&commands, rules, piece);
        // The greeting and EHLO come first.
        prop_assert_eq!(seen.len(), commands.len() + 2, "{:?}", seen);
        let plain = codes(&commands, Vec::new(), piece);
        prop_assert_eq!(plain.len(), seen.len());
        let first_changed = seen.iter().zip(&plain).position(|(one, other)| one != other);
        if let Some(first) = first_changed {
            prop_assert_eq!(&seen[first], ANSWER);
        }
    }
}
