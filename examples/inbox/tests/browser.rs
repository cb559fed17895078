//! The page in Chromium, against the program.
//!
//! * **In**: `tests/browser/run.mjs`, what `scripts/install-peers` installs, the messages of `tests/hostile`.
//!   **Out**: a line for each scenario; screenshots below Cargo's temporary directory for tests.
//! * **Promises**: node, playwright-core, axe-core or Chromium missing is a failure that names the script that installs them.
//! * **Limits**: [`SECONDS_MAX`]. **Panics**: if a scenario fails, with what was said.
//! * **Spec**: what the page promises: no script of a message runs, nothing outside is asked, axe finds nothing serious.

use std::path::Path;
use std::process::Command;

use crate::harness::Inbox;

const SECONDS_MAX: u32 = 600;

#[test]
fn the_page_in_chromium() {
    let target = Inbox::start(&[]);
    let relay = target.smtp().to_string();
    let inbox = Inbox::start(&["--relay", &relay, "--relay-allow", "*@example.org"]);
    let shots = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs");
    let mut command = Command::new("timeout");
    command.arg("--kill-after=5").arg(SECONDS_MAX.to_string()).arg("node").arg(script).arg(peers());
    command.args([inbox.smtp(), inbox.http(), target.http()].map(|address| address.to_string()));
    let output = command.arg(&shots).output().expect("timeout(1) runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    println!("{said}");
    assert!(output.status.success(), "see also the screenshots in {}:\n{said}", shots.display());
}

/// Where `scripts/install-peers` put playwright-core and axe-core.
fn peers() -> std::path::PathBuf {
    let above = Path::new(env!("CARGO_BIN_EXE_inbox")).ancestors();
    above
        .map(|above| above.join("peers/browser"))
        .find(|path| path.join("node_modules").exists())
        .expect("playwright-core is there: run scripts/test")
}
