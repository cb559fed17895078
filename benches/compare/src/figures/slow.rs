//! Mail among thousands of clients that hold a connection and send an octet now and then.
//!
//! * **In**: our sink, twice; one of the two has the slow clients. **Out**: the rate with them over the rate
//!   without.
//! * **Promises**: in every round each server gets the load once, the first place changing hands. The slow clients
//!   send only while their server has the load, each an octet in [`PERIOD`]; all of them must still be
//!   connected at the end.
//! * **Limits**: [`BATCHES_MAX`]. **Panics**: never. **Spec**: README.md, "The figures".

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use smtp_compare::stats::Spread;

use crate::crowd::Crowd;
use crate::load::Load;
use crate::options::Options;
use crate::peers::Peer;
use crate::process::Server;
use crate::progress;
use crate::rounds::{Sample, TurnError, sample};

use super::bound::{Bound, Limit};
use super::{Bench, Trouble};

const RATE_MIN: f64 = 0.9;
/// From one octet of a slow client to its next.
const PERIOD: Duration = Duration::from_secs(10);
/// In so many parts they send, one part after the other.
const BATCHES: usize = 100;
/// Ten minutes of batches: more than a load may take.
const BATCHES_MAX: usize = 60 * BATCHES;
/// What they send, again and again. A whole line at last, so that no command takes too long.
const SLOW_LINE: &[u8; 6] = b"NOOP\r\n";

pub(super) fn measure(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let options = Options { peers: vec![Peer::Sink], ..bench.options.clone() };
    let prepared = bench.prepare(Peer::Sink);
    let launch = prepared.launch?;
    let start = || Server::start(Peer::Sink, &launch, bench.places, bench.wrapping);
    let load = Load::new(bench.tools, bench.places, &options, bench.wrapping);
    let (alone, crowded) = (start()?, start()?);
    progress(format_args!("connecting {} slow clients", options.idle));
    let mut crowd = Trickle::new(Crowd::greeted(crowded.address(), options.idle)?);

    let messages = options.messages();
    // Without slow clients, then with them; the warm-up is not kept.
    let mut pairs = Vec::new();
    for round in 0..=options.rounds {
        progress(format_args!("round {round} of {}, 0 is the warm-up", options.rounds));
        let pair = if round % 2 == 0 {
            let without = sample(&alone, &load, messages)?;
            (without, crowd.during(|| sample(&crowded, &load, messages))?)
        } else {
            let with = crowd.during(|| sample(&crowded, &load, messages))?;
            (sample(&alone, &load, messages)?, with)
        };
        if 0 < round {
            pairs.push(pair);
        }
    }
    crowd.check()?;
    let spread = |value: &dyn Fn(&(Sample, Sample)) -> f64| {
        Spread::of(pairs.iter().map(value)).ok_or("there were no rounds")
    };
    let without = spread(&|(without, _)| without.messages_per_sec)?;
    let with = spread(&|(_, with)| with.messages_per_sec)?;
    let ratio = spread(&|(without, with)| with.messages_per_sec / without.messages_per_sec)?;
    writeln!(
        out,
        "{} rounds of {messages} messages; {} slow clients sent {} octets meanwhile and are all \
         still connected\nmessages/s without them {:.0}, with them {:.0}, ratio {ratio}\n",
        options.rounds, options.idle, crowd.octets_sent, without.median, with.median
    )?;
    Ok(vec![Bound::ratio("messages/s with slow clients", ratio, Limit::AtLeast(RATE_MIN), None)])
}

/// The slow clients.
struct Trickle {
    crowd: Crowd,
    /// Over all clients, one after the other, line after line.
    octets_sent: usize,
    failures: usize,
}

impl Trickle {
    const fn new(crowd: Crowd) -> Self {
        Self { crowd, octets_sent: 0, failures: 0 }
    }

    /// They send while `work` is done.
    fn during(
        &mut self,
        work: impl FnOnce() -> Result<Sample, TurnError>,
    ) -> Result<Sample, TurnError> {
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| self.send_until(&done));
            let outcome = work();
            done.store(true, Ordering::Relaxed);
            outcome
        })
    }

    fn send_until(&mut self, done: &AtomicBool) {
        let clients = self.crowd.clients();
        let batch = clients.len().div_ceil(BATCHES);
        for _ in 0..BATCHES_MAX {
            if done.load(Ordering::Relaxed) {
                return;
            }
            for _ in 0..batch {
                let (line, client) =
                    (self.octets_sent / clients.len(), self.octets_sent % clients.len());
                let octet = SLOW_LINE.get(line % SLOW_LINE.len());
                if let (Some(client), Some(&octet)) = (clients.get_mut(client), octet) {
                    self.failures += usize::from(client.send(&[octet]).is_err());
                }
                self.octets_sent += 1;
            }
            thread::sleep(PERIOD / BATCHES as u32);
        }
    }

    fn check(&self) -> Result<(), String> {
        match (self.failures, self.crowd.count_closed()) {
            (0, 0) => Ok(()),
            (failures, closed) => {
                Err(format!("slow clients: {failures} octets not sent, {closed} disconnected"))
            }
        }
    }
}
