//! Rows E1 to E15: names and addresses, and what becomes of them.
//!
//! An address is text that is compared and handed on. It is never a path, a program, a query or a second line.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::access::{AccessAction, AccessMap, AccessMaps};
use smtp_server::delivery::{Maildir, Memory};
use smtp_server::proto::ForwardPath;
use smtp_server::sasl::Passwords;
use smtp_server::{CredentialStore, Identity, LookupError, Recipient, StageKind};

use super::{at_every_cut, runtime};
use crate::support::hooks::Scripted;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;
use crate::support::tcp::{Client, Running};

/// The codes of the replies to `lines` behind EHLO, at every cut; the next command is in sync.
#[track_caller]
fn told(setup: &Setup, lines: &[u8]) -> Vec<String> {
    let turns = [Turn::send("EHLO client.test\r\n"), Turn::send([lines, b"NOOP\r\n"].concat())];
    let run = at_every_cut(setup, &turns);
    let mut got = codes(&run.output[2]);
    assert_eq!(got.pop().unwrap(), "250 2.0.0", "{}", lines.escape_ascii());
    assert!(!run.closed);
    got
}

/// The code of MAIL with this path, and of RCPT with it.
#[track_caller]
fn as_sender_and_recipient(setup: &Setup, path: impl AsRef<[u8]>, params: &str) -> [String; 2] {
    let path = path.as_ref();
    let sender = [b"MAIL FROM:<", path, b">", params.as_bytes(), b"\r\n"].concat();
    let mail = format!("MAIL FROM:<>{params}\r\nRCPT TO:<");
    let recipient = [mail.as_bytes(), path, b">\r\n"].concat();
    [&sender, &recipient].map(|lines| told(setup, lines).pop().unwrap())
}

/// A message for these recipients: its reply and what the delivery was told.
fn delivered(setup: &Setup, delivery: &Scripted, lines: &str) -> Vec<String> {
    let turns = format!("EHLO client.test\r\n{lines}BDAT 0 LAST\r\n");
    pure::run(setup, &[Turn::send(turns)], Cuts::None);
    delivery.log()
}

/// In commands a line ending ends the line, so half an address is refused and the rest is another command.
/// Whoever makes an address in a program cannot make such a one: see the codec's row of this name.
#[test]
fn e01_a_line_break_in_an_address_makes_two_lines() {
    let (setup, delivery) = Setup::accepting();
    let got = told(&setup, b"MAIL FROM:<a@b\r\nRCPT TO:<c@d>>\r\n");
    assert_eq!(got, ["501 5.1.7", "501 5.5.4"]);
    let got = told(&setup, b"MAIL FROM:<a@b\rRCPT TO:<c@d>>\r\n");
    assert_eq!(got, ["501 5.1.7"]);
    assert!(ForwardPath::parse("<a@b>\r\nRCPT TO:<c@d>").is_err());
    assert!(delivery.log().is_empty());
}

/// `OpenSMTPD` CVE-2020-7247: an empty domain let any local-part through.
#[test]
fn e02_shell_text_is_no_address() {
    let (setup, _) = Setup::accepting();
    for path in [
        ";for i in 0 1 2 3;do read r;done;sh;exit 0;",
        ";id;",
        ";id;@",
        ";id;@local.test",
        "$(id)@local.test",
    ] {
        let got = as_sender_and_recipient(&setup, path, "");
        assert_eq!(got, ["501 5.1.7", "501 5.1.3"], "{path}");
    }
}

/// Exim CVE-2019-10149: the local-part was expanded. Here it is a name: unknown, or handed on as it is.
#[test]
fn e03_what_another_server_would_expand_is_a_name() {
    let hostile = r"<${run{\x2fbin\x2fsh\t-c\t\x22id\x22}}@local.test>";
    for (to, code) in [
        (hostile, "501 5.1.3"),
        ("<${run{id}}@local.test>", "550 5.1.1"),
        (r#"<"${run{\\x2fbin\\x2fsh\\t-c}}"@local.test>"#, "550 5.1.1"),
    ] {
        let mut delivery = Scripted::default();
        delivery.unknown.push(to.to_owned());
        let lines = format!("MAIL FROM:<>\r\nRCPT TO:{to}\r\n");
        assert_eq!(told(&Setup::new(delivery), lines.as_bytes()), ["250 2.1.0", code], "{to}");
        if code != "501 5.1.3" {
            let (setup, delivery) = Setup::accepting();
            assert_eq!(delivered(&setup, &delivery, &lines), [format!("<> {to} ")]);
        }
    }
}

#[test]
fn e04_control_characters_in_xtext_are_refused() {
    let (mut setup, delivery) = Setup::accepting();
    setup.authenticator = Some(Arc::new(Passwords::new(Raw::default())));
    setup.auth_in_clear = true;
    for line in [
        "MAIL FROM:<> AUTH=x+0Aevil",
        "MAIL FROM:<> AUTH=a+0D+0A@b.test",
        "MAIL FROM:<> AUTH=a+00@b.test",
    ] {
        assert_eq!(told(&setup, format!("{line}\r\n").as_bytes()), ["501 5.5.4"], "{line}");
    }
    let rcpt = "MAIL FROM:<>\r\nRCPT TO:<kim@local.test> ORCPT=rfc822;x+0D+0AX-Injected:\r\n";
    let got = told(&setup, rcpt.as_bytes());
    assert!(got[1].starts_with('5'), "{got:?}");
    assert!(delivery.log().is_empty());
}

/// A table that writes down the keys it is asked for.
#[derive(Clone, Default)]
struct Keys(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl AccessMap for Keys {
    async fn lookup(&self, key: &str) -> Result<Option<AccessAction>, LookupError> {
        self.0.lock().unwrap().push(key.to_owned());
        Ok(None)
    }
}

/// Exim CVE-2025-26794: what a look-up gets is the whole name, as a value. How it is asked for is the table's.
#[test]
fn e05_a_query_in_a_name_reaches_a_table_as_a_key() {
    let (mut setup, delivery) = Setup::accepting();
    let keys = Keys::default();
    setup.access = Some(Arc::new(AccessMaps::default().with(StageKind::Sender, keys.clone())));
    let from = "\"x'/**/union/**/select/**/1--\"@a";
    let log = delivered(
        &setup,
        &delivery,
        &format!("MAIL FROM:<{from}>\r\nRCPT TO:<kim@local.test>\r\n"),
    );
    assert_eq!(log, [format!("<{from}> <kim@local.test> ")]);
    let asked = keys.0.lock().unwrap().clone();
    assert_eq!(asked, ["x'/**/union/**/select/**/1--@a", "a", "x'/**/union/**/select/**/1--@"]);
    assert_eq!(told(&setup, b"ETRN #',1); DROP TABLE etrn; --\r\n"), ["501 5.5.4"]);
}

/// A store that knows `kim` and writes down whom it is asked for.
#[derive(Clone, Default)]
struct Raw(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl CredentialStore for Raw {
    async fn verify(&self, user: &str, _password: &str) -> Result<Option<Identity>, LookupError> {
        self.0.lock().unwrap().push(user.to_owned());
        Ok((user == "kim").then(|| Identity::new(user)))
    }
}

/// The filter characters of LDAP and SQL are letters of a name like others (see `CredentialStore::verify`).
#[test]
fn e06_a_user_name_reaches_the_store_as_it_was_sent() {
    let (mut setup, _) = Setup::accepting();
    let store = Raw::default();
    setup.authenticator = Some(Arc::new(Passwords::new(store.clone())));
    setup.auth_in_clear = true;
    // NUL *)(uid=* NUL x; NUL kim' OR '1'='1 NUL x.
    for (response, user) in
        [("ACopKHVpZD0qAHg=", "*)(uid=*"), ("AGtpbScgT1IgJzEnPScxAHg=", "kim' OR '1'='1")]
    {
        assert_eq!(told(&setup, format!("AUTH PLAIN {response}\r\n").as_bytes()), ["535 5.7.8"]);
        let asked = std::mem::take(&mut *store.0.lock().unwrap());
        assert!(!asked.is_empty() && asked.iter().all(|name| name == user), "{asked:?}");
    }
}

/// Local-parts that are something else to a file system, a shell or another server.
const LOCAL_PARTS: [&str; 22] = [
    "../../etc/passwd",
    "/etc/passwd",
    "|id",
    "|/bin/sh",
    ":include:/etc/shadow",
    "-oQ/tmp",
    ".",
    "..",
    "a/b",
    "a/../../b",
    "~root",
    "~/x",
    "user+../../x",
    "user+/../x",
    "+../x",
    "a\\b",
    "%2e%2e%2f",
    "new",
    "tmp",
    ".qmail",
    "$HOME",
    "`id`",
];

/// The mailboxes of accounts, who are found by their names.
#[test]
fn e07_a_local_part_is_never_a_path() {
    let root = tempfile::tempdir().unwrap();
    let spool = root.path().join("a/b/spool");
    let mailbox = spool.join("kim");
    let maildir = Maildir::new("mx.test", move |recipient: &Recipient| {
        (recipient.path.to_string() == "<kim@local.test>").then(|| mailbox.clone())
    });
    let setup = Setup::new(maildir);
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = Client::direct(running.address).await;
        client.reply().await;
        client.ask("EHLO client.test\r\n").await;
        for local_part in LOCAL_PARTS.into_iter().chain(["a\0b", &"x".repeat(65)]) {
            let quoted = local_part.replace('\\', "\\\\");
            for to in [format!("<{local_part}@local.test>"), format!("<\"{quoted}\"@local.test>")] {
                client.ask("MAIL FROM:<>\r\n").await;
                let reply = client.ask(&format!("RCPT TO:{to}\r\n")).await;
                let unknown = reply.starts_with("550 5.1.1 ") || reply.starts_with("501 5.1.3 ");
                assert!(unknown, "{to}: {reply}");
                // Errors are counted, so each attempt has a session of its own.
                client = Client::direct(running.address).await;
                client.reply().await;
                client.ask("EHLO client.test\r\n").await;
            }
        }
        client.ask("MAIL FROM:<>\r\n").await;
        client.ask("RCPT TO:<kim@local.test>\r\n").await;
        assert!(client.ask("BDAT 3 LAST\r\nx\r\n").await.starts_with("250 "));
        drop(client);
        running.stop().await;
    });
    let files = tree(root.path());
    let outside = |path: &&PathBuf| !path.starts_with(spool.join("kim"));
    assert_eq!(files.iter().filter(outside).count(), 0, "{files:?}");
    assert_eq!(files.len(), 1, "{files:?}");
}

/// All files below a directory.
fn tree(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(tree(&path)) } else { files.push(path) }
    }
    files
}

// rows: 5321-4.1.1.3-a, 5321-4.1.1.3-b
#[test]
fn e09_a_source_route_is_dropped_and_grants_nothing() {
    let (setup, delivery) = Setup::accepting();
    let mail = "MAIL FROM:<@a,@b:user@client.test>\r\n";
    for (to, code) in [
        ("<@a,@b:user@local.test>", "250 2.1.5"),
        ("<@local.test:v@ext.test>", "554 5.7.1"),
        ("<@local.test,@b:v@ext.test>", "554 5.7.1"),
        ("<@a,b:user@local.test>", "501 5.1.3"),
        ("<@a@b:user@local.test>", "501 5.1.3"),
    ] {
        let lines = format!("{mail}RCPT TO:{to}\r\n");
        assert_eq!(told(&setup, lines.as_bytes()), ["250 2.1.0", code], "{to}");
    }
    let log = delivered(&setup, &delivery, &format!("{mail}RCPT TO:<@a,@b:user@local.test>\r\n"));
    assert_eq!(log, ["<user@client.test> <user@local.test> "]);
}

const TAKEN: [&str; 2] = ["250 2.1.0", "250 2.1.5"];
const BROKEN: [&str; 2] = ["501 5.1.7", "501 5.1.3"];

/// What is answered to each form, as a sender and as a recipient, and why. The grammar has the same rows
/// in the codec's tests; here all domains are ours.
const FORMS: [(&str, [&str; 2], &str); 24] = [
    ("\"a b\"@x", TAKEN, "RFC 5321 4.1.2: a quoted string holds spaces"),
    (r#""a\"b"@x"#, TAKEN, "4.1.2: and quotes behind a backslash"),
    ("\"a@b\"@x", TAKEN, "4.1.2: and at signs, which separate nothing there"),
    ("\"\"@x", BROKEN, "erratum 5414: an empty one names nobody"),
    ("a..b@x", BROKEN, "4.1.2: no atom is empty"),
    (".a@x", BROKEN, "the same"),
    ("a.@x", BROKEN, "the same"),
    ("@x", BROKEN, "no local-part; a route without an address"),
    ("a b@x", BROKEN, "4.1.2: spaces need quotes"),
    ("a@", BROKEN, "no domain"),
    ("a@x.", BROKEN, "4.1.2: no label is empty, so there is no dot at the end"),
    ("a@.x", BROKEN, "the same"),
    ("a@-x", BROKEN, "4.1.2: a label begins with a letter or a digit"),
    ("a@x-", BROKEN, "and ends with one"),
    ("a@[1.2.3]", BROKEN, "4.1.3: an IPv4 address has four numbers"),
    ("a@[1.2.3.256]", BROKEN, "of one octet each"),
    ("a@[192.0.2.1]", TAKEN, "4.1.3"),
    ("a@[IPv6:::1]", TAKEN, "4.1.3"),
    ("a@[::1]", BROKEN, "4.1.3: an IPv6 address needs its tag"),
    ("a@[IPv6:1.2.3.4]", BROKEN, "and the tag an IPv6 address"),
    ("a@x_y", BROKEN, "2.3.5: letters, digits and hyphens; hosts with `_` send no mail"),
    ("a@localhost", TAKEN, "2.3.5 wants a full name: a matter of policy, not of syntax"),
    (
        "postmaster",
        ["501 5.1.7", "250 2.1.5"],
        "4.1.1.3: without a domain a recipient, and no sender",
    ),
    ("PostMaster", ["501 5.1.7", "250 2.1.5"], "the same without regard to case"),
];

// rows: 5321-4.1.2-g
#[test]
fn e10_each_form_of_an_address_has_its_answer() {
    let (mut setup, _) = Setup::accepting();
    setup.relay = Arc::new(Everything);
    for (path, expected, reason) in FORMS {
        assert_eq!(as_sender_and_recipient(&setup, path, ""), expected, "{path}: {reason}");
    }
}

/// Calls every domain local.
struct Everything;

#[async_trait]
impl smtp_server::RelayPolicy for Everything {
    async fn decide(
        &self,
        _to: &ForwardPath<'_>,
        _envelope: &smtp_server::Envelope,
        _info: &smtp_server::SessionInfo,
    ) -> smtp_server::RelayDecision {
        smtp_server::RelayDecision::Local
    }
}

// rows: 5321-4.5.3.1.1-a, 5321-4.5.3.1.2-a, 5321-4.5.3.1.3-a
#[test]
fn e11_the_longest_parts_are_taken_and_one_octet_more_is_not() {
    let (mut setup, _) = Setup::accepting();
    setup.relay = Arc::new(Everything);
    let label = "d".repeat(63);
    let domain = |last: usize| format!("{label}.{label}.{label}.{}", "d".repeat(last));
    for (path, expected) in [
        (format!("{}@x", "l".repeat(64)), TAKEN),
        (format!("{}@x", "l".repeat(65)), BROKEN),
        (format!("a@{label}.test"), TAKEN),
        (format!("a@{label}d.test"), BROKEN),
        (format!("a@{}", domain(60)), TAKEN),
        (format!("a@{}", domain(61)), BROKEN),
        (format!("{}@{label}.{label}.{}", "l".repeat(64), "d".repeat(61)), TAKEN),
        (format!("{}@{label}.{label}.{}", "l".repeat(64), "d".repeat(62)), BROKEN),
        (format!("@{}:a@x", domain(63)), BROKEN),
    ] {
        assert_eq!(as_sender_and_recipient(&setup, &path, ""), expected, "{path}");
    }
}

// rows: 6531-3.5-a
#[test]
fn e12_addresses_beyond_ascii_need_smtputf8() {
    let (mut setup, _) = Setup::accepting();
    setup.relay = Arc::new(Everything);
    for path in ["\u{fc}@x", "a@\u{fc}.test", "\"\u{fc} \"@x"] {
        let got = as_sender_and_recipient(&setup, path, "");
        assert_eq!(got, ["550 5.6.7", "553 5.6.7"], "{path}");
        assert_eq!(as_sender_and_recipient(&setup, path, " SMTPUTF8"), TAKEN, "{path}");
    }
}

#[test]
fn e12_broken_utf8_and_control_characters_are_refused() {
    let (setup, _) = Setup::accepting();
    let not_utf8: [&[u8]; 6] = [
        b"\xff@x",
        b"\xc0\xaf@x",
        b"\xe0\x80\xaf@x",
        b"\xed\xa0\x80@x",
        b"\xf4\x90\x80\x80@x",
        b"\xc3@x",
    ];
    for path in not_utf8 {
        let got = as_sender_and_recipient(&setup, path, " SMTPUTF8");
        assert_eq!(got, ["500 5.5.2", "500 5.5.2"], "{}", path.escape_ascii());
    }
    for path in ["a\0@x", "a@x\0", "a\u{85}@x", "a@xn---"] {
        assert_eq!(as_sender_and_recipient(&setup, path, " SMTPUTF8"), BROKEN, "{path:?}");
    }
}

/// Domains are compared as A-labels that IDNA would write; whatever it would not write equals only itself.
#[test]
fn e12_what_looks_like_our_domain_is_another_one() {
    let look_alikes = [
        "loc\u{430}l.test",
        "\u{ff4c}ocal.test",
        "local\u{3002}test",
        "lo\u{202e}cal.test",
        "local.te\u{17f}t",
        "loca\u{2113}.test",
        "loca\u{301}l.test",
        "lo\u{200d}cal.test",
    ];
    let (setup, delivery) = Setup::accepting();
    for domain in look_alikes {
        let lines = format!("MAIL FROM:<> SMTPUTF8\r\nRCPT TO:<kim@{domain}>\r\n");
        let got = told(&setup, lines.as_bytes());
        assert!(["554 5.7.1", "501 5.1.3"].contains(&&*got[1]), "{domain}: {got:?}");
    }
    assert!(delivery.log().is_empty());
}

/// A local-part is handed on octet by octet: composed and decomposed letters are two names.
// rows: 6531-3.3-a
#[test]
fn e12_a_local_part_is_not_normalised() {
    for name in ["\u{e9}", "e\u{301}", "\u{fb00}", "\u{130}", "\u{df}", "\u{430}", "\u{202e}x"] {
        let (setup, delivery) = Setup::accepting();
        let lines =
            format!("MAIL FROM:<{name}@a.test> SMTPUTF8\r\nRCPT TO:<{name}@local.test>\r\n");
        let expected = [format!("<{name}@a.test> <{name}@local.test> ")];
        assert_eq!(delivered(&setup, &delivery, &lines), expected);
    }
}

// rows: 5321-2.4-b, 5321-2.4-c
#[test]
fn e13_domains_have_no_case_and_local_parts_keep_theirs() {
    let (setup, delivery) = Setup::accepting();
    let lines =
        "MAIL FROM:<A@Client.TEST>\r\nRCPT TO:<USER@LOCAL.TEST>\r\nRCPT TO:<User@Local.Test>\r\n";
    let log = delivered(&setup, &delivery, lines);
    assert_eq!(log, ["<A@Client.TEST> <USER@LOCAL.TEST>,<User@Local.Test> "]);
}

const CLIENT_NAMES: [(&str, &str); 12] = [
    ("$(id)", "$?id?"),
    ("<script>alert(1)</script>", "?script?alert?1??/script?"),
    ("[1.2.3.4", "[1.2.3.4"),
    ("mx.test", "mx.test"),
    ("a);(b", "a???b"),
    ("a\\", "a?"),
    ("\"a\"", "?a?"),
    ("localhost", "localhost"),
    ("a,b", "a?b"),
    ("a;b", "a?b"),
    ("`id`", "`id`"),
    ("%n%s", "%n%s"),
];

// rows: 5321-4.4-a, 5321-4.4-b
#[test]
fn e14_a_client_name_stays_in_its_place() {
    for (name, written) in CLIENT_NAMES {
        let memory = Memory::default();
        let setup = Setup::new(memory.clone());
        let turns =
            format!("EHLO {name}\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nBDAT 0 LAST\r\n");
        let run = at_every_cut(&setup, &[Turn::send(turns)]);
        assert_eq!(codes(&run.output[1])[0], "250", "{name}");
        let message = memory.take().pop().unwrap();
        let [received] = &message.fields[..] else { panic!("{:?}", message.fields) };
        let start = format!("from {written} ([127.0.0.1])\r\n\tby mx.test with ESMTP id ");
        assert!(received.value().starts_with(&start), "{received}");
    }
}

#[test]
fn e14_a_client_name_is_one_printable_word() {
    let long = "x".repeat(300);
    for name in ["\x1b[31m", "a b", "a\0b", "a\u{9b}31m", "a\tb", &long] {
        let (setup, _) = Setup::accepting();
        let run = at_every_cut(&setup, &[Turn::send(format!("EHLO {name}\r\nNOOP\r\n"))]);
        assert_eq!(codes(&run.output[1]), ["501", "250 2.0.0"], "{name:?}");
    }
}

/// What a client claims about the way is content. Our own line stands above it, with the address that we saw.
// rows: 5321-4.4-a, 5321-4.4-b, 5321-4.4-d
#[test]
fn e15_a_forged_trace_stays_below_ours() {
    let forged = "Received: from localhost (localhost [127.0.0.1])\r\n\tby mx.test with ESMTPA id 1;\r\n\t\
                  Mon, 1 Jan 2001 00:00:00 +0000\r\nReturn-Path: <root@local.test>\r\n\r\nhi\r\n";
    let memory = Memory::default();
    let mut setup = Setup::new(memory.clone());
    setup.client = "192.0.2.9".parse().unwrap();
    let turns = format!(
        "EHLO localhost\r\nMAIL FROM:<>\r\nRCPT TO:<kim@local.test>\r\nDATA\r\n{forged}.\r\n"
    );
    at_every_cut(&setup, &[Turn::send(turns)]);
    for message in memory.take() {
        let [received] = &message.fields[..] else { panic!("{:?}", message.fields) };
        assert!(
            received
                .to_string()
                .starts_with("Received: from localhost ([192.0.2.9])\r\n\tby mx.test ")
        );
        assert_eq!(message.content, forged.as_bytes());
    }
}
