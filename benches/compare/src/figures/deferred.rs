//! A queue full of mail to dead destinations.
//!
//! * **In**: `mta` twice, mail to a thousand domains whose hosts refuse connections, a next hop that lives. **Out**: memory
//!   per message; time of recovery and of the first delivery after it; rate and p99 of live mail beside an empty queue.
//! * **Promises**: a client of live mail sends its next message when the last one has arrived, so the time is from MAIL to
//!   the next hop's end of data. The program with the empty queue has the machine for itself: the other one is stopped
//!   then, and what it misses falls into its own turn.
//! * **Limits**: [`CALM_LIMIT`]. **Panics**: never. **Spec**: README.md, "The figures".

use std::io::{self, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};
use std::{fs, thread};

use smtp_compare::client::{self, Client, WAIT_LIMIT};
use smtp_compare::stats::Spread;

use crate::live::{LiveHop, recipient};
use crate::measure::resident_bytes;
use crate::peers::{Launch, Peer, cargo, clear};
use crate::process::Server;
use crate::progress;

use super::bound::{Bound, Limit};
use super::{Bench, Trouble, relay};

const DOMAINS: u32 = 1_000;
/// Clients that fill the queue: below the server's limit for one address.
const FILLERS: u32 = 40;
const MESSAGE_BYTES: usize = 4_000;
/// Clients of live mail.
const CLIENTS: usize = 4;
/// Messages of live mail in a turn.
const MESSAGES: u32 = 2_000;
/// While it is filled once more, the program is killed.
const UNDER_LOAD: Duration = Duration::from_millis(500);
/// Memory that changes less than this in [`CALM`] is at rest.
const CALM_BYTES: u64 = 1 << 20;
const CALM: Duration = Duration::from_secs(5);
const CALM_LIMIT: Duration = Duration::from_secs(600);
/// Arguments of gdb.
const TRIM: [&str; 2] = ["-ex", "call (int) malloc_trim(0)"];

pub(super) fn measure(bench: &Bench<'_>, out: &mut Vec<u8>) -> Result<Vec<Bound>, Trouble> {
    let mut hop = LiveHop::start(CLIENTS)?;
    let count = bench.options.deferred;
    let start = |peer, launch: &Launch| Server::start(peer, launch, bench.places, bench.wrapping);
    let empty = start(Peer::Mta2, &prepare(bench, Peer::Mta2, &hop)?)?;
    let launch = prepare(bench, Peer::Mta, &hop)?;
    let full = start(Peer::Mta, &launch)?;
    live(full.address(), &mut hop.arrivals, MESSAGES)?;
    let before = resident_bytes(full.pid())?;
    progress(format_args!("{count} messages to dead destinations"));
    let begun = Instant::now();
    fill(full.address(), count, &AtomicBool::new(false))?;
    let rate = f64::from(count) / begun.elapsed().as_secs_f64();
    let after = resident_at_rest(full.pid())?;
    let trimmed = trimmed(full.pid(), after)?;
    let each = |bytes: u64| bytes.saturating_sub(before) as f64 / f64::from(count);
    writeln!(out, "{count} messages to {DOMAINS} domains, accepted at {rate:.0}/s")?;
    writeln!(out, "memory per message before malloc_trim: {:.0} B", each(after))?;
    let mut bounds =
        vec![Bound::value("memory/deferred message", each(trimmed), "B", Limit::AtMost(96.0))];
    bounds.extend(beside(bench, &empty, &full, &mut hop.arrivals, out)?);

    crash(full)?;
    let begun = Instant::now();
    let full = start(Peer::Mta, &launch)?;
    let recovery = begun.elapsed();
    live(full.address(), hop.arrivals.get_mut(..1).unwrap_or_default(), 1)?;
    let first = begun.elapsed().saturating_sub(recovery);
    let recovered = resident_at_rest(full.pid())?;
    let recovered = each(self::trimmed(full.pid(), recovered)?);
    writeln!(out, "memory per message once more, after the recovery: {recovered:.0} B\n")?;
    let seconds = |time: Duration, most| (time.as_secs_f64(), "s", Limit::AtMost(most));
    for (name, (value, unit, limit)) in [
        ("recovery after SIGKILL", seconds(recovery, 2.0)),
        ("first delivery after it", seconds(first, 1.0)),
    ] {
        bounds.push(Bound::value(name, value, unit, limit));
    }
    drop((full, empty));
    [Peer::Mta, Peer::Mta2]
        .iter()
        .try_for_each(|&peer| clear(&cargo::mta_data(bench.places, peer)))?;
    Ok(bounds)
}

/// The program, which knows where the living and the dead are.
fn prepare(bench: &Bench<'_>, peer: Peer, hop: &LiveHop) -> Result<Launch, Trouble> {
    let data = cargo::mta_data(bench.places, peer);
    clear(&data)?;
    let table = data.with_extension("transport");
    let mut text = format!("live.example smtp:{}\n", relay::next_hop(hop.address));
    for domain in 0..DOMAINS {
        // An address each, so that each is a site of its own. Nobody listens there.
        text += &format!("{} smtp:[127.1.{}.{}]:9\n", name(domain), domain / 250, 1 + domain % 250);
    }
    fs::write(&table, text)?;
    let parameters = [format!("transport_maps=texthash:{}", table.display())];
    Ok(cargo::mta_for_relaying(bench.places, &data, &parameters)?)
}

fn name(domain: u32) -> String {
    format!("host{domain}.example")
}

/// Sends `count` messages with all [`FILLERS`], or until they are to stop.
fn fill(address: SocketAddr, count: u32, stop: &AtomicBool) -> io::Result<()> {
    let next = AtomicU32::new(0);
    let content = client::content(MESSAGE_BYTES);
    let one = || {
        let mut client = greeted(address)?;
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if count <= number {
                break;
            }
            send(&mut client, &format!("kim@{}", name(number % DOMAINS)), &content)?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let fillers: Vec<_> = (0..FILLERS).map(|_| scope.spawn(one)).collect();
        fillers.into_iter().try_for_each(joined)
    })
}

/// Kills the program while it is filled.
fn crash(server: Server) -> Result<(), Trouble> {
    let (address, stop) = (server.address(), AtomicBool::new(false));
    thread::scope(|scope| {
        // It ends with an error, as its connections are cut off.
        scope.spawn(|| drop(fill(address, u32::MAX, &stop)));
        thread::sleep(UNDER_LOAD);
        server.crash();
        stop.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Waits until nothing is left to be tried for the first time.
fn resident_at_rest(pid: u32) -> Result<u64, Trouble> {
    let (begun, mut before) = (Instant::now(), resident_bytes(pid)?);
    while begun.elapsed() < CALM_LIMIT {
        thread::sleep(CALM);
        let now = resident_bytes(pid)?;
        if now.abs_diff(before) < CALM_BYTES {
            return Ok(now);
        }
        before = now;
    }
    Err("its memory never came to rest".into())
}

/// The same without what its allocator keeps for later; as it is where there is no gdb.
fn trimmed(pid: u32, bytes: u64) -> Result<u64, Trouble> {
    let gdb = Command::new("gdb").args(["-batch", "-p", &pid.to_string()]).args(TRIM).output();
    match gdb {
        Err(_) => {
            progress(format_args!("gdb is not installed: memory is not trimmed"));
            Ok(bytes)
        }
        Ok(_) => Ok(resident_bytes(pid)?),
    }
}

/// Live mail beside an empty and a full queue, by turns.
fn beside(
    bench: &Bench<'_>,
    empty: &Server,
    full: &Server,
    arrivals: &mut [Receiver<()>],
    out: &mut Vec<u8>,
) -> Result<[Bound; 2], Trouble> {
    let messages = bench.options.messages.unwrap_or(MESSAGES);
    let mut pairs = Vec::new();
    for round in 0..=bench.options.rounds {
        progress(format_args!("round {round} of {}, 0 is the warm-up", bench.options.rounds));
        let pair = if round % 2 == 0 {
            let without = full.stopped(|| live(empty.address(), arrivals, messages))??;
            (without, live(full.address(), arrivals, messages)?)
        } else {
            let with = live(full.address(), arrivals, messages)?;
            (full.stopped(|| live(empty.address(), arrivals, messages))??, with)
        };
        if 0 < round {
            pairs.push(pair);
        }
    }
    let spread = |value: &dyn Fn(&(Live, Live)) -> f64| {
        Spread::of(pairs.iter().map(value)).ok_or("there were no rounds")
    };
    let rate = spread(&|(without, with)| with.messages_per_sec / without.messages_per_sec)?;
    let p99 = spread(&|(without, with)| with.p99.as_secs_f64() / without.p99.as_secs_f64())?;
    let millis = |time: Duration| time.as_secs_f64() * 1e3;
    writeln!(
        out,
        "live mail of {CLIENTS} clients beside an empty queue: {:.0} messages/s, p99 {:.2} ms; beside the full one: \
         {:.0} messages/s, p99 {:.2} ms",
        spread(&|(without, _)| without.messages_per_sec)?.median,
        spread(&|(without, _)| millis(without.p99))?.median,
        spread(&|(_, with)| with.messages_per_sec)?.median,
        spread(&|(_, with)| millis(with.p99))?.median,
    )?;
    Ok([
        Bound::ratio("live messages/s beside dead mail", rate, Limit::AtLeast(0.9), None),
        Bound::ratio("p99 of live mail beside dead mail", p99, Limit::AtMost(1.1), None),
    ])
}

/// What live mail got.
struct Live {
    messages_per_sec: f64,
    p99: Duration,
}

/// `messages` by as many clients as there are `arrivals`.
fn live(address: SocketAddr, arrivals: &mut [Receiver<()>], messages: u32) -> io::Result<Live> {
    let content = client::content(MESSAGE_BYTES);
    let each = messages.div_ceil(arrivals.len().max(1) as u32);
    let begun = Instant::now();
    let mut times = thread::scope(|scope| {
        let content = &content;
        let clients: Vec<_> = arrivals
            .iter_mut()
            .enumerate()
            .map(|(number, arrived)| {
                let to = recipient(number);
                scope.spawn(move || {
                    let mut client = greeted(address)?;
                    (0..each).map(|_| round_trip(&mut client, &to, content, arrived)).collect()
                })
            })
            .collect();
        let mut times: Vec<Duration> = Vec::new();
        for client in clients {
            let more: Vec<Duration> = joined(client)?;
            times.extend(more);
        }
        Ok::<_, io::Error>(times)
    })?;
    let messages_per_sec = times.len() as f64 / begun.elapsed().as_secs_f64();
    times.sort_unstable();
    let p99 = times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or_default();
    Ok(Live { messages_per_sec, p99 })
}

/// From MAIL until the message is at the next hop.
fn round_trip(
    client: &mut Client,
    to: &str,
    content: &[u8],
    arrived: &Receiver<()>,
) -> io::Result<Duration> {
    let begun = Instant::now();
    send(client, to, content)?;
    match arrived.recv_timeout(WAIT_LIMIT) {
        Ok(()) => Ok(begun.elapsed()),
        Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
            Err(io::Error::other("a message never came to its next hop"))
        }
    }
}

fn greeted(address: SocketAddr) -> io::Result<Client> {
    let mut client = Client::connect(address)?;
    client.read_reply()?;
    client.ask(b"EHLO client.example\r\n")?;
    Ok(client)
}

fn send(client: &mut Client, to: &str, content: &[u8]) -> io::Result<()> {
    client.ask(b"MAIL FROM:<sender@client.example>\r\n")?;
    client.ask(format!("RCPT TO:<{to}>\r\n").as_bytes())?;
    client.ask(b"DATA\r\n")?;
    client.ask(content)
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, io::Result<T>>) -> io::Result<T> {
    thread.join().unwrap_or_else(|_| Err(io::Error::other("a client panicked")))
}
