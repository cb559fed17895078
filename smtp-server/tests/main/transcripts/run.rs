//! The four ways to run a transcript.

use crate::support::octets::{Random, shown};
use crate::support::pure::{self, Cuts, Run, Turn};
use crate::support::tcp::{Client, Running};

use super::parse::{Expected, Transcript};

const SEEDS: u64 = 12;

pub(super) fn whole(transcript: &Transcript) -> Result<(), String> {
    run_pure(transcript, Cuts::None).map(|_| ())
}

pub(super) fn byte_by_byte(transcript: &Transcript) -> Result<(), String> {
    compare_with_whole(transcript, Cuts::All)
}

pub(super) fn random_cuts(transcript: &Transcript) -> Result<(), String> {
    (0..SEEDS).try_for_each(|seed| {
        compare_with_whole(transcript, Cuts::Random(seed)).map_err(|f| format!("seed {seed}: {f}"))
    })
}

pub(super) async fn over_tcp(transcript: &Transcript) -> Result<(), String> {
    let (setup, delivery) = transcript.setup()?;
    let running = Running::start(&setup).await;
    let mut client = running.connect(setup.client).await;
    let outcome = play(transcript, &mut client).await;
    drop(client);
    let report = running.stop().await;
    outcome?;
    if report.cut != 0 {
        return Err("the session did not end with its client".to_owned());
    }
    check_delivered(transcript, &delivery.log())
}

async fn play(transcript: &Transcript, client: &mut Client) -> Result<(), String> {
    let mut random = Random(42);
    let mut expected = transcript.expected.iter();
    read(client, "the greeting", expected.next().into_iter().flatten()).await?;
    for turn in &transcript.turns {
        match turn {
            Turn::Tls => client.start_tls().await.map_err(|error| error.to_string())?,
            Turn::Send(octets) => {
                client.write_cut(octets, &mut random).await;
                read(client, &shown(octets), expected.next().into_iter().flatten()).await?;
            }
        }
    }
    client.end().await;
    let more = client.rest().await;
    if more.is_empty() { Ok(()) } else { Err(format!("unexpected: {}", shown(&more))) }
}

async fn read(
    client: &mut Client,
    turn: &str,
    expected: impl Iterator<Item = &Expected>,
) -> Result<(), String> {
    for one in expected {
        let got = match one {
            Expected::Line(_) => client.line().await,
            Expected::Reply(_) => client.reply().await.into_bytes(),
            Expected::Close => client.rest().await,
        };
        one.check(&got).map_err(|fault| format!("after {turn}\n  {fault}"))?;
    }
    Ok(())
}

fn compare_with_whole(transcript: &Transcript, cuts: Cuts) -> Result<(), String> {
    let cut = run_pure(transcript, cuts)?;
    let whole = run_pure(transcript, Cuts::None)?;
    if cut.output == whole.output {
        return Ok(());
    }
    Err(format!("cut: {}\nwhole: {}", shown(&cut.text()), shown(&whole.text())))
}

fn run_pure(transcript: &Transcript, cuts: Cuts) -> Result<Run, String> {
    let (setup, delivery) = transcript.setup()?;
    let run = pure::run(&setup, &transcript.turns, cuts);
    check_output(transcript, &run)?;
    check_delivered(transcript, &delivery.log())?;
    Ok(run)
}

fn check_output(transcript: &Transcript, run: &Run) -> Result<(), String> {
    let sent = transcript.turns.iter().filter_map(|turn| match turn {
        Turn::Send(octets) => Some(shown(octets)),
        Turn::Tls => None,
    });
    let names = std::iter::once("the greeting".to_owned()).chain(sent);
    for (at, (name, expected)) in names.zip(&transcript.expected).enumerate() {
        let mut rest = run.output.get(at).map_or(&[][..], Vec::as_slice);
        for one in expected {
            let (got, after) = match one {
                Expected::Line(_) => split_line(rest),
                Expected::Reply(_) => split_reply(rest),
                Expected::Close if run.closed => (&[][..], rest),
                Expected::Close => return Err(format!("after {name}\n  no close")),
            };
            one.check(got).map_err(|fault| format!("after {name}\n  {fault}"))?;
            rest = after;
        }
        if !rest.is_empty() {
            return Err(format!("after {name}\n  unexpected: {}", shown(rest)));
        }
    }
    let closes = transcript.expected.iter().flatten().any(|one| matches!(one, Expected::Close));
    if run.closed && !closes { Err("closed".to_owned()) } else { Ok(()) }
}

fn split_line(octets: &[u8]) -> (&[u8], &[u8]) {
    let end = octets.iter().position(|octet| *octet == b'\n').map_or(octets.len(), |at| at + 1);
    octets.split_at(end)
}

fn split_reply(octets: &[u8]) -> (&[u8], &[u8]) {
    let mut end = 0;
    loop {
        let (line, rest) = split_line(&octets[end..]);
        end += line.len();
        if line.get(3) != Some(&b'-') || rest.is_empty() {
            return octets.split_at(end);
        }
    }
}

fn check_delivered(transcript: &Transcript, delivered: &[String]) -> Result<(), String> {
    if transcript.delivered == delivered {
        return Ok(());
    }
    Err(format!("delivered {delivered:#?}\nbut expected {:#?}", transcript.delivered))
}

impl Expected {
    fn check(&self, got: &[u8]) -> Result<(), String> {
        let matches = match self {
            Self::Line(line) => match line.strip_suffix("...") {
                Some(start) => got.starts_with(start.as_bytes()) && got.ends_with(b"\r\n"),
                None => got.strip_suffix(b"\r\n") == Some(line.as_bytes()),
            },
            Self::Reply(code) => got.starts_with(code.as_bytes()),
            Self::Close => got.is_empty(),
        };
        if matches { Ok(()) } else { Err(format!("expected {self:?}\n  got {}", shown(got))) }
    }
}
