//! Programs that people have: senders, mailpit's client for Node, a test in Python, one in the shell, schemathesis.
//!
//! * **In**: the real program, what `scripts/install-peers` installs. **Out**: what they said, if they fail.
//! * **Promises**: a program that is missing is a failure. **Limits**: [`SECONDS_MAX`] each. **Panics**: as tests do.
//! * **Spec**: mailpit's API v1; the `OpenAPI` description that the program serves.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::Inbox;

const SECONDS_MAX: u32 = 240;

/// A command that is ended when it takes too long.
fn program(name: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("timeout");
    command
        .arg("--kill-after=5")
        .arg(SECONDS_MAX.to_string())
        .arg(name.as_ref())
        .stdin(Stdio::null());
    // No proxy of this machine stands between two programs on it.
    command.env("NO_PROXY", "*").env("no_proxy", "*");
    command
}

#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().expect("timeout(1) runs");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?} ended with {}:\n{said}", output.status);
    said
}

/// What `scripts/install-peers` put below `TARGET/peers`.
#[track_caller]
fn peer(name: &str) -> PathBuf {
    let above = Path::new(env!("CARGO_BIN_EXE_inbox")).ancestors();
    let there = above.map(|above| above.join("peers").join(name)).find(|path| path.exists());
    there.unwrap_or_else(|| panic!("{name} is not there: run scripts/test"))
}

fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

#[test]
fn what_swaks_and_curl_send_is_there() {
    let inbox = Inbox::start(&["--tls"]);
    let server = format!("127.0.0.1:{}", inbox.smtp().port());
    let swaks = [
        "--server",
        &server,
        "--from",
        "ann@example.org",
        "--to",
        "kim@example.org",
        "--header",
        "Subject: by swaks",
    ];
    run(program("swaks").args(swaks).args([
        "--tls",
        "--auth",
        "PLAIN",
        "--auth-user",
        "kim",
        "--auth-password",
        "any",
    ]));
    let directory = tempfile::tempdir().unwrap();
    let letter = directory.path().join("letter");
    std::fs::write(&letter, "Subject: by curl\r\n\r\nHi\r\n").unwrap();
    let url = format!("smtp://{server}");
    run(program("curl")
        .args([
            "--silent",
            "--show-error",
            "--mail-from",
            "ann@example.org",
            "--mail-rcpt",
            "kim@example.org",
            "--upload-file",
        ])
        .arg(&letter)
        .arg(url));
    assert_eq!(inbox.subjects("by"), ["by curl", "by swaks"]);
    let envelope = inbox.fetch("/api/v1/message/latest/envelope?query=swaks");
    assert_eq!(envelope["Login"], "kim");
    assert!(envelope["Tls"]["Protocol"].is_string());
}

#[test]
fn mailpits_client_for_node_finds_what_it_asks_for() {
    let target = Inbox::start(&[]);
    let inbox =
        Inbox::start(&["--relay", &target.smtp().to_string(), "--relay-allow", "*@example.org"]);
    let mut node = program("node");
    node.arg(source("mailpit-api/calls.mjs"))
        .arg(peer("mailpit-api"))
        .arg(format!("http://{}", inbox.http()));
    assert!(run(&mut node).contains("all calls were answered"));
    assert_eq!(target.subjects("welcome"), ["Welcome"]);
}

#[test]
fn prometheus_reads_the_metrics() {
    let inbox = Inbox::start(&[]);
    inbox.send("ann@example.org", &["kim@example.org"], "Subject: x\n\nHi\n");
    let script = "import sys, urllib.request\n\
        from prometheus_client.openmetrics.parser import text_string_to_metric_families\n\
        text = urllib.request.urlopen(sys.argv[1]).read().decode()\n\
        samples = {s.name: s.value for f in text_string_to_metric_families(text) for s in f.samples}\n\
        assert samples['inbox_messages'] == 1, samples\n\
        assert samples['inbox_received_messages_total'] == 1, samples\n";
    let mut python = program("python3");
    python.env("PYTHONPATH", peer("prometheus_client")).args(["-c", script]);
    run(python.arg(format!("http://{}/metrics", inbox.http())));
}

#[test]
fn a_test_in_python_waits_for_its_message() {
    let inbox = Inbox::start(&[]);
    let mut python = program("python3");
    python.arg(source("waits.py")).arg(env!("CARGO_BIN_EXE_inbox"));
    python.arg(inbox.smtp().port().to_string()).arg(inbox.http().to_string());
    assert!(run(&mut python).contains("123456"));
}

#[test]
fn a_test_in_the_shell_waits_for_its_message() {
    let inbox = Inbox::start(&[]);
    let script = r#"
        set -eu
        "$1" wait --http "$3" --timeout 60s --json 'to:kim subject:"Your code"' >"$4/message" &
        printf 'To: kim@example.org\r\nSubject: Your code\r\n\r\n123456\r\n' >"$4/letter"
        curl --silent --show-error --mail-from app@example.org --mail-rcpt kim@example.org --upload-file "$4/letter" "smtp://$2"
        wait $!
        grep -q '"Snippet":"123456"' "$4/message"
    "#;
    let directory = tempfile::tempdir().unwrap();
    let mut shell = program("sh");
    shell.args([
        "-c",
        script,
        "sh",
        env!("CARGO_BIN_EXE_inbox"),
        &inbox.smtp().to_string(),
        &inbox.http().to_string(),
    ]);
    run(shell.arg(directory.path()));
}

/// Events never end, and a wait may take as long as it is told to. Deleting has its table in `api`; here it would leave
/// nothing to ask for.
#[test]
fn schemathesis_finds_that_the_description_is_true() {
    let inbox = Inbox::start(&[]);
    for subject in ["one", "two"] {
        inbox.send("ann@example.org", &["kim@example.org"], &format!("Subject: {subject}\n\nHi\n"));
    }
    let there = peer("schemathesis");
    let directory = tempfile::tempdir().unwrap();
    let mut schemathesis = program("python3");
    schemathesis.env("PYTHONPATH", &there).current_dir(directory.path()).args([
        "-m",
        "schemathesis.cli",
        "run",
    ]);
    schemathesis.arg(format!("http://{}/api/v1/openapi.json", inbox.http()));
    schemathesis.args([
        "--exclude-path",
        "/api/v1/events",
        "--exclude-path",
        "/api/v1/wait",
        "--exclude-method",
        "DELETE",
    ]);
    schemathesis.args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"]);
    schemathesis.args([
        "--phases",
        "examples,coverage,fuzzing",
        "--max-examples",
        "20",
        "--seed",
        "1",
        "--no-color",
    ]);
    run(&mut schemathesis);
}
