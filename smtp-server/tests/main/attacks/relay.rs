//! Rows F1 to F29: every way that has been tried to make a server pass on mail that it should not.
//!
//! Each form of a recipient meets each form of a sender. A recipient is ours or it is not: what stands before
//! its last `@` is a name and nothing else, so `v%ext.test` at our own address is a user whom nobody knows.
//! Networks that leave nobody out are errors of the configuration, see the contract `open_relay`.

mod table;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use smtp_server::relay::{Authenticated, LocalDomains, Networks, RelayDomains};
use smtp_server::sasl::Passwords;
use smtp_server::{
    Accepted, Body, Delivery, Envelope, Receipt, Recipient, RecipientClass, Rejection,
    RelayPolicyExt, SessionInfo, Verdict,
};

use super::at_every_cut;
use crate::support::hooks::OneUser;
use crate::support::octets::codes;
use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

const OUTSIDE: &str = "192.0.2.9";
const OURS: &str = "198.51.100.25";

const SENDERS: [&str; 6] = [
    "<>",
    "<a@ext.test>",
    "<a@mx.test>",
    "<a@[198.51.100.25]>",
    "<a@local.test>",
    // No path: MAIL is refused, and so is what follows.
    "<a>",
];

/// Forms of one row and the reply to each, unless the client may relay.
struct Row {
    name: &'static str,
    code: &'static str,
    to: &'static [&'static str],
}

/// The rows as a table and, each under its name, as tests.
macro_rules! rows {
    ($($name:ident: [$($to:literal),*] => $code:literal;)*) => {
        const ROWS: &[Row] =
            &[$(Row { name: stringify!($name), code: $code, to: &[$($to),*] }),*];

        $(#[test]
        fn $name() {
            for to in [$($to),*] {
                for from in SENDERS {
                    Attempt { from, to, ..Attempt::default() }.is_refused_with($code);
                }
            }
        })*
    };
}

rows! {
    f01_another_domain: ["<v@ext.test>"] => "554 5.7.1";
    f02_percent_at_our_address: ["<v%ext.test@[198.51.100.25]>"] => "550 5.1.1";
    f03_percent_at_our_name: ["<v%ext.test@mx.test>"] => "554 5.7.1";
    f04_an_address_in_quotes: ["<\"v@ext.test\">"] => "501 5.1.3";
    f05_percent_in_quotes: ["<\"v%ext.test\">"] => "501 5.1.3";
    f06_two_at_signs_and_our_address: ["<v@ext.test@[198.51.100.25]>"] => "501 5.1.3";
    f07_an_address_in_quotes_at_our_address: ["<\"v@ext.test\"@[198.51.100.25]>"] => "550 5.1.1";
    f08_two_at_signs_and_our_name: ["<v@ext.test@mx.test>"] => "501 5.1.3";
    f09_a_route_over_our_address: ["<@[198.51.100.25]:v@ext.test>"] => "554 5.7.1";
    f10_a_route_over_our_name: ["<@mx.test:v@ext.test>", "<@local.test:v@ext.test>"] => "554 5.7.1";
    f11_a_bang_path: ["<ext.test!v>"] => "501 5.1.3";
    f12_a_bang_path_at_our_address: ["<ext.test!v@[198.51.100.25]>"] => "550 5.1.1";
    f13_a_bang_path_at_our_name: ["<ext.test!v@mx.test>"] => "554 5.7.1";
    f14_a_longer_route: ["<@a.test,@mx.test:v@ext.test>"] => "554 5.7.1";
    f15_an_address_in_quotes_at_our_name: ["<\"v@ext.test\"@mx.test>"] => "554 5.7.1";
    f16_percent_twice: ["<v%ext.test%mx.test>"] => "501 5.1.3";
    f17_a_bang_path_over_us: ["<mx.test!ext.test!v>"] => "501 5.1.3";
    f18_bang_and_percent: ["<ext.test!v%mx.test>"] => "501 5.1.3";
    f19_the_address_of_another_host: ["<v@[203.0.113.9]>"] => "554 5.7.1";
    f20_a_dot_at_the_end: ["<v@ext.test.>", "<v@local.test.>"] => "501 5.1.3";
    f21_upper_case: ["<v@EXT.test>"] => "554 5.7.1";
    f22_percent_at_a_domain_for_which_we_relay: ["<v%ext.test@relay.test>"] => "554 5.7.1";
    f23_the_same_in_quotes: ["<\"v%ext.test\"@relay.test>"] => "554 5.7.1";
    f24_a_domain_below_ours: ["<v@sub.local.test>", "<v@xlocal.test>"] => "554 5.7.1";
    f26_something_behind_the_path: ["<v@ext.test>\t", "<v@ext.test> "] => "554 5.7.1";
    f26_two_in_a_path: ["<v@ext.test,x@local.test>"] => "501 5.1.3";
    f26_two_paths: ["<v@ext.test> <x@local.test>", "<v@ext.test>,<x@local.test>"] => "501 5.5.4";
    f27_a_look_alike_of_our_domain: ["<v@loc\u{430}l.test>"] => "553 5.6.7";
    f28_a_nul: ["<x@local.test\0@ext.test>"] => "501 5.1.3";
    f29_loopback: ["<v@127.1>", "<v@[127.0.0.1]>", "<v@[IPv6:::1]>"] => "554 5.7.1";
}

/// One transaction with one recipient, and content both ways.
struct Attempt {
    client: IpAddr,
    networks: &'static [&'static str],
    /// What comes between EHLO and MAIL.
    before: &'static str,
    from: &'static str,
    params: &'static str,
    to: &'static str,
}

impl Default for Attempt {
    fn default() -> Self {
        Self {
            client: OUTSIDE.parse().unwrap(),
            networks: &["10.0.0.0/8"],
            before: "",
            from: "<>",
            params: "",
            to: "<v@ext.test>",
        }
    }
}

impl Attempt {
    fn setup(&self) -> (Setup, Recorder) {
        let recorder = Recorder::default();
        let mut setup = Setup::new(recorder.clone());
        setup.client = self.client;
        setup.address = OURS.parse().unwrap();
        let networks = Networks::new(self.networks).unwrap();
        let local = LocalDomains::new(["local.test"]).unwrap();
        let backup = RelayDomains::new(["relay.test"]).unwrap();
        setup.relay = Arc::new(local.or(backup).or(networks).or(Authenticated));
        let user = OneUser { user: "kim".into(), password: "secret".into() };
        setup.authenticator = Some(Arc::new(Passwords::new(user)));
        setup.auth_in_clear = true;
        setup.xclient_clients = Networks::new(["10.0.0.0/8"]).unwrap();
        setup.xforward_clients = Networks::new(["10.0.0.0/8"]).unwrap();
        (setup, recorder)
    }

    fn turns(&self) -> [Turn; 2] {
        let Self { before, from, params, to, .. } = self;
        [
            Turn::send(format!("EHLO a\r\n{before}MAIL FROM:{from}{params}\r\nRCPT TO:{to}\r\n")),
            Turn::send("BDAT 6 LAST\r\nQUIT\r\nDATA\r\nNOOP\r\n"),
        ]
    }

    /// At every cut: RCPT has this code, no content is taken, and the stream stays in sync.
    #[track_caller]
    fn is_refused_with(&self, code: &str) {
        let (setup, recorder) = self.setup();
        let run = at_every_cut(&setup, &self.turns());
        let (envelope, content) = (codes(&run.output[1]), codes(&run.output[2]));
        let context = format!("{} {:?} {envelope:?} {content:?}", self.from, self.to);
        let no_sender = self.from == "<a>" && !code.starts_with("501");
        let expected = if no_sender { "503 5.5.1" } else { code };
        assert_eq!(envelope.last().unwrap(), expected, "{context}");
        assert!(
            matches!(&content[..], [bdat, data, noop]
            if bdat.starts_with('5') && data.starts_with('5') && noop == "250 2.0.0"),
            "{context}"
        );
        assert_eq!(recorder.messages(), [""; 0], "{context}");
    }

    /// The code of RCPT, and what was delivered.
    fn outcome(&self) -> (String, Vec<String>) {
        let (setup, recorder) = self.setup();
        let run = pure::run(&setup, &self.turns(), Cuts::None);
        (codes(&run.output[1]).pop().unwrap(), recorder.messages())
    }

    /// The client may relay: what another domain's refusal would be is an acceptance, and nothing else changes.
    #[track_caller]
    fn relays_where_the_path_is_one(self) {
        for row in ROWS {
            for to in row.to {
                let (code, messages) = Self { to, ..self }.outcome();
                if row.code == "554 5.7.1" {
                    assert_eq!(
                        (code.as_str(), messages.len()),
                        ("250 2.1.5", 1),
                        "{} {to:?}",
                        row.name
                    );
                    assert!(messages[0].starts_with("Relay "), "{messages:?}");
                } else {
                    assert_eq!(
                        (code.as_str(), messages.len()),
                        (row.code, 0),
                        "{} {to:?}",
                        row.name
                    );
                }
            }
        }
    }

    #[track_caller]
    fn all_rows_are_refused(self) {
        for row in ROWS {
            for to in row.to {
                Self { to, ..self }.is_refused_with(row.code);
            }
        }
    }
}

/// Knows `kim` and the postmaster, would pass on anything that it is told to, and writes down what it takes.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<String>>>);

impl Recorder {
    /// Class and path of the recipients.
    fn messages(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Delivery for Recorder {
    async fn verify(&self, recipient: &Recipient, _info: &SessionInfo) -> Verdict {
        let name = recipient.path.mailbox().map(|mailbox| mailbox.local_part.unquoted());
        let known = name.is_none_or(|name| name == "kim");
        if recipient.class == RecipientClass::Local && !known {
            return Rejection::user_unknown().into();
        }
        Verdict::Accept
    }

    async fn deliver(
        &self,
        envelope: Envelope,
        body: &mut Body<'_>,
        _info: &SessionInfo,
    ) -> Result<Receipt, Rejection> {
        body.drain().await?;
        for Recipient { path, class, .. } in &envelope.recipients {
            let class = if *class == RecipientClass::Local { "Local" } else { "Relay" };
            self.0.lock().unwrap().push(format!("{class} {path}"));
        }
        Ok(Accepted::new().into())
    }
}

// rows: 5321-4.1.1.3-h
#[test]
fn f25_the_postmaster_without_a_domain_is_ours() {
    for from in SENDERS.into_iter().filter(|from| *from != "<a>") {
        for to in ["<postmaster>", "<PostMaster>"] {
            let (code, messages) = Attempt { from, to, ..Attempt::default() }.outcome();
            assert_eq!(
                (code.as_str(), messages),
                ("250 2.1.5", vec!["Local <postmaster>".to_owned()])
            );
        }
    }
}

/// What is ours stays ours: a client that may relay cannot make a local recipient anything else.
#[test]
fn f_local_recipients_are_local_for_everybody() {
    for client in [OUTSIDE, "10.0.0.1"].map(|client| client.parse().unwrap()) {
        let forms = ["<kim@local.test>", "<@ext.test:kim@local.test>", "<kim@[198.51.100.25]>"];
        for to in forms {
            let (code, messages) = Attempt { client, to, ..Attempt::default() }.outcome();
            let expected = format!("Local <{}", to.rsplit_once(['<', ':']).unwrap().1);
            assert_eq!((code.as_str(), messages), ("250 2.1.5", vec![expected]), "{to}");
        }
    }
}

#[test]
fn f27_a_look_alike_of_our_domain_with_smtputf8_is_another_domain() {
    let to = "<v@loc\u{430}l.test>";
    Attempt { to, params: " SMTPUTF8", ..Attempt::default() }.is_refused_with("554 5.7.1");
}

#[test]
fn f_after_a_failed_auth_nothing_is_granted() {
    let before = "AUTH PLAIN AGtpbQB3cm9uZw==\r\nAUTH LOGIN\r\n*\r\n";
    Attempt { before, ..Attempt::default() }.all_rows_are_refused();
}

#[test]
fn f_after_auth_what_is_a_path_is_relayed() {
    let before = "AUTH PLAIN AGtpbQBzZWNyZXQ=\r\n";
    for from in ["<>", "<a@ext.test>"] {
        Attempt { before, from, ..Attempt::default() }.relays_where_the_path_is_one();
    }
}

/// Names of hosts and addresses that a client sends are claims, unless it is one that may speak for others.
#[test]
fn f_spoofed_facts_grant_nothing() {
    for before in [
        "XCLIENT ADDR=10.0.0.1 LOGIN=root\r\n",
        "XFORWARD ADDR=10.0.0.1\r\n",
        "PROXY TCP4 10.0.0.1 198.51.100.25 1024 25\r\n",
        "EHLO [10.0.0.1]\r\n",
        "EHLO local.test\r\n",
        "EHLO localhost\r\n",
    ] {
        Attempt { before, ..Attempt::default() }.is_refused_with("554 5.7.1");
    }
    let params = " AUTH=kim@local.test";
    Attempt { params, ..Attempt::default() }.is_refused_with("554 5.7.1");
}

#[test]
fn f_empty_networks_hold_nobody() {
    for client in [OUTSIDE, "10.0.0.1", "127.0.0.1", "::1"].map(|client| client.parse().unwrap()) {
        Attempt { client, networks: &[], ..Attempt::default() }.all_rows_are_refused();
    }
}

#[test]
fn f_clients_outside_of_the_networks_are_refused() {
    for client in
        ["2001:db8::9", "::ffff:192.0.2.9", "::10.0.0.1", "2002:a00:1::", "11.0.0.0", "::1"]
    {
        let client = client.parse().unwrap();
        Attempt { client, ..Attempt::default() }.all_rows_are_refused();
    }
}

#[test]
fn f_an_ipv4_mapped_client_is_its_ipv4_address() {
    for client in ["10.0.0.1", "::ffff:10.0.0.1"].map(|client| client.parse().unwrap()) {
        Attempt { client, ..Attempt::default() }.relays_where_the_path_is_one();
        let networks = &["::ffff:10.0.0.0/104"];
        Attempt { client, networks, ..Attempt::default() }.relays_where_the_path_is_one();
    }
}
