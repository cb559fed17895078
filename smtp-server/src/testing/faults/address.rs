//! Faults that an address asks for.
//!
//! * **In**: an address, an occurrence. **Out**: the fault that its local-part names, if this is the place for it.
//! * **Promises**: what `address.md` says; any other local-part is one like all.
//! * **Limits**: none. **Panics**: never. **Spec**: none.

use smtp_proto::{EnhancedCode, Reply, ReplyCode};

use super::rule::{Fault, On};
use super::script::Occurrence;
use super::text::time;
use crate::verdict::Rejection;

const WORDS: [&str; 9] =
    ["reject", "defer", "delay", "throttle", "truncate", "garbage", "close", "half-close", "reset"];

const GARBAGE: &[u8] = b"\x16\x03\x03 this is no reply\r\n";

pub(super) fn fault(address: &str, occurrence: &Occurrence) -> Option<Fault> {
    let (local_part, _) = address.rsplit_once('@')?;
    let (on, fault) = asked_by(&local_part.to_ascii_lowercase())?;
    let is_here = match occurrence.on? {
        On::Mail | On::Rcpt => on == On::Rcpt,
        On::Content => on == On::Content && occurrence.content.contains(&0),
        here => on == here,
    };
    is_here.then_some(fault)
}

/// What a local-part in lower case asks for, and where.
fn asked_by(local_part: &str) -> Option<(On, Fault)> {
    let (name, _) = local_part.split_once('+').unwrap_or((local_part, ""));
    if let Some(argument) = name.strip_prefix("stall-") {
        return Some((On::Content, Fault::Stall(time(argument)?)));
    }
    let (word, rest) = WORDS.iter().find_map(|word| Some((*word, behind(name, word)?)))?;
    let (on, rest) = match behind(rest, "-data") {
        Some(rest) => (On::EndOfData, rest),
        None => (On::Rcpt, rest),
    };
    let argument = rest.strip_prefix('-');
    let fault = match (word, argument) {
        ("reject", Some(code)) => {
            refusal(code).filter(Rejection::is_permanent).map(Fault::Answer)?
        }
        ("defer", Some(code)) => {
            Fault::Answer(refusal(code).filter(|rejection| !rejection.is_permanent())?)
        }
        ("delay", Some(text)) => Fault::Delay(time(text)?),
        ("throttle", Some(text)) => Fault::Throttle(text.parse().ok().filter(|rate| 0 < *rate)?),
        ("truncate", Some(text)) => Fault::Truncate(text.parse().ok()?),
        ("garbage", None) => Fault::Garbage(GARBAGE.to_vec()),
        ("close", None) => Fault::Close,
        ("half-close", None) => Fault::HalfClose,
        ("reset", None) => Fault::Reset,
        _ => return None,
    };
    Some((on, fault))
}

/// What stands behind `word`, if `text` begins with it and it is a whole word.
fn behind<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(word)?;
    (rest.is_empty() || rest.starts_with('-')).then_some(rest)
}

/// `550` or `550-5.1.1`.
fn refusal(text: &str) -> Option<Rejection> {
    let (code, enhanced) =
        text.split_once('-').map_or((text, None), |(code, rest)| (code, Some(rest)));
    let code = code.parse().ok().filter(|_| code.len() == 3).and_then(ReplyCode::new)?;
    let enhanced = match enhanced {
        Some(text) => EnhancedCode::parse(text)?,
        // Its class becomes that of the code.
        None => EnhancedCode::new(5, 0, 0),
    };
    Rejection::from_reply(Reply::new(code, Some(enhanced), "As the address asks"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_parts() {
        for (local_part, expected) in [
            ("reject-550", "Rcpt reply=\"550 5.0.0 As the address asks\""),
            ("reject-550-5.1.1", "Rcpt reply=\"550 5.1.1 As the address asks\""),
            ("reject-550-4.1.1", "Rcpt reply=\"550 5.1.1 As the address asks\""),
            ("reject-550+tag+more", "Rcpt reply=\"550 5.0.0 As the address asks\""),
            ("reject-data-554", "EndOfData reply=\"554 5.0.0 As the address asks\""),
            ("reject-data-554-5.7.1", "EndOfData reply=\"554 5.7.1 As the address asks\""),
            ("defer-451", "Rcpt reply=\"451 4.0.0 As the address asks\""),
            ("defer-421-4.3.2", "Rcpt reply=\"421 4.3.2 As the address asks\""),
            ("delay-2s", "Rcpt delay=2s"),
            ("delay-data-250ms", "EndOfData delay=250ms"),
            ("throttle-10", "Rcpt throttle=10"),
            ("truncate-7", "Rcpt truncate=7"),
            ("garbage-data", "EndOfData garbage=\"\\x16\\x03\\x03 this is no reply\\r\\n\""),
            ("close", "Rcpt close"),
            ("half-close", "Rcpt half-close"),
            ("half-close-data", "EndOfData half-close"),
            ("reset-data", "EndOfData reset"),
            ("stall-5s", "Content stall=5s"),
        ] {
            let asked = asked_by(local_part).map(|(on, fault)| format!("{on:?} {fault}"));
            assert_eq!(asked.as_deref(), Some(expected), "{local_part}");
        }
    }

    #[test]
    fn local_parts_like_all() {
        for local_part in [
            "",
            "kim",
            "reject",
            "reject-",
            "reject-451",
            "reject-5500",
            "reject-250",
            "reject-550-",
            "reject-550-5",
            "rejected-550",
            "defer-550",
            "defer",
            "delay",
            "delay-2",
            "delay-2h",
            "throttle-0",
            "truncate",
            "garbage-1",
            "close-1",
            "closed",
            "close-data-1",
            "stall",
            "stall-data-5s",
            "postmaster",
        ] {
            assert_eq!(asked_by(local_part).map(|(_, fault)| fault), None, "{local_part}");
        }
    }
}
