//! What the end of a program says of its message.
//!
//! * **In**: an exit status and output. **Out**: an outcome.
//! * **Promises**: a code `x.y.z` at the start of the output goes before the status. **Limits**: none.
//! * **Panics**: never. **Spec**: sysexits.h, with the codes of Postfix's pipe(8).

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use smtp_proto::EnhancedCode;

use super::local;
use crate::status::{Outcome, Status};

/// Statuses, codes and words.
const EXITS: [(i32, (u8, u16, u16), &str); 15] = [
    (64, (5, 3, 0), "command line usage error"),
    (65, (5, 6, 0), "data format error"),
    (66, (5, 3, 0), "cannot open input"),
    (67, (5, 1, 1), "user unknown"),
    (68, (5, 1, 2), "host name unknown"),
    (69, (5, 3, 0), "service unavailable"),
    (70, (5, 3, 0), "internal software error"),
    (71, (5, 3, 0), "system resource problem"),
    (72, (5, 3, 0), "critical OS file missing"),
    (73, (5, 2, 0), "can't create user output file"),
    (74, (5, 3, 0), "input/output error"),
    (75, (4, 3, 0), "temporary failure"),
    (76, (5, 5, 0), "remote error in protocol"),
    (77, (5, 7, 0), "permission denied"),
    (78, (5, 3, 5), "local configuration error"),
];

/// The outcome of a program that ended; `output` is one line.
pub(super) fn outcome(exit: ExitStatus, name: &str, output: &str) -> Outcome {
    let Some(value) = exit.code() else {
        let signal = exit.signal().unwrap_or_default();
        return local::deferred(
            (4, 3, 0),
            with_output(&format!("Command died with signal {signal}"), output),
        );
    };
    if value == 0 {
        let told = if output.is_empty() { String::new() } else { format!(" ({output})") };
        return local::delivered(format!("delivered via {name} service{told}"));
    }
    let (first, rest) = output.split_once(' ').unwrap_or((output, ""));
    if let Some(code) = EnhancedCode::parse(first).filter(|code| code.class() != 2) {
        return by_class(code, rest.to_owned());
    }
    match EXITS.iter().find(|(exit, ..)| *exit == value) {
        Some((_, (class, subject, detail), words)) => {
            by_class(EnhancedCode::new(*class, *subject, *detail), with_output(words, output))
        }
        None => {
            let text = with_output(&format!("Command died with status {value}"), output);
            local::failed((5, 3, 0), text)
        }
    }
}

pub(super) fn with_output(words: &str, output: &str) -> String {
    if output.is_empty() { words.to_owned() } else { format!("{words}. Command output: {output}") }
}

/// Output as one line of text.
pub(super) fn one_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ").replace(char::is_control, "?")
}

fn by_class(code: EnhancedCode, text: String) -> Outcome {
    let status = Status { code, text, reply: None, remote: None };
    if code.class() == 4 { Outcome::Deferred(status) } else { Outcome::Failed(status) }
}
