//! A session against a script: `S:` is what the next hop says, `C:` what we have to say, `T:` a handshake, `M:` the next
//! message, `Q:` the end, `!` how the session fails, `=` what became of recipients in all.

use std::collections::VecDeque;

use smtp_queue::QueueEntry;
use smtp_queue::transport::smtp::session::{
    Action, Cause, ClientSession, ContentScan, Failure, Hello, TlsFacts, TlsUse,
};

use super::mail::{ARRIVED, entry, indices};

/// How the next hop's octets come.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cut {
    Whole,
    Every(usize),
    Seeded(u64),
}

impl Cut {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let every = [1, 2, 3, 5, 17].map(Self::Every);
        [Self::Whole].into_iter().chain(every).chain((1..8).map(Self::Seeded))
    }

    fn pieces(self, octets: &[u8]) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        let mut rest = octets;
        let mut seed = if let Self::Seeded(seed) = self { seed } else { 0 };
        while !rest.is_empty() {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let bytes = match self {
                Self::Whole => rest.len(),
                Self::Every(bytes) => bytes,
                Self::Seeded(_) => 1 + (seed >> 33) as usize % 9,
            };
            let (piece, after) = rest.split_at(bytes.min(rest.len()));
            pieces.push(piece.to_vec());
            rest = after;
        }
        pieces
    }
}

/// What is sent in a script.
#[derive(Clone)]
pub(crate) struct Mail {
    pub(crate) entry: QueueEntry,
    pub(crate) content: Vec<u8>,
}

impl Mail {
    pub(crate) fn new(recipients: &[&str]) -> Self {
        Self {
            entry: entry("<a@client.test>", recipients),
            content: b"A: b\r\n\r\n.c\r\n".to_vec(),
        }
    }
}

pub(crate) fn smtp() -> Hello {
    Hello::smtp("client.test", TlsUse::IfOffered).unwrap()
}

/// Runs the script in all cuts.
pub(crate) fn run(hello: &Hello, mail: &Mail, script: &str) {
    Cut::all().for_each(|cut| run_cut(hello, mail, script, cut));
}

pub(crate) fn run_cut(hello: &Hello, mail: &Mail, script: &str, cut: Cut) {
    let mut run = Run {
        session: ClientSession::new(hello.clone()),
        mail: mail.clone(),
        cut,
        written: Vec::new(),
        told: Vec::new(),
        failure: None,
    };
    run.settle();
    let mut lines =
        script.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<VecDeque<_>>();
    let mut told = Vec::new();
    while let Some(line) = lines.pop_front() {
        let (kind, text) = line.split_at(line.find(' ').unwrap_or(line.len()));
        let text = text.strip_prefix(' ').unwrap_or_default();
        match kind {
            "C:" => run.expect(text, script),
            "S:" => {
                let mut turn = format!("{text}\r\n");
                while let Some(more) = lines.front().and_then(|line| line.strip_prefix("S: ")) {
                    turn.push_str(&format!("{more}\r\n"));
                    lines.pop_front();
                }
                assert_eq!(run.unread(), "", "before {turn:?} in {cut:?} of\n{script}");
                run.receive(turn.as_bytes());
            }
            "E:" => {
                run.session.handle_end();
                run.settle();
            }
            "T:" => run.handshake(text == "verified"),
            "M:" => run.begin(),
            "Q:" => run.quit(),
            "!" => assert_eq!(run.failure().describe(&"mx"), text, "{cut:?} of\n{script}"),
            "=" => told.push(text.to_owned()),
            _ => panic!("{line}"),
        }
    }
    assert_eq!(run.unread(), "", "at the end in {cut:?} of\n{script}");
    assert_eq!(run.told, told, "{cut:?} of\n{script}");
}

struct Run {
    session: ClientSession,
    mail: Mail,
    cut: Cut,
    written: Vec<u8>,
    told: Vec<String>,
    failure: Option<Failure>,
}

impl Run {
    fn settle(&mut self) {
        loop {
            match self.session.poll() {
                Action::Content => self.content(),
                Action::Recipient { recipient, answer } => {
                    let code = answer.reply.code();
                    let more = if answer.is_one_too_many { " one too many" } else { "" };
                    self.told.push(format!("{recipient} {code} {:?}{more}", answer.stage));
                }
                Action::Failed(failure) => {
                    self.failure = Some(failure);
                    break;
                }
                _ => break,
            }
        }
        self.written.extend_from_slice(&self.session.output().split());
    }

    fn content(&mut self) {
        for piece in self.cut.pieces(&self.mail.content.clone()) {
            self.session.content(&piece);
            if self.session.poll() != Action::Content {
                return;
            }
        }
        self.session.content_end();
    }

    fn receive(&mut self, octets: &[u8]) {
        for piece in self.cut.pieces(octets) {
            self.session.receive(&piece);
            self.settle();
        }
    }

    fn begin(&mut self) {
        assert_eq!(self.session.poll(), Action::Ready);
        let mut scan = ContentScan::default();
        scan.feed(&self.mail.content);
        let entry = &self.mail.entry;
        let plan = self.session.plan(entry, &indices(entry), &scan.finish(), ARRIVED);
        self.session.begin(plan.unwrap());
        self.settle();
    }

    fn handshake(&mut self, is_verified: bool) {
        assert_eq!(self.session.poll(), Action::Handshake);
        self.session.handle_tls(TlsFacts { is_verified, exporter: None });
        self.settle();
    }

    fn quit(&mut self) {
        self.session.quit();
        self.settle();
    }

    fn failure(&self) -> Failure {
        let unfailed = Failure { stage: self.session.stage(), cause: Cause::Lost };
        self.failure.clone().unwrap_or_else(|| panic!("not failed: {unfailed:?}"))
    }

    /// Takes one line of ours, which has to be `text`.
    fn expect(&mut self, text: &str, script: &str) {
        let expected = format!("{text}\r\n");
        let found = self.unread();
        assert!(
            found.starts_with(&expected),
            "{text:?} and not {found:?} in {:?} of\n{script}",
            self.cut
        );
        self.written.drain(..expected.len());
    }

    fn unread(&self) -> String {
        String::from_utf8_lossy(&self.written).into_owned()
    }
}
