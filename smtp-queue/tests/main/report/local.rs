//! Mailboxes and programs of this host, with real files and programs.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smtp_proto::EnhancedCode;
use smtp_queue::transport::{Discard, Maildir, Mbox, Pipe, PipeError, Refuse};
use smtp_queue::{
    Content, ContentBody, Feedback, Job, NextHop, Outcome, Outcomes, QueueEntry, ReadAt, Report,
    Transport,
};
use smtp_server::Recipient;

use super::support::{FIELDS, entry};

struct Told(Vec<Report>);

impl Outcomes for Told {
    fn report(&mut self, report: Report) {
        self.0.push(report);
    }
}

/// Content that is read piece by piece.
#[derive(Debug)]
struct Stored(Bytes);

impl ReadAt for Stored {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
        let rest = self.0.slice((offset as usize).min(self.0.len())..);
        let length = rest.len().min(buffer.len()).min(777);
        buffer[..length].copy_from_slice(&rest[..length]);
        Ok(length)
    }
}

fn job(entry: QueueEntry, body: &str) -> Job {
    let recipients = (0..u32::try_from(entry.recipients.len()).unwrap()).collect();
    let body = ContentBody::Memory(Bytes::from(body.to_owned()));
    Job {
        entry: Arc::new(entry),
        recipients,
        content: Content { fields: Bytes::from_static(FIELDS.as_bytes()), body },
        next_hop: NextHop::on_this_host("local"),
    }
}

async fn outcomes(transport: &impl Transport, job: &Job) -> Vec<Outcome> {
    let mut told = Told(Vec::new());
    assert_eq!(transport.attempt(job, &mut told).await, Feedback::Reached);
    let indices = told.0.iter().map(|report| report.recipient).collect::<Vec<_>>();
    assert_eq!(indices, job.recipients);
    told.0.into_iter().map(|report| report.outcome).collect()
}

/// `sent 2.0.0 text` and the like.
async fn outcome(transport: &impl Transport, job: &Job) -> String {
    let outcome = outcomes(transport, job).await.pop().unwrap();
    let word = match outcome {
        Outcome::Delivered(_) => "sent",
        Outcome::Deferred(_) => "deferred",
        Outcome::Failed(_) => "bounced",
        _ => "other",
    };
    format!("{word} {} {}", outcome.status().code, outcome.status().text)
}

fn files(directory: impl AsRef<Path>) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn for_kim(path: PathBuf) -> impl Fn(&Recipient) -> Option<PathBuf> + Send + Sync + 'static {
    move |recipient| (recipient.path.to_string() == "<kim@ours.example>").then(|| path.clone())
}

const MAIL: &str = "MAIL FROM:<a@b.example>";
const KIM: &str = "RCPT TO:<kim@ours.example>";
const BODY: &str = "Subject: x\r\n\r\nHello\r\nFrom here on\r\n>From there\r\n";

// rows: maildir-delivery-a, 8098-2.3-a
#[tokio::test]
async fn a_maildir_gets_one_file_for_each_recipient() {
    let home = tempfile::tempdir().unwrap();
    let maildir = home.path().join("Maildir");
    let transport = Maildir::new("mx.example.org", for_kim(maildir.clone()));
    let rcpt = "RCPT TO:<kim@ours.example> ORCPT=rfc822;Kim+2B@ours.example";
    let job = job(entry(MAIL, &[rcpt, "RCPT TO:<lee@ours.example>"]), BODY);
    let outcomes = outcomes(&transport, &job).await;
    let [Outcome::Delivered(sent), Outcome::Failed(unknown)] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (sent.code.to_string().as_str(), sent.text.as_str()),
        ("2.0.0", "delivered to maildir")
    );
    assert_eq!(unknown.code.to_string(), "5.1.1");
    assert_eq!(unknown.text, "unknown user: \"lee@ours.example\"");
    let delivered = files(maildir.join("new"));
    let text = fs::read_to_string(&delivered[0]).unwrap();
    let expected = format!(
        "Return-Path: <a@b.example>\r\nDelivered-To: kim@ours.example\r\n\
         Original-Recipient: rfc822;Kim+@ours.example\r\n{FIELDS}{BODY}"
    );
    assert_eq!(text, expected.replace("\r\n", "\n"));
    assert_eq!((delivered.len(), files(maildir.join("tmp")).len()), (1, 0));
}

// rows: maildir-delivery-a
#[tokio::test]
async fn what_cannot_be_renamed_into_new_waits_and_leaves_nothing() {
    let home = tempfile::tempdir().unwrap();
    let maildir = home.path().to_owned();
    fs::create_dir(maildir.join("tmp")).unwrap();
    symlink("nowhere", maildir.join("new")).unwrap();
    let transport = Maildir::new("mx.example.org", for_kim(maildir.clone()));
    let outcome = outcome(&transport, &job(entry(MAIL, &[KIM]), BODY)).await;
    assert!(outcome.starts_with("deferred 4.2.0 maildir delivery failed: "), "{outcome}");
    assert!(files(maildir.join("tmp")).is_empty());
}

// rows: 5321-4.4-i
#[tokio::test]
async fn a_mailbox_sees_one_return_path() {
    let home = tempfile::tempdir().unwrap();
    let old = "Return-Path: <old@c.example>\r\n\tfolded\r\n";
    let mut message = job(entry(MAIL, &[KIM]), &format!("{old}{BODY}{old}"));
    let (maildir, mbox) = (home.path().join("Maildir"), home.path().join("mbox"));
    let transport = Maildir::new("mx.example.org", for_kim(maildir.clone()));
    assert_eq!(outcome(&transport, &message).await, "sent 2.0.0 delivered to maildir");
    let text = fs::read_to_string(&files(maildir.join("new"))[0]).unwrap();
    assert!(text.starts_with("Return-Path: <a@b.example>\n"), "{text}");
    // The body keeps what it has.
    assert!(text.ends_with(&format!("{BODY}{old}").replace("\r\n", "\n")), "{text}");
    assert_eq!(text.matches("Return-Path").count(), 2, "{text}");

    let ContentBody::Memory(body) = message.content.body else { panic!("it is in memory") };
    message.content.body = ContentBody::Stored(Arc::new(Stored(body)));
    let transport = Mbox::new(for_kim(mbox.clone()));
    assert_eq!(outcome(&transport, &message).await, "sent 2.0.0 delivered to mailbox");
    let text = fs::read_to_string(&mbox).unwrap();
    assert_eq!(text.matches("Return-Path").count(), 2, "{text}");
}

#[tokio::test]
async fn i6_a_message_that_was_here_before_is_a_loop() {
    let home = tempfile::tempdir().unwrap();
    let body = "delivered-to: KIM@ours.example\r\nSubject: x\r\n\r\n";
    let looping = job(entry(MAIL, &[KIM]), body);
    let expected = "bounced 5.4.6 mail forwarding loop for kim@ours.example";
    let maildir = Maildir::new("mx.example.org", for_kim(home.path().join("Maildir")));
    assert_eq!(outcome(&maildir, &looping).await, expected);
    let mbox = Mbox::new(for_kim(home.path().join("mbox")));
    assert_eq!(outcome(&mbox, &looping).await, expected);
    assert_eq!(outcome(&program(["/bin/cat"]).with_delivered_to(), &looping).await, expected);
    // In the body it is only text.
    let body = "Subject: x\r\n\r\nDelivered-To: kim@ours.example\r\n";
    let plain = job(entry(MAIL, &[KIM]), body);
    assert_eq!(outcome(&maildir, &plain).await, "sent 2.0.0 delivered to maildir");
}

// rows: 4155-A-a, 4155-A-b
#[tokio::test]
async fn an_mbox_gets_separated_and_quoted_messages() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kim");
    let mbox = Mbox::new(for_kim(path.clone()));
    let first = job(entry(MAIL, &[KIM]), BODY);
    assert_eq!(outcome(&mbox, &first).await, "sent 2.0.0 delivered to mailbox");
    let mut second = job(entry("MAIL FROM:<>", &[KIM]), "");
    let body = "Subject: y\r\n\r\nFro\r\n>>From a\r\nFrom\r\n>x\r\nno end";
    second.content.body =
        ContentBody::Stored(Arc::new(Stored(Bytes::from_static(body.as_bytes()))));
    assert_eq!(outcome(&mbox, &second).await, "sent 2.0.0 delivered to mailbox");
    let text = fs::read_to_string(&path).unwrap();
    let (separators, lines) = text.lines().partition::<Vec<_>, _>(|line| line.starts_with("From "));
    let fields = FIELDS.replace("\r\n", "\n");
    let expected = format!(
        "Return-Path: <a@b.example>\nDelivered-To: kim@ours.example\n{fields}\
         Subject: x\n\nHello\n>From here on\n>>From there\n\n\
         Return-Path: <>\nDelivered-To: kim@ours.example\n{fields}\
         Subject: y\n\nFro\n>>>From a\nFrom\n>x\nno end\n\n"
    );
    assert_eq!(lines.join("\n") + "\n", expected);
    let [first, second] = separators[..] else { panic!("{separators:?}") };
    assert!(second.starts_with("From MAILER-DAEMON "));
    // `From a@b.example Mon Jan  5 10:00:00 2026`
    let (sender, date) = first.split_at("From a@b.example ".len());
    assert_eq!((sender, date.len()), ("From a@b.example ", 24));
    let words = date.split_whitespace().collect::<Vec<_>>();
    let [weekday, month, day, time, year] = words[..] else { panic!("{date}") };
    assert!("Mon Tue Wed Thu Fri Sat Sun".contains(weekday) && month.len() == 3 && year.len() == 4);
    assert!(day.parse::<u8>().is_ok() && time.split(':').count() == 3);
    let mode = fs::metadata(&path).unwrap().mode() & 0o777;
    assert_eq!((mode, files(home.path()).len()), (0o600, 1));
}

#[tokio::test]
async fn k2_a_mailbox_that_is_no_plain_file_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::write(path("file"), "kept").unwrap();
    symlink(path("file"), path("link")).unwrap();
    fs::hard_link(path("file"), path("second")).unwrap();
    fs::write(path("program"), "kept").unwrap();
    fs::set_permissions(path("program"), fs::Permissions::from_mode(0o4755)).unwrap();
    let fifo = std::process::Command::new("mkfifo").arg(path("fifo")).status().unwrap();
    assert!(fifo.success());
    for (name, why) in [
        ("link", "the mailbox is a symbolic link"),
        ("second", "the mailbox has a second name"),
        ("program", "the mailbox can be run as a program"),
        ("fifo", "the mailbox is no regular file"),
    ] {
        let mbox = Mbox::new(for_kim(path(name)));
        let outcome = outcome(&mbox, &job(entry(MAIL, &[KIM]), BODY)).await;
        assert_eq!(outcome, format!("bounced 5.2.0 {why}"));
        assert!(!path(&format!("{name}.lock")).exists());
    }
    assert_eq!(fs::read_to_string(path("file")).unwrap(), "kept");
    assert_eq!(fs::read_to_string(path("program")).unwrap(), "kept");
}

#[tokio::test(start_paused = true)]
async fn a_locked_mbox_is_waited_for() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kim");
    let lock = home.path().join("kim.lock");
    fs::write(&lock, "1").unwrap();
    let mbox = Mbox::new(for_kim(path.clone()));
    let message = job(entry(MAIL, &[KIM]), BODY);
    let expected = "deferred 4.2.0 the mailbox is locked by another program";
    assert_eq!(outcome(&mbox, &message).await, expected);
    assert!(lock.exists() && !path.exists());
    // Nobody is behind a lock that is so old.
    let old = std::process::Command::new("touch").args(["-d", "1 hour ago"]).arg(&lock).status();
    assert!(old.unwrap().success());
    assert_eq!(outcome(&mbox, &message).await, "sent 2.0.0 delivered to mailbox");
    assert!(!lock.exists());
}

#[tokio::test]
async fn deliveries_to_one_mbox_at_once_do_not_mix() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("kim");
    let mbox = Mbox::new(for_kim(path.clone()));
    let body = format!("Subject: x\r\n\r\n{}", "0123456789\r\n".repeat(20_000));
    let tasks = (0..8).map(|_| {
        let (mbox, job) = (mbox.clone(), job(entry(MAIL, &[KIM]), &body));
        tokio::spawn(async move { outcome(&mbox, &job).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        assert_eq!(task.await.unwrap(), "sent 2.0.0 delivered to mailbox");
    }
    let text = fs::read_to_string(&path).unwrap();
    let messages = text.split("From a@b.example ").skip(1).collect::<Vec<_>>();
    assert_eq!(messages.len(), 8);
    assert!(messages.iter().all(|message| message.matches("0123456789\n").count() == 20_000));
}

/// A program that runs as nobody if we are root.
fn program<const N: usize>(argv: [&str; N]) -> Pipe {
    let pipe = Pipe::new("test", argv).unwrap();
    if rustix::process::geteuid().is_root() { pipe.as_user(65534, 65534) } else { pipe }
}

#[tokio::test]
async fn a_program_gets_the_message_and_its_arguments() {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let out = directory.path().join("out");
    let script = "cat > \"$0\"; printf '%s|' \"$@\" >> \"$0\"; id -u >> \"$0\"";
    let pipe = program([
        "/bin/sh",
        "-c",
        &script.replace('$', "$$"),
        out.to_str().unwrap(),
        "${sender}",
        "$recipient",
        "$(user)",
        "${extension}",
        "${mailbox}@${domain}",
        "${original_recipient}",
        "cost: $$5",
        "${nexthop}/${queue_id}/${size}",
    ]);
    let rcpt = "RCPT TO:<\"kim+x $HOME;`id`\"@Ours.example> ORCPT=rfc822;o@ours.example";
    let message =
        job(entry("MAIL FROM:<>", &[rcpt]), "Return-Path: <o>\r\nSubject: x\r\n\r\nHello\r\n");
    let sent = outcome(&pipe.with_return_path().with_delivered_to(), &message).await;
    assert_eq!(sent, "sent 2.0.0 delivered via test service");
    let text = fs::read_to_string(out).unwrap();
    let address = "\"kim+x $HOME;`id`\"@Ours.example";
    let user = if rustix::process::geteuid().is_root() {
        65534
    } else {
        rustix::process::geteuid().as_raw()
    };
    let expected = format!(
        "Return-Path: <>\nDelivered-To: {address}\n{}Subject: x\n\nHello\n\
         MAILER-DAEMON|{address}|kim|x $HOME;`id`|kim+x $HOME;`id`@ours.example|o@ours.example|cost: $5|local/1A/{}|{user}\n",
        FIELDS.replace("\r\n", "\n"),
        message.content.bytes(),
    );
    assert_eq!(text, expected);
}

#[tokio::test]
async fn the_exit_status_is_the_outcome() {
    for (script, expected) in [
        ("exit 0", "sent 2.0.0 delivered via test service"),
        ("cat >/dev/null; echo '250 queued'", "sent 2.0.0 delivered via test service (250 queued)"),
        ("exit 64", "bounced 5.3.0 command line usage error"),
        ("exit 65", "bounced 5.6.0 data format error"),
        ("exit 67", "bounced 5.1.1 user unknown"),
        ("exit 73", "bounced 5.2.0 can't create user output file"),
        ("echo later >&2; exit 75", "deferred 4.3.0 temporary failure. Command output: later"),
        ("exit 77", "bounced 5.7.0 permission denied"),
        ("exit 78", "bounced 5.3.5 local configuration error"),
        ("exit 1", "bounced 5.3.0 Command died with status 1"),
        ("echo 4.2.2 over quota; exit 1", "deferred 4.2.2 over quota"),
        ("echo 5.2.2 over quota; exit 75", "bounced 5.2.2 over quota"),
        (
            "echo a; printf 'b\\033[2J\\r\\n'; exit 70",
            "bounced 5.3.0 internal software error. Command output: a b?[2J",
        ),
        ("kill -9 $$$$", "deferred 4.3.0 Command died with signal 9"),
    ] {
        let message = job(entry(MAIL, &[KIM]), BODY);
        assert_eq!(
            outcome(&program(["/bin/sh", "-c", script]), &message).await,
            expected,
            "{script}"
        );
    }
    let missing = outcome(&program(["/nonexistent"]), &job(entry(MAIL, &[KIM]), BODY)).await;
    assert!(missing.starts_with("deferred 4.2.0 pipe delivery failed: "), "{missing}");
}

#[tokio::test]
async fn a_program_that_hangs_or_talks_without_end_is_bounded() {
    let message = job(entry(MAIL, &[KIM]), &"x".repeat(1 << 20));
    let hangs = program(["/bin/sh", "-c", "echo hm; sleep 600 & sleep 600"]);
    // On a slow machine it may not have said anything so soon.
    let mut timeout = Duration::from_millis(300);
    loop {
        let told = outcome(&hangs.clone().with_timeout(timeout), &message).await;
        let output = told.strip_prefix("deferred 4.3.0 Command time limit exceeded.").unwrap();
        if !output.is_empty() {
            assert_eq!(output, " Command output: hm");
            break;
        }
        timeout *= 2;
        assert!(timeout < Duration::from_secs(60), "it says nothing");
    }
    let talks = program(["/bin/sh", "-c", "head -c 10000000 /dev/zero | tr '\\0' x; exit 75"]);
    let outcome_of_talking = outcome(&talks, &message).await;
    assert!(outcome_of_talking.len() < 4200, "{}", outcome_of_talking.len());
    // Content larger than a pipe holds, read by nobody, or in pieces.
    let mut stored = message.clone();
    let octets = Bytes::from("Subject: x\r\n\r\n".to_owned() + &"y".repeat(300_000));
    stored.content.body = ContentBody::Stored(Arc::new(Stored(octets)));
    let counts = program(["/bin/sh", "-c", "tail -c 300000 | tr -d -c y | wc -c"]);
    assert_eq!(outcome(&counts, &stored).await, "sent 2.0.0 delivered via test service (300000)");
}

#[tokio::test]
async fn an_address_does_not_become_an_option_and_a_program_not_root() {
    let message = job(entry("MAIL FROM:<-x@b.example>", &[KIM]), BODY);
    let refused = outcome(&program(["/bin/echo", "${sender}"]), &message).await;
    assert!(refused.starts_with("bounced 5.1.3 "), "{refused}");
    let sent = outcome(&program(["/bin/echo", "-f${sender}"]), &message).await;
    assert_eq!(sent, "sent 2.0.0 delivered via test service (-f-x@b.example)");
    let root = Pipe::new("test", ["/bin/true"]).unwrap().as_user(0, 0);
    let refused = outcome(&root, &message).await;
    assert_eq!(refused, "deferred 4.3.5 a program for delivery never runs as root");
    for (argv, error) in [
        (vec![], PipeError::Program),
        (vec!["${user}"], PipeError::Program),
        (vec!["/bin/echo", "${nobody}"], PipeError::UnknownMacro("nobody".to_owned())),
        (vec!["/bin/echo", "a$"], PipeError::UnknownMacro(String::new())),
    ] {
        assert_eq!(Pipe::new("test", argv).unwrap_err(), error);
    }
}

#[tokio::test]
async fn discard_and_refuse_say_the_same_to_everybody() {
    let message = job(entry(MAIL, &[KIM, KIM]), BODY);
    assert_eq!(outcome(&Discard, &message).await, "sent 2.0.0 discarded");
    let moved = Refuse::for_good(EnhancedCode::new(2, 1, 6), "moved away");
    assert_eq!(outcome(&moved, &message).await, "bounced 5.1.6 moved away");
    let later = Refuse::for_now(EnhancedCode::new(5, 3, 2), "not today");
    assert_eq!(outcome(&later, &message).await, "deferred 4.3.2 not today");
}
