//! `mta queue ...`.
//!
//! * **In**: the arguments behind `queue`. **Out**: what to ask. **Promises**: nothing is asked that was not spelled out: an
//!   operation that changes messages names them, or says `ALL`. **Limits**: none. **Panics**: never.
//! * **Spec**: postqueue(1), postsuper(1), for the words.

use std::path::PathBuf;

use lexopt::Arg::{Long, Short, Value};
use lexopt::Parser;

use super::{Invocation, path, text, unicode, wrong_syntax};
use crate::control::{Asked, Operation, Request, Which};
use crate::failure::Failure;

/// In place of ids.
const ALL: &str = "ALL";

/// Reads the arguments.
pub(super) fn parse(mut parser: Parser) -> Result<Invocation, Failure> {
    let mut data = PathBuf::from(super::DATA);
    let mut queue_directory = None;
    let (mut json, mut site, mut words) = (false, None, Vec::new());
    while let Some(argument) = parser.next().map_err(wrong_syntax)? {
        match argument {
            Long("help") | Short('h') => return Ok(Invocation::Help),
            Long("data") => data = path(&mut parser, "--data")?,
            Short('o') => queue_directory = Some(directory(&text(&mut parser)?)?),
            Long("json") => json = true,
            Long("site") => site = Some(text(&mut parser)?),
            Value(word) => words.push(unicode(word)?),
            unknown => return Err(wrong_syntax(unknown.unexpected())),
        }
    }
    let operation = operation(&words, site)?;
    let queue_directory = queue_directory.unwrap_or_else(|| data.join("queue"));
    let request = Request { json, operation };
    Ok(Invocation::Queue(Box::new(Asked { data, queue_directory, request })))
}

/// The one parameter that says where the queue lies.
fn directory(parameter: &str) -> Result<PathBuf, Failure> {
    match parameter.split_once('=') {
        Some(("queue_directory", path)) if !path.is_empty() => Ok(path.into()),
        _ => Err(Failure::usage("queue takes -o queue_directory=PATH and no other parameter")),
    }
}

fn operation(words: &[String], site: Option<String>) -> Result<Operation, Failure> {
    let Some((verb, words)) = words.split_first() else {
        return Err(Failure::usage("queue wants an operation: mta --help lists them"));
    };
    if site.is_some() && !matches!(verb.as_str(), "list" | "flush") {
        return Err(Failure::usage(format!("queue {verb} takes no --site")));
    }
    let operation = match verb.as_str() {
        "list" => alone(verb, words, Operation::List { site })?,
        "stats" => alone(verb, words, Operation::Stats)?,
        "shape" => alone(verb, words, Operation::Shape)?,
        "fsck" => alone(verb, words, Operation::Fsck)?,
        "show" => Operation::Show(ids(verb, words)?),
        "flush" => Operation::Flush(match (site, words) {
            (Some(site), []) => Which::Site(site),
            (Some(_), _) => {
                return Err(Failure::usage("queue flush: write ids or --site, not both"));
            }
            (None, []) => Which::All,
            (None, words) => which(verb, words)?,
        }),
        "hold" => Operation::Hold(which(verb, words)?),
        "release" => Operation::Release(which(verb, words)?),
        "requeue" => Operation::Requeue(which(verb, words)?),
        "expire" => Operation::Expire(which(verb, words)?),
        "delete" => Operation::Delete(which(verb, words)?),
        "suspend" => Operation::Suspend(one_site(verb, words)?),
        "resume" => Operation::Resume(one_site(verb, words)?),
        _ => {
            return Err(Failure::usage(format!(
                "queue {verb} is not known: there are list, show, flush, hold, release, requeue, expire, \
                 delete, suspend, resume, stats, shape and fsck"
            )));
        }
    };
    Ok(operation)
}

fn alone(verb: &str, words: &[String], operation: Operation) -> Result<Operation, Failure> {
    match words {
        [] => Ok(operation),
        [word, ..] => Err(Failure::usage(format!("queue {verb} takes no '{word}'"))),
    }
}

fn which(verb: &str, words: &[String]) -> Result<Which, Failure> {
    match words {
        [all] if all == ALL => Ok(Which::All),
        words => Ok(Which::Ids(ids(verb, words)?)),
    }
}

fn ids(verb: &str, words: &[String]) -> Result<Vec<String>, Failure> {
    if words.is_empty() {
        let all = if verb == "show" { "" } else { ", or ALL" };
        return Err(Failure::usage(format!(
            "queue {verb} wants queue ids, or - for those on standard input{all}"
        )));
    }
    Ok(words.to_vec())
}

fn one_site(verb: &str, words: &[String]) -> Result<String, Failure> {
    match words {
        [site] => Ok(site.clone()),
        _ => Err(Failure::usage(format!("queue {verb} wants a site, as mta queue stats has it"))),
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn parse(line: &str) -> Result<Asked, String> {
        match Invocation::parse(line.split(' ').map(OsString::from)) {
            Ok(Invocation::Queue(asked)) => Ok(*asked),
            Ok(other) => panic!("{line}: {other:?}"),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn operations_are_read() {
        let ids = |ids: &[&str]| Which::Ids(ids.iter().map(|id| (*id).to_owned()).collect());
        for (line, expected) in [
            ("queue list", Operation::List { site: None }),
            ("queue list --site a.test", Operation::List { site: Some("a.test".to_owned()) }),
            ("queue show 1F", Operation::Show(vec!["1F".to_owned()])),
            ("queue flush", Operation::Flush(Which::All)),
            ("queue flush ALL", Operation::Flush(Which::All)),
            ("queue flush --site a.test", Operation::Flush(Which::Site("a.test".to_owned()))),
            ("queue flush 1", Operation::Flush(ids(&["1"]))),
            ("queue hold 1 2", Operation::Hold(ids(&["1", "2"]))),
            ("queue release ALL", Operation::Release(Which::All)),
            ("queue delete -", Operation::Delete(ids(&["-"]))),
            ("queue suspend mx.a.test", Operation::Suspend("mx.a.test".to_owned())),
            ("queue stats", Operation::Stats),
        ] {
            let asked = parse(line).unwrap();
            assert_eq!(asked.request, Request { json: false, operation: expected }, "{line}");
            assert_eq!(asked.queue_directory, PathBuf::from("./mta-data/queue"), "{line}");
        }
        let asked = parse("queue -o queue_directory=/q stats").unwrap();
        assert_eq!(asked.queue_directory, PathBuf::from("/q"));
        let asked = parse("queue --data /d shape --json").unwrap();
        assert_eq!((asked.data, asked.request.json), (PathBuf::from("/d"), true));
    }

    #[test]
    fn what_is_not_spelled_out_is_refused() {
        for line in [
            "queue",
            "queue purge",
            "queue list x",
            "queue show",
            "queue hold",
            "queue delete",
            "queue delete --site a.test",
            "queue flush --site a.test 1",
            "queue suspend",
            "queue resume a b",
            "queue list --smtp off",
            "queue list -o relayhost=x",
        ] {
            assert!(parse(line).is_err_and(|message| message.ends_with("(64)")), "{line}");
        }
    }
}
