//! `Authentication-Results`: what we write, and what others wrote in our name.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use smtp_server::message_auth::{
    ArcResult, DkimResult, DmarcResult, HEADER_SECTION_BYTES_MAX, MessageAuth, Spf,
};
use smtp_server::{
    Accepted, Body, BodyError, Delivered, Delivery, Envelope, PollChunk, Service, SessionInfo,
};

use super::{CONTENT, Kept, LETTER, Letter, checking, ed25519, field, runtime, send};
use crate::support::checks;
use crate::support::dns::{NameServer, Zone};
use crate::support::setup::Setup;

const NAME: &str = "Authentication-Results";

/// The message as it is delivered.
async fn delivered(setup: &Setup, kept: &Kept, letter: Letter<'_>) -> String {
    let reply = send(setup, letter).await;
    assert!(reply.starts_with("250"), "{reply}");
    kept.last().0
}

// rows: 8601-4.1-a
#[test]
fn all_results_stand_in_one_field_on_top() {
    runtime().block_on(async {
        let key = ed25519();
        let content = &*key.signed("d.example", "s1", CONTENT).await;
        let zone = Zone::default()
            .text("d.example", &["v=spf1 ip4:192.0.2.1 -all"])
            .text("s1._domainkey.d.example", &[&key.record])
            .text("_dmarc.d.example", &["v=DMARC1; p=reject"]);
        let names = NameServer::start(zone).await;
        let (mut setup, kept) = checking(&names);
        for piece in [1, 7, 100, 4096] {
            let message = delivered(&setup, &kept, Letter { content, piece, ..LETTER }).await;
            assert!(
                message.starts_with("Authentication-Results: mx.test;\r\n\tspf=pass"),
                "{message}"
            );
            let said = field(&message, NAME);
            let start = "mx.test; spf=pass smtp.mailfrom=d.example; spf=none smtp.helo=c.example; \
                         dkim=pass header.d=d.example header.s=s1 header.b=";
            let (start, rest) = (said.strip_prefix(start), said.split("; dmarc=").nth(1));
            assert!(start.is_some(), "{said}");
            assert_eq!(rest, Some("pass header.from=d.example policy.dmarc=reject; arc=none"));
            assert!(message.lines().take(10).all(|line| line.len() < 78), "{message}");
            assert!(message.ends_with(content), "{message}");
            assert!(message.find("\r\nReceived:") < message.find("\r\nDKIM-Signature:"));
        }
        let asked = names.asked().len();
        setup.access = Some(Arc::new(Spf::new(names.dns())));
        let message = delivered(&setup, &kept, Letter { content, ..LETTER }).await;
        assert!(message.starts_with(NAME), "{message}");
        assert!(message.contains("\r\nReceived-SPF: pass"), "{message}");
        // Another resolver with a cache of its own asked about both names, once.
        assert_eq!(names.asked().len(), asked + 2, "{:?}", names.asked());
    });
}

#[test]
fn results_reach_the_delivery() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let (setup, kept) = checking(&names);
        assert!(send(&setup, LETTER).await.starts_with("250"));
        let results = kept.last().1.unwrap();
        assert_eq!((results.dkim.len(), results.arc), (0, ArcResult::None));
        assert_eq!(results.dmarc.result, DmarcResult::None);
        let spf = results.spf.unwrap();
        assert_eq!(
            (spf.helo.as_deref(), spf.mail_from.as_deref()),
            (Some("c.example"), Some("d.example"))
        );
    });
}

// rows: 8601-2.2-a
#[test]
fn none_is_said_of_what_users_send() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let (mut setup, kept) = checking(&names);
        setup.service = Service::Submission;
        let content = &*format!("Authentication-Results:mx.test;spf=pass\r\n{CONTENT}");
        let message = delivered(&setup, &kept, Letter { content, ..LETTER }).await;
        assert_eq!(field(&message, NAME), "mx.test; none");
        assert_eq!(message.matches(NAME).count(), 1);
        assert_eq!(names.asked(), <[String; 0]>::default());
    });
}

// rows: 8601-5-a, 8601-4-a
#[test]
fn fields_in_our_name_are_deleted_and_others_left_alone() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let (setup, kept) = checking(&names);
        let others = "Authentication-Results: elsewhere.test;\r\n\tdkim=pass header.d=x.test\r\n";
        let rest = format!("Subject: a\r\n{others}{CONTENT}authentication-results: mx.test; a\r\n");
        for ours in [
            "Authentication-Results: mx.test; dkim=pass\r\n",
            "AUTHENTICATION-RESULTS :\r\n\t(a) \"MX.test\" 1;\r\n dkim=pass\r\n",
        ] {
            let content = format!(
                "Subject: a\r\n{ours}{others}{ours}{CONTENT}authentication-results: mx.test; a\r\n"
            );
            for piece in [1, 13, 4096] {
                let letter = Letter { content: &content, piece, ..LETTER };
                let message = delivered(&setup, &kept, letter).await;
                assert!(message.ends_with(&format!("\r\n{rest}")), "{message}");
                assert_eq!(message.matches("mx.test;").count(), 2, "{message}");
            }
        }
        let only = "Authentication-Results: mx.test; dkim=pass\r\n";
        for (content, kept_of_it) in [
            (only.to_owned(), ""),
            (format!("{only}\r\n"), "\r\n"),
            (format!("\r\n{only}"), &*format!("\r\n{only}")),
            ("no field\r\n".to_owned(), "no field\r\n"),
        ] {
            let letter = Letter { content: &content, ..LETTER };
            let message = delivered(&setup, &kept, letter).await;
            assert!(message.ends_with(&format!("0000\r\n{kept_of_it}")), "{content:?} {message:?}");
        }
    });
}

#[test]
fn what_was_signed_is_checked_as_it_came() {
    runtime().block_on(async {
        let key = ed25519();
        let content = format!("Authentication-Results: mx.test; dkim=pass\r\n{CONTENT}");
        let fields = "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=d.example; s=s1; \
                      h=From:Authentication-Results";
        let content = super::dkim::signed(&key, fields, &content);
        let zone = Zone::default().text("s1._domainkey.d.example", &[&key.record]);
        let names = NameServer::start(zone).await;
        let (setup, kept) = checking(&names);
        assert!(send(&setup, Letter { content: &content, ..LETTER }).await.starts_with("250"));
        let (message, results) = kept.last();
        assert_eq!(results.unwrap().dkim[0].result, DkimResult::Pass);
        assert!(!message.contains("mx.test; dkim=pass"), "{message}");
    });
}

#[test]
fn h4_nothing_that_others_say_leaves_its_place() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let (setup, kept) = checking(&names);
        let signature = "DKIM-Signature: v=1; a=rsa-sha256; d=d.example (x\"\\\u{e4}); s=a b, c=pass; \
                         h=From; bh=QUJD; b=QUJD\r\n";
        let from = "From: \"x; dmarc=pass\" <a@d.example;dmarc=pass>\r\n";
        let content = &*format!("{signature}{from}\r\nHello\r\n");
        let message = delivered(&setup, &kept, Letter { content, ..LETTER }).await;
        let said = field(&message, NAME);
        let mut unquoted = String::new();
        for (index, part) in said.replace("\\\"", "").split('"').enumerate() {
            unquoted.push_str(if index % 2 == 0 { part } else { "_" });
        }
        assert!(!unquoted.contains("=pass"), "{said}");
        assert!(said.is_ascii(), "{said}");
        assert!(unquoted.contains("dkim=fail"), "{said}");
    });
}

#[test]
fn h3_a_header_section_without_end_is_refused() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let (setup, _) = checking(&names);
        let content = format!("X-A: {}\r\n", "x".repeat(90)).repeat(HEADER_SECTION_BYTES_MAX / 90);
        let reply = send(&setup, Letter { content: &content, ..LETTER }).await;
        assert_eq!(reply, "552 5.3.4 Header section too large\r\n");
    });
}

/// Chunks of content, of which nobody may keep one when the next is asked for.
struct Source {
    header: Option<Bytes>,
    chunks: usize,
    last: Option<Bytes>,
}

impl PollChunk for Source {
    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, BodyError>> {
        assert!(self.last.take().is_none_or(|last| last.is_unique()), "a chunk is kept");
        if let Some(header) = self.header.take() {
            return Poll::Ready(Ok(Some(header)));
        }
        let Some(left) = self.chunks.checked_sub(1) else { return Poll::Ready(Ok(None)) };
        self.chunks = left;
        self.last = Some(Bytes::from(vec![b'x'; CHUNK_BYTES]));
        Poll::Ready(Ok(self.last.clone()))
    }
}

const CHUNK_BYTES: usize = 64 * 1024;

/// Counts octets.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicUsize>);

#[async_trait]
impl Delivery for Counting {
    async fn deliver(&self, _: Envelope, body: &mut Body<'_>, _: &SessionInfo) -> Delivered {
        while let Some(chunk) = body.chunk().await? {
            self.0.fetch_add(chunk.len(), Ordering::Relaxed);
        }
        assert!(body.header_fields()[0].value().contains("dkim=fail"));
        Ok(Accepted::new().into())
    }
}

#[test]
fn h2_fifty_megabytes_pass_and_nothing_of_them_is_kept() {
    runtime().block_on(async {
        let names = NameServer::start(Zone::default()).await;
        let signed = super::dkim::signed_for_d_example(&ed25519(), CONTENT);
        let header = &signed[..signed.find("\r\n\r\n").unwrap() + 4];
        let chunks = 50_000_000 / CHUNK_BYTES;
        let header_bytes = header.len();
        let header = Some(Bytes::copy_from_slice(header.as_bytes()));
        let mut source = Source { header, chunks, last: None };
        let counting = Counting::default();
        let auth = MessageAuth::new(counting.clone(), names.dns());
        let envelope = checks::envelope("<kim@d.example>", checks::START);
        let mut body = Body::new(&mut source, Vec::new());
        auth.deliver(envelope, &mut body, &checks::client("192.0.2.1")).await.unwrap();
        assert_eq!(counting.0.load(Ordering::Relaxed), header_bytes + chunks * CHUNK_BYTES);
    });
}
