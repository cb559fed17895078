//! DKIM: signatures made by hand after RFC 6376, so that nothing checks itself.

use mail_auth::common::crypto::{Ed25519Key, HashAlgorithm, RsaKey, Sha256, SigningKey};
use rcgen::{KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, RsaKeySize};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use smtp_server::BareNewline;
use smtp_server::message_auth::{DkimCheck, DkimResult, SIGNATURES_MAX};
use smtp_server::signing::{DkimKey, DkimKeyError, Sign};

use super::{CONTENT, Kept, Key, LETTER, Letter, base64, checked, ed25519, rsa, runtime, send};
use crate::support::dns::Zone;
use crate::support::setup::Setup;

/// A signature to be made.
struct Recipe<'a> {
    /// The tags but `bh` and `b`.
    tags: &'a str,
    relaxed_header: bool,
    relaxed_body: bool,
}

const RELAXED: Recipe<'static> = Recipe {
    tags: "v=1; a=ed25519-sha256; c=relaxed/relaxed; d=d.example; s=s1; h=From:Subject",
    relaxed_header: true,
    relaxed_body: true,
};

impl Recipe<'_> {
    /// The field `DKIM-Signature` for `content`.
    fn field(&self, key: &impl SigningKey, content: &str) -> String {
        let (header, body) = content.split_once("\r\n\r\n").unwrap();
        let body = if self.relaxed_body { relaxed_body(body) } else { simple_body(body) };
        let hash = HashAlgorithm::Sha256.hash(body.as_bytes());
        let unsigned = format!("DKIM-Signature: {}; bh={}; b=", self.tags, base64(hash.as_ref()));
        let list = self.tags.split("h=").nth(1).unwrap().split(';').next().unwrap();
        let mut fields = fields(header);
        let mut signed = String::new();
        for name in list.split(':').map(str::trim) {
            let is_it = |field: &String| {
                field.split(':').next().unwrap().trim_end().eq_ignore_ascii_case(name)
            };
            if let Some(at) = fields.iter().rposition(is_it) {
                signed.push_str(&self.canonical(&fields.remove(at)));
            }
        }
        signed.push_str(self.canonical(&format!("{unsigned}\r\n")).trim_end_matches("\r\n"));
        let signature = key.sign(signed.as_bytes()).unwrap();
        format!("{unsigned}{}\r\n", base64(&signature))
    }

    fn canonical(&self, field: &str) -> String {
        if !self.relaxed_header {
            return field.to_owned();
        }
        let (name, value) = field.split_once(':').unwrap();
        let value = value.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        format!("{}:{value}\r\n", name.trim_end().to_lowercase())
    }
}

/// Each with its folds and its line ending.
fn fields(header: &str) -> Vec<String> {
    let mut fields = Vec::<String>::new();
    for line in header.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => *field += &format!("{line}\r\n"),
            _ => fields.push(format!("{line}\r\n")),
        }
    }
    fields
}

fn simple_body(body: &str) -> String {
    format!("{}\r\n", body.trim_end_matches("\r\n"))
}

fn relaxed_body(body: &str) -> String {
    let squeeze = |line: &str| {
        let mut squeezed = String::new();
        for character in line.trim_end_matches([' ', '\t']).replace('\t', " ").chars() {
            if character != ' ' || !squeezed.ends_with(' ') {
                squeezed.push(character);
            }
        }
        squeezed
    };
    let lines = body.split("\r\n").map(squeeze).collect::<Vec<_>>().join("\r\n");
    let lines = lines.trim_end_matches("\r\n");
    if lines.is_empty() { String::new() } else { format!("{lines}\r\n") }
}

fn ed25519_signer(key: &Key) -> Ed25519Key {
    let der = PrivateKeyDer::from_pem_slice(key.pem.as_bytes()).unwrap();
    Ed25519Key::from_pkcs8_maybe_unchecked_der(der.secret_der()).unwrap()
}

/// The message with a signature of d.example, whoever its author is.
pub(super) fn signed_for_d_example(key: &Key, content: &str) -> String {
    signed(key, RELAXED.tags, content)
}

/// The message with a signature of these tags.
pub(super) fn signed(key: &Key, tags: &str, content: &str) -> String {
    format!("{}{content}", Recipe { tags, ..RELAXED }.field(&ed25519_signer(key), content))
}

/// Whether the seal on top of a set of ARC fields holds over this set and nothing else (RFC 8617 5.1.1).
pub(super) fn seal_holds(key: &Key, set: &str) -> bool {
    let fields = fields(set.trim_end_matches("\r\n"));
    let [seal, signature, results] = &fields[..] else { panic!("three fields: {set}") };
    let (unsigned, signed) = seal.split_once(" b=").or(seal.split_once("\tb=")).unwrap();
    let mut octets = RELAXED.canonical(results);
    octets.push_str(&RELAXED.canonical(signature));
    let last = RELAXED.canonical(&format!("{unsigned} b=\r\n"));
    octets.push_str(last.trim_end_matches("\r\n"));
    // Signatures of RSA are always the same for the same octets.
    let expected = base64(&rsa_signer(&key.pem).sign(octets.as_bytes()).unwrap());
    signed.split_ascii_whitespace().collect::<String>() == expected
}

/// What comes of the signatures of `content`, with `record` at s1._domainkey.d.example.
fn checks(record: &str, content: &str) -> Vec<DkimCheck> {
    let zone = Zone::default().text("s1._domainkey.d.example", &[record]);
    runtime().block_on(checked(zone, Letter { content, ..LETTER })).dkim
}

fn results(record: &str, content: &str) -> Vec<DkimResult> {
    checks(record, content).iter().map(|check| check.result).collect()
}

/// What comes of one that is made after `recipe`.
fn result(recipe: &Recipe<'_>) -> DkimResult {
    let key = ed25519();
    let field = recipe.field(&ed25519_signer(&key), CONTENT);
    let [result] = results(&key.record, &format!("{field}{CONTENT}"))[..] else { panic!("one") };
    result
}

// rows: 6376-3.2-a
#[test]
fn tag_lists() {
    let with = |tags: &str| {
        let tags = format!("{}; {tags}", RELAXED.tags);
        result(&Recipe { tags: &tags, ..RELAXED })
    };
    assert_eq!(with("unknown=x y"), DkimResult::Pass);
    assert_eq!(with("A=rsa-sha256; D=other.example"), DkimResult::Pass);
    assert_eq!(with("a=ed25519-sha256"), DkimResult::PermError);
    assert_eq!(with("x1=1; x1=1"), DkimResult::PermError);
    assert_eq!(with("unknown"), DkimResult::PermError);
}

// rows: 6376-3.4.2-a, 6376-3.7-a
#[test]
fn canonical_forms_of_fields() {
    let key = ed25519();
    let signer = ed25519_signer(&key);
    let content = "From: kim@d.example\r\nSubJect :  a\r\n  b \r\n\r\n.dot\r\n";
    let relaxed = RELAXED.field(&signer, content);
    assert_eq!(RELAXED.canonical("SubJect :  a\r\n  b \r\n"), "subject:a b\r\n");
    let rewritten = "From:  kim@d.example\r\nsubject: a  b\r\n\r\n.dot\r\n";
    let tags = "v=1; a=ed25519-sha256; c=simple/relaxed; d=d.example; s=s1; h=From:Subject";
    let plain = content.replace("SubJect :", "SubJect:");
    let simple = Recipe { tags, relaxed_header: false, ..RELAXED }.field(&signer, &plain);
    for (field, content, expected) in [
        (&relaxed, content, DkimResult::Pass),
        (&relaxed, rewritten, DkimResult::Pass),
        (&relaxed, "From: kim@d.example\r\nSubject: ab\r\n\r\n.dot\r\n", DkimResult::Fail),
        (&relaxed, "From: kim@d.example\r\nSubject: a b\r\n\r\n..dot\r\n", DkimResult::Fail),
        (&simple, &*plain, DkimResult::Pass),
        (&simple, rewritten, DkimResult::Fail),
    ] {
        assert_eq!(results(&key.record, &format!("{field}{content}")), [expected], "{content:?}");
    }
}

// rows: 6376-3.4.3-a, 6376-3.4.4-a
#[test]
fn canonical_forms_of_bodies() {
    let key = ed25519();
    let signer = ed25519_signer(&key);
    let tags = "v=1; a=ed25519-sha256; c=relaxed/simple; d=d.example; s=s1; h=From:Subject";
    let simple = Recipe { tags, relaxed_body: false, ..RELAXED };
    let empty = "From: kim@d.example\r\n\r\n";
    let of_empty = "bh=frcCV1k9oG9oKj3dpUqdJg1PxRT2RSN/XKdLCPjaYaY=";
    assert!(simple.field(&signer, empty).contains(of_empty));
    let of_empty = "bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    assert!(RELAXED.field(&signer, empty).contains(of_empty));
    let lines = |body: &str| format!("{empty}{body}");
    for (recipe, signed, sent, expected) in [
        (&simple, "", "", DkimResult::Pass),
        (&simple, "", "\r\n\r\n", DkimResult::Pass),
        (&simple, "a \r\n\r\n", "a \r\n\r\n\r\n", DkimResult::Pass),
        (&simple, "a \r\n", "a\r\n", DkimResult::Fail),
        (&RELAXED, "", "", DkimResult::Pass),
        (&RELAXED, "", " \r\n\t\r\n", DkimResult::Pass),
        (&RELAXED, "a  b\t\r\n", "a \tb\r\n\r\n \r\n", DkimResult::Pass),
        (&RELAXED, " a\r\n", "a\r\n", DkimResult::Fail),
    ] {
        let field = recipe.field(&signer, &lines(signed));
        let content = format!("{field}{}", lines(sent));
        assert_eq!(results(&key.record, &content), [expected], "{signed:?} {sent:?}");
    }
}

// rows: 6376-3.5-a, 6376-5.4-a
#[test]
fn required_tags_and_what_they_may_say() {
    let header = "v=1; a=ed25519-sha256; d=d.example; s=s1; h=From:Subject";
    for (tags, relaxed_header, relaxed_body, expected) in [
        (header, false, false, DkimResult::Pass),
        (&*format!("{header}; c=relaxed"), true, false, DkimResult::Pass),
        (&*format!("{header}; c=simple"), false, false, DkimResult::Pass),
        (&*format!("{header}; i=@d.example"), false, false, DkimResult::Pass),
        (&*format!("{header}; i=kim@sub.d.example"), false, false, DkimResult::Pass),
        (&*format!("{header}; i=@b.example"), false, false, DkimResult::PermError),
        (&*format!("{header}; t=20; x=10"), false, false, DkimResult::PermError),
        (&*format!("{header}; t=1; x=20"), false, false, DkimResult::PermError),
        (&*format!("{header}; t=1; x=9999999999"), false, false, DkimResult::Pass),
        (&*header.replace("v=1; ", ""), false, false, DkimResult::PermError),
        (&*header.replace("v=1", "v=2"), false, false, DkimResult::PermError),
        (&*header.replace("a=ed25519-sha256; ", ""), false, false, DkimResult::PermError),
        (&*header.replace("d=d.example; ", ""), false, false, DkimResult::PermError),
        (&*header.replace("s=s1; ", ""), false, false, DkimResult::PermError),
        (&*header.replace("From", "To"), false, false, DkimResult::PermError),
    ] {
        let recipe = Recipe { tags, relaxed_header, relaxed_body };
        assert_eq!(result(&recipe), expected, "{tags}");
    }
    let key = ed25519();
    let field = RELAXED.field(&ed25519_signer(&key), CONTENT);
    for without in ["bh=", "b=", "h="] {
        let field = field.replacen(&format!(" {without}"), " zz=", 1);
        let content = format!("{field}{CONTENT}");
        assert_eq!(results(&key.record, &content), [DkimResult::PermError], "{without}");
    }
}

// rows: 6376-3.6.1-a
#[test]
fn key_records() {
    let key = ed25519();
    let public = key.record.split("p=").nth(1).unwrap();
    let tags = format!("{}; i=@sub.d.example", RELAXED.tags);
    let below = Recipe { tags: &tags, ..RELAXED };
    for (recipe, record, expected) in [
        (&RELAXED, format!("k=ed25519; p={public}"), DkimResult::Pass),
        (
            &RELAXED,
            format!("v=DKIM1; k=ed25519; h=sha1:sha256; s=email; p={public}"),
            DkimResult::Pass,
        ),
        (&RELAXED, format!("k=ed25519; v=DKIM1; p={public}"), DkimResult::PermError),
        (&RELAXED, format!("v=DKIM2; k=ed25519; p={public}"), DkimResult::PermError),
        (&RELAXED, format!("v=DKIM1; p={public}"), DkimResult::PermError),
        (&RELAXED, "v=DKIM1; p=".to_owned(), DkimResult::PermError),
        (&RELAXED, format!("v=DKIM1; k=ed25519; h=sha1; p={public}"), DkimResult::PermError),
        (&RELAXED, format!("v=DKIM1; k=ed25519; s=tlsrpt; p={public}"), DkimResult::PermError),
        (&RELAXED, format!("v=DKIM1; k=ed25519; k=ed25519; p={public}"), DkimResult::PermError),
        (&below, format!("v=DKIM1; k=ed25519; p={public}"), DkimResult::Pass),
        (&below, format!("v=DKIM1; k=ed25519; t=s; p={public}"), DkimResult::PermError),
    ] {
        let field = recipe.field(&ed25519_signer(&key), CONTENT);
        assert_eq!(results(&record, &format!("{field}{CONTENT}")), [expected], "{record}");
    }
}

// rows: 6376-5.3-a
#[test]
fn bare_line_ends_become_crlf_before_signing() {
    runtime().block_on(async {
        let key = ed25519();
        let kept = Kept::default();
        let mut setup = Setup::new(Sign::new(kept.clone(), key.keys("d.example", "s1")));
        setup.bare_newline = BareNewline::Normalize;
        let clients = smtp_server::relay::Networks::new(["192.0.2.0/24"]).unwrap();
        setup.relay = std::sync::Arc::new(clients);
        let content = "From: kim@d.example\nSubject: a\n\nHello\nworld\r\n";
        let reply = send(&setup, Letter { content, ..LETTER }).await;
        assert!(reply.starts_with("250"), "{reply}");
        // As it will be sent on.
        let message = kept.last().0.replace("\r\n", "\n").replace('\n', "\r\n");
        let zone = Zone::default().text("s1._domainkey.d.example", &[&key.record]);
        let results = checked(zone, Letter { content: &message, ..LETTER }).await;
        assert_eq!(results.dkim[0].result, DkimResult::Pass, "{message}");
        assert!(message.ends_with("\r\n\r\nHello\r\nworld\r\n"), "{message:?}");
    });
}

// rows: 6376-5.4.2-a
#[test]
fn repeated_names_are_taken_from_the_bottom() {
    let key = ed25519();
    let signer = ed25519_signer(&key);
    let content = "From: kim@d.example\r\nX: 1\r\nX: 2\r\n\r\nHello\r\n";
    let sign = |list: &str| {
        let tags = RELAXED.tags.replace("From:Subject", list);
        Recipe { tags: &tags, ..RELAXED }.field(&signer, content)
    };
    let more = "X: 0\r\nFrom: kim@d.example\r\nX: 1\r\nX: 2\r\n\r\nHello\r\n";
    let authors = "From: eve@d.example\r\nFrom: kim@d.example\r\nX: 1\r\nX: 2\r\n\r\nHello\r\n";
    let swapped = "From: kim@d.example\r\nX: 2\r\nX: 1\r\n\r\nHello\r\n";
    for (list, sent, expected) in [
        ("from:x", content, DkimResult::Pass),
        ("from:x:x:x", content, DkimResult::Pass),
        ("from:from", content, DkimResult::Pass),
        ("from:x:x", more, DkimResult::Pass),
        ("from:x:x:x", more, DkimResult::Fail),
        ("from:x", swapped, DkimResult::Fail),
        ("from:from", authors, DkimResult::Fail),
    ] {
        let message = format!("{}{sent}", sign(list));
        assert_eq!(results(&key.record, &message), [expected], "{list} {sent}");
    }
}

// rows: 6376-6.1-a
#[test]
fn one_that_fails_hides_no_other() {
    let key = ed25519();
    let signer = ed25519_signer(&key);
    let good = RELAXED.field(&signer, CONTENT);
    let bad = RELAXED.field(&signer, &CONTENT.replace("Hello", "Bye"));
    let both = results(&key.record, &format!("{bad}{good}{CONTENT}"));
    assert_eq!(both, [DkimResult::Fail, DkimResult::Pass]);
    // Accepted like one without a signature.
    assert_eq!(results(&key.record, &format!("{bad}{CONTENT}")), [DkimResult::Fail]);
    assert_eq!(results(&key.record, CONTENT), []);
}

#[test]
fn h12_so_many_signatures_are_looked_at_and_no_more() {
    let key = ed25519();
    let field = RELAXED.field(&ed25519_signer(&key), CONTENT);
    let signed = results(&key.record, &format!("{}{CONTENT}", field.repeat(300)));
    assert_eq!(signed, vec![DkimResult::Pass; SIGNATURES_MAX]);
    let garbage = "DKIM-Signature:a=rsa-sha512;bh=QUFB\r\n".repeat(1000);
    let refused = results(&key.record, &format!("{garbage}{field}{CONTENT}"));
    assert_eq!(refused.len(), SIGNATURES_MAX);
    assert_eq!(refused[0], DkimResult::Pass);
    assert_eq!(refused[1..], [DkimResult::PermError; SIGNATURES_MAX - 1]);
}

#[test]
fn a_part_of_the_body_is_no_message() {
    let tags = format!("{}; l=3", RELAXED.tags);
    assert_eq!(result(&Recipe { tags: &tags, ..RELAXED }), DkimResult::PermError);
}

// rows: 6376-6.1.2-a
#[test]
fn a_key_that_is_not_there_is_permanent_and_one_that_cannot_be_had_is_not() {
    let key = ed25519();
    let field = RELAXED.field(&ed25519_signer(&key), CONTENT);
    let content = &*format!("{field}{CONTENT}");
    for (zone, expected) in [
        (Zone::default(), DkimResult::PermError),
        (Zone::default().failing("s1._domainkey.d.example"), DkimResult::TempError),
        (Zone::default().text("s1._domainkey.d.example", &["hello"]), DkimResult::PermError),
    ] {
        let results = runtime().block_on(checked(zone, Letter { content, ..LETTER }));
        assert_eq!(results.dkim[0].result, expected);
    }
}

fn rsa_signer(pem: &str) -> RsaKey<Sha256> {
    RsaKey::from_key_der(PrivateKeyDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap()
}

// rows: 8301-3.1-a
#[test]
fn sha1_counts_for_nothing() {
    let key = rsa();
    let signer = rsa_signer(&key.pem);
    let tags = RELAXED.tags.replace("ed25519-sha256", "rsa-sha256");
    let field = Recipe { tags: &tags, ..RELAXED }.field(&signer, CONTENT);
    assert_eq!(results(&key.record, &format!("{field}{CONTENT}")), [DkimResult::Pass]);
    let tags = tags.replace("sha256", "sha1");
    let field = Recipe { tags: &tags, ..RELAXED }.field(&signer, CONTENT);
    let check = checks(&key.record, &format!("{field}{CONTENT}")).remove(0);
    assert_eq!(check.result, DkimResult::PermError);
    assert_eq!(check.reason.as_deref(), Some("SHA-1 is not secure"));
    // Ours is never one.
    let ours = runtime().block_on(key.signed("d.example", "s1", CONTENT));
    assert!(ours.contains("a=rsa-sha256"), "{ours}");
}

// rows: 8463-3-a
#[test]
fn the_example_of_rfc_8463() {
    let content = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=football.example.com; \
                   i=@football.example.com;\r\n q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
                   subject : date : message-id : from : subject : date;\r\n \
                   bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n \
                   b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus\r\n \
                   Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==\r\n\
                   From: Joe SixPack <joe@football.example.com>\r\n\
                   To: Suzie Q <suzie@shopping.example.net>\r\nSubject: Is dinner ready?\r\n\
                   Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\r\n\
                   Message-ID: <20030712040037.46341.5F8J@football.example.com>\r\n\r\n\
                   Hi.\r\n\r\nWe lost the game.  Are you hungry yet?\r\n\r\nJoe.\r\n";
    let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let zone = Zone::default().text("brisbane._domainkey.football.example.com", &[record]);
    let check = runtime().block_on(checked(zone, Letter { content, ..LETTER })).dkim.remove(0);
    assert_eq!((check.result, &*check.domain), (DkimResult::Pass, "football.example.com"));
}

/// Public keys of RSA and the signatures of a message by them, made with openssl: what makes ours takes no such keys.
const SHORT: [(&str, &str); 2] = [
    (
        "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhAKJZVMOvXX6kMuqpDoehOUMwI53qQx0EKceUCzrWXhZm\
         rsanFn2WDZ/P+LpkSNyNu7F3ppXJ3+/2dk3gms8ehWB38LxNyKt9ODgDLMHF9RDutUdDcTs9MshI\
         1d+cMNJR2QIDAQAB",
        "ne6rze2IBRdhVDxBB4jypwsFVK0NvLQ7TGiYVPWDO68IUSKbRrE1oZTxjE/Sb6UrTa2ONWfCFdXK\
         XeZshzRsVNLDE9iWOvd+uXUBhYMjdowLopVouI0/LCJJNYNxkMRD",
    ),
    (
        "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDGlvXg66JFibCy7qIE6m6uqWAOxv5AXiAZScMq\
         3EJPFZXxAe9kZzlFK+pRUURpjTFCEd7GzsLlZz48iaGXc1KEnWt3DUMFfrNf7wlVkh3OsNvuIRqp\
         OnVCEgyABV341lhE9lF1kVgOZp83CaMEmZbdDSdUILbk0tlVumF/PS6gywIDAQAB",
        "Rq+ZvhhQK9P2m+toUKSvd2ae/bO6Gu0t8wmQ26HIs/Ok8dTLQuA384XMTQR6+LoFxz6PobvGUW2W\
         pCvd9JAsbssiZLjCrGSWe5hhj7yKAX4IwSUdBiTjV56SDs8x4uLoflnzxKQW+XqriZprWpaKPith\
         hpY1lw+cflftveshdEw=",
    ),
];

// rows: 8301-3.2-a
#[test]
fn rsa_keys_have_1024_bits_or_more() {
    let tags = "v=1; a=rsa-sha256; c=relaxed/relaxed; d=d.example; s=s1; h=From";
    let content = "From: kim@d.example\r\n\r\nHello\r\n";
    for ((public, signature), expected) in
        SHORT.into_iter().zip([DkimResult::PermError, DkimResult::Pass])
    {
        let field = format!(
            "DKIM-Signature: {tags}; bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=; b={signature}"
        );
        let record = format!("v=DKIM1; k=rsa; p={public}");
        assert_eq!(results(&record, &format!("{field}\r\n{content}")), [expected]);
    }
    for size in [RsaKeySize::_2048, RsaKeySize::_4096] {
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, size).unwrap();
        let record = format!("v=DKIM1; p={}", base64(&key.subject_public_key_info()));
        let field = Recipe { tags, ..RELAXED }.field(&rsa_signer(&key.serialize_pem()), content);
        assert_eq!(results(&record, &format!("{field}{content}")), [DkimResult::Pass]);
    }
    let error = DkimKey::from_pem("d.example", "s1", SHORT_PEM.as_bytes()).unwrap_err();
    assert_eq!(error, DkimKeyError::Kind);
}

/// A private key of 768 bits.
const SHORT_PEM: &str = "\
-----BEGIN RSA PRIVATE KEY-----\n\
MIIBygIBAAJhAKJZVMOvXX6kMuqpDoehOUMwI53qQx0EKceUCzrWXhZmrsanFn2W\n\
DZ/P+LpkSNyNu7F3ppXJ3+/2dk3gms8ehWB38LxNyKt9ODgDLMHF9RDutUdDcTs9\n\
MshI1d+cMNJR2QIDAQABAmA9g5uaidfjJFQmlefrfCs2Sgc0zo6fb/RkqrOWl6MO\n\
2dlfa/AZpcGDzElyVo1FBG5/J72PfSSXv6Hn6tIt3cLp87ZjraJmZjLaf0Cbgdz5\n\
u6EmP1VkUHa9KfN0cXVWZAECMQDVfgMVGtTYi/sBspTgZnb/FhnB/Wo0IuSiEFdW\n\
z8TsF/UvLWvsAd5SZoKh1JQLjlMCMQDCrHoGrS/TFW8DeKQHTAHDycD2pMKMYKoC\n\
9TGDWTwQypjRJzhn6eV5gX55cL+qIaMCMEvOpfuNfnyyH9v3dIPF/oUPbPAEMvz2\n\
Uub1FH4/4nXPAAHTiBnShAYQXlxmZnc//wIwGIhp3FuI8l36HoLekPjYJBdR1QNQ\n\
bSZlZngF5Fqjgi418e2yYw4L2DMkgCNgVA1nAjEAlhNuvBNvcBfGJSK43CgEB4K6\n\
lUD4wpSCvRKFa0XSVbHMy6fL4L+2t+s+bvW6sdfM\n\
-----END RSA PRIVATE KEY-----\n";
