//! `openssl s_client`: a session typed by hand, over TLS.
//!
//! * **In**: command lines. **Out**: the server's replies. **Promises**: certificate and name are verified.
//! * **Limits**: as `tool`. **Panics**: on an unexpected reply.
//! * **Spec**: openssl-s_client(1); RFC 3030 (BDAT); RFC 7301 (ALPN).

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::site::{HOST, Site};
use super::{Client, DOMAIN, Letter, Way, every_body_arrives, text, tool};
use super::{terminated, with_final_line_ending_unless_empty};

const DATA: Client = Client { send: send_data, sends: with_final_line_ending_unless_empty };
const BDAT: Client = Client { send: send_bdat, sends: <[u8]>::to_vec };

/// `ann` and the password of the site, as AUTH PLAIN has them.
const CREDENTIALS: &str = "AGFubgBjb3JyZWN0IGhvcnNl";

/// Octets of a BDAT chunk: odd, so that line endings and dots are cut.
const CHUNK_OCTETS: usize = 65_537;

#[test]
fn every_body_arrives_typed_into_openssl_over_starttls() {
    every_body_arrives(&DATA, Way::StartTls);
}

#[test]
fn every_body_arrives_typed_into_openssl_over_submission() {
    every_body_arrives(&DATA, Way::Submission);
}

#[test]
fn every_body_arrives_typed_into_openssl_over_submissions() {
    every_body_arrives(&DATA, Way::Submissions);
}

/// The one way to send a content without a final line ending.
#[test]
fn every_body_arrives_in_chunks_typed_into_openssl() {
    every_body_arrives(&BDAT, Way::StartTls);
}

#[test]
fn alpn_smtp_is_chosen_and_http_is_refused() {
    let site = Site::start();
    for way in [Way::StartTls, Way::Submission, Way::Submissions] {
        let mut smtp = s_client(&site, way);
        let outcome = tool::run(smtp.args(["-alpn", "smtp"])).expect_code(0);
        outcome.expect_said("ALPN protocol: smtp").expect_said("Verify return code: 0 (ok)");

        let mut either = s_client(&site, way);
        let outcome = tool::run(either.args(["-alpn", "http/1.1,smtp"])).expect_code(0);
        outcome.expect_said("ALPN protocol: smtp");

        let mut none = s_client(&site, way);
        tool::run(&mut none).expect_code(0).expect_said("No ALPN negotiated");

        let mut http = s_client(&site, way);
        let outcome = tool::run(http.args(["-alpn", "http/1.1"])).expect_code(1);
        outcome.expect_said("no application protocol");
    }
}

/// Attack row B8: in TLS 1.2 a client may ask for a second handshake.
#[test]
fn b08_renegotiation_is_refused_to_openssl() {
    let site = Site::start();
    let mut command = s_client(&site, Way::Submissions);
    command.arg("-tls1_2").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().expect("timeout(1) runs");
    let mut keyboard = process.stdin.take().expect("stdin is a pipe");
    let mut screen = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
    let mut log = BufReader::new(process.stderr.take().expect("stderr is a pipe"));
    // The greeting must not come into the second handshake.
    read_until(&mut screen, "220 ");
    keyboard.write_all(b"R\n").expect("s_client reads");
    read_until(&mut log, "RENEGOTIATING");
    read_until(&mut log, "no renegotiation");
    assert!(!process.wait().expect("s_client ends").success());
}

/// Reads lines until one has these words.
#[track_caller]
fn read_until(pipe: &mut impl BufRead, words: &str) {
    let mut text = String::new();
    let mut read = 0;
    while !text[read..].contains(words) {
        read = text.len();
        let octets = pipe.read_line(&mut text).expect("s_client shows text");
        assert_ne!(octets, 0, "{words:?} is not in:\n{text}");
    }
}

// rows: 9325-3.1.1-a
#[test]
fn each_current_version_of_tls_is_spoken_and_no_older_one() {
    let site = Site::start();
    for way in [Way::StartTls, Way::Submissions] {
        for (option, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
            let outcome = tool::run(s_client(&site, way).arg(option)).expect_code(0);
            outcome.expect_said(&format!("New, {name}, Cipher is"));
        }
        let mut old = s_client(&site, way);
        old.args(["-tls1_1", "-cipher", "DEFAULT:@SECLEVEL=0"]);
        let outcome = tool::run(&mut old).expect_code(1).expect_said("SSL alert number");
        outcome.expect_said("New, (NONE), Cipher is (NONE)");
    }
}

#[test]
fn a_session_typed_into_openssl_knows_its_state_after_starttls() {
    let site = Site::start();
    let mut session = Conversation::start(&site, Way::StartTls);
    // Nothing of the session in clear is left, not even EHLO.
    session.ask("MAIL FROM:<ann@example.org>", "503 ");
    let offered = session.ask("EHLO client.example.org", "250");
    assert!(!offered.contains("STARTTLS"), "{offered}");
    session.ask("STARTTLS", "5");
    session.ask("RCPT TO:<kim@example.test>", "503 ");
    session.ask("MAIL FROM:<ann@example.org>", "250 2.1.0");
    session.ask(&format!("RCPT TO:<kim@{DOMAIN}>"), "250 2.1.5");
    session.ask("RSET", "250 2.0.0");
    session.ask("DATA", "503 ");
    session.ask("NOOP", "250 2.0.0");
    session.ask("QUIT", "221 2.0.0");
    session.end();
    site.expect_no_message("kim");
}

fn send_data(site: &Site, letter: &Letter<'_>) {
    let mut session = transaction(site, letter);
    session.ask("DATA", "354 ");
    let mut wire = terminated(&with_final_line_ending_unless_empty(letter.content));
    wire.extend_from_slice(b"\r\n");
    session.write(&wire);
    session.expect("250 2.0.0");
    session.ask("QUIT", "221 2.0.0");
    session.end();
}

fn send_bdat(site: &Site, letter: &Letter<'_>) {
    let mut session = transaction(site, letter);
    for chunk in letter.content.chunks(CHUNK_OCTETS) {
        session.write(format!("BDAT {}\r\n", chunk.len()).as_bytes());
        session.write(chunk);
        session.expect("250 2.0.0");
    }
    session.ask("BDAT 0 LAST", "250 2.0.0");
    session.ask("QUIT", "221 2.0.0");
    session.end();
}

fn transaction(site: &Site, letter: &Letter<'_>) -> Conversation {
    let mut session = Conversation::start(site, letter.way);
    session.ask("EHLO client.example.org", "250");
    if letter.way.authenticates() {
        session.ask(&format!("AUTH PLAIN {CREDENTIALS}"), "235 2.7.0");
    }
    session.ask("MAIL FROM:<ann@example.org> BODY=8BITMIME", "250 2.1.0");
    session.ask(&format!("RCPT TO:<{}>", letter.recipient), "250 2.1.5");
    session
}

/// `s_client` with pipes in place of a keyboard and a screen.
struct Conversation {
    process: Child,
    keyboard: ChildStdin,
    screen: BufReader<ChildStdout>,
}

impl Conversation {
    /// Connects, up to the point where the client speaks first.
    fn start(site: &Site, way: Way) -> Self {
        let mut command = s_client(site, way);
        command.arg("-quiet").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().expect("timeout(1) runs");
        let keyboard = process.stdin.take().expect("stdin is a pipe");
        let screen = BufReader::new(process.stdout.take().expect("stdout is a pipe"));
        let mut session = Self { process, keyboard, screen };
        if way == Way::Submissions {
            session.expect("220 ");
        }
        session
    }

    #[track_caller]
    fn ask(&mut self, line: &str, start: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes());
        self.expect(start)
    }

    fn write(&mut self, octets: &[u8]) {
        self.keyboard.write_all(octets).expect("s_client reads");
        self.keyboard.flush().expect("s_client reads");
    }

    /// A whole reply, which must begin with `start`.
    #[track_caller]
    fn expect(&mut self, start: &str) -> String {
        let mut reply = String::new();
        loop {
            let mut line = String::new();
            self.screen.read_line(&mut line).expect("s_client shows text");
            assert!(!line.is_empty(), "the session ended after {reply:?}, {start:?} was expected");
            reply.push_str(&line);
            if line.as_bytes().get(3) != Some(&b'-') {
                break;
            }
        }
        assert!(reply.starts_with(start), "{start:?} was expected: {reply:?}");
        reply
    }

    /// The server closes, TLS first.
    #[track_caller]
    fn end(mut self) {
        let mut rest = String::new();
        self.screen.read_line(&mut rest).expect("s_client shows text");
        assert_eq!(rest, "", "after the last reply");
        let status = self.process.wait().expect("s_client ends");
        assert_eq!(status.code(), Some(0), "s_client's exit code");
    }
}

fn s_client(site: &Site, way: Way) -> Command {
    let mut command = tool::installed("openssl");
    command.args(["s_client", "-connect", &site.address(way).to_string()]);
    command.args(["-servername", HOST, "-verify_hostname", HOST, "-verify_return_error"]);
    command.args(["-CAfile", text(site.certificate())]);
    if way != Way::Submissions {
        command.args(["-starttls", "smtp", "-name", "client.example.org"]);
    }
    command
}
