//! Sessions as files, run four ways; `tests/transcripts/README.md` has the format.

mod parse;
mod run;

use std::path::{Path, PathBuf};

use parse::Transcript;

/// Runs every file and reports all that failed, by name.
fn for_each_file(mut check: impl FnMut(&Transcript) -> Result<(), String>) {
    let files = files();
    assert!(!files.is_empty(), "no transcript was found");
    let mut failures = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let outcome = Transcript::parse(&text).and_then(|transcript| check(&transcript));
        if let Err(failure) = outcome {
            failures.push(format!("== {name}\n{failure}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), files.len(), failures.join("\n"));
}

fn files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut files = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "smtp"))
        .filter(|path| {
            // TRANSCRIPT=name runs one file.
            std::env::var("TRANSCRIPT").map_or(true, |only| path.to_string_lossy().contains(&only))
        })
        .collect::<Vec<_>>();
    files.sort();
    files
}

#[test]
fn whole() {
    for_each_file(run::whole);
}

#[test]
fn byte_by_byte() {
    for_each_file(run::byte_by_byte);
}

#[test]
fn random_cuts() {
    for_each_file(run::random_cuts);
}

#[test]
fn over_tcp() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for_each_file(|transcript| runtime.block_on(run::over_tcp(transcript)));
}
