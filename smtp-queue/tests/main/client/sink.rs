//! Postfix's `smtp-sink`, which fails as it is told to. `scripts/install-peers` brings it.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use smtp_queue::transport::smtp::SmtpTransport;
use smtp_queue::{Feedback, NextHop};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::mail::entry;
use super::peer::{attempt, client, content, job, short};

struct Sink {
    address: SocketAddr,
    folder: tempfile::TempDir,
    _process: Child,
}

impl Sink {
    async fn start(flags: &[&str]) -> Self {
        // Its own address: nobody takes the port that was free a moment ago.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let first = Ipv4Addr::new(127, 1, 0, 1).to_bits();
        let ip = Ipv4Addr::from_bits(first + STARTED.fetch_add(1, Ordering::Relaxed));
        let listener = TcpListener::bind((ip, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let (postfix, folder) = (postfix(), tempfile::tempdir().unwrap());
        let mut command = Command::new(postfix.join("usr/sbin/smtp-sink"));
        command.env("LD_LIBRARY_PATH", postfix.join("usr/lib/postfix"));
        // As root it wants a user to change to.
        if std::fs::metadata("/proc/self")
            .is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
        {
            command.args(["-u", "root"]);
        }
        command.args(["-d", "mail."]).args(flags).arg(format!("inet:{address}")).arg("64");
        let process = command.current_dir(folder.path()).kill_on_drop(true).spawn().unwrap();
        // Ends as soon as it listens, or with the test's own time.
        while TcpStream::connect(address).await.is_err() {
            tokio::task::yield_now().await;
        }
        Self { address, folder, _process: process }
    }

    /// What it stored: pseudo header fields of its own, then the content.
    fn stored(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.folder.path()).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
    }
}

fn postfix() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let found =
        program.ancestors().map(|above| above.join("peers/postfix")).find(|path| path.exists());
    found.unwrap_or_else(|| {
        panic!(
            "there is no peers/postfix above {}: run scripts/install-peers",
            Path::display(&program)
        )
    })
}

#[tokio::test]
async fn postfix_sink_fails_as_it_is_told_to() {
    for (flags, expected, is_reached) in [
        (&[][..], "relayed 2.0.0", true),
        (&["-p"], "relayed 2.0.0", true),
        (&["-e"], "relayed 2.0.0", true),
        (&["-8"], "relayed 2.0.0", true),
        (&["-N", "-E"], "relayed 2.0.0", true),
        (&["-r", "connect"], "deferred 4.3.0", false),
        (&["-f", "connect"], "deferred 4.3.0", false),
        (&["-f", "ehlo"], "relayed 2.0.0", true),
        (&["-f", "ehlo,helo"], "deferred 4.3.0", false),
        (&["-r", "mail"], "deferred 4.3.0", true),
        (&["-f", "mail"], "failed 5.3.0", true),
        (&["-r", "rcpt"], "deferred 4.3.0", true),
        (&["-f", "rcpt"], "failed 5.3.0", true),
        (&["-r", "data"], "deferred 4.3.0", true),
        (&["-f", "data"], "failed 5.3.0", true),
        (&["-r", "."], "deferred 4.3.0", true),
        (&["-f", "."], "failed 5.3.0", true),
        (&["-q", "connect"], "deferred 4.4.2", false),
        (&["-q", "ehlo"], "deferred 4.4.2", false),
        (&["-q", "mail"], "deferred 4.4.2", true),
        (&["-q", "rcpt"], "deferred 4.4.2", true),
        (&["-q", "data"], "deferred 4.4.2", true),
        (&["-q", "."], "deferred 4.4.2", true),
        (&["-Q", "mail"], "deferred 4.0.0", false),
        (&["-Q", "."], "deferred 4.0.0", true),
    ] {
        let sink = Sink::start(flags).await;
        let mut job =
            job(entry("<a@client.test>", &["<b@d.test>"]), NextHop::host("mx.test", sink.address));
        let body = format!("Subject: x\r\n\r\n{}", ".\r\n..\r\nline\r\n".repeat(50_000));
        job.content = content(body.clone());
        let (feedback, reports) = attempt(&client(), &job).await;
        assert_eq!(short(&reports[0]), expected, "{flags:?}: {reports:?}");
        assert_eq!(matches!(feedback, Feedback::Reached), is_reached, "{flags:?}");
        if expected.starts_with("relayed") {
            let [stored] = &*sink.stored() else { panic!("{flags:?}") };
            let sent = format!("Received: here\r\n{body}").replace("\r\n", "\n");
            assert!(stored.contains(&sent), "{flags:?}");
        }
    }
}

#[tokio::test]
async fn postfix_sink_takes_lmtp() {
    let sink = Sink::start(&["-L"]).await;
    let lmtp = SmtpTransport::lmtp("client.test").unwrap();
    let job = job(
        entry("<a@client.test>", &["<b@d.test>", "<c@d.test>"]),
        NextHop::host("mx.test", sink.address),
    );
    for uses in 1..4 {
        let (_, reports) = attempt(&lmtp, &job).await;
        let told = reports
            .iter()
            .map(|report| (short(report), report.connection_uses))
            .collect::<Vec<_>>();
        let expected = ("delivered 2.2.0".to_owned(), uses);
        assert_eq!(told, [expected.clone(), expected]);
    }
}
