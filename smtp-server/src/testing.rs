//! A server for tests of programs that send mail: the real one, on a port of its own, with an inbox behind it.
//!
//! * **In**: mail from the program under test. **Out**: messages, with what a test asks of them; errors that show what
//!   came instead.
//! * **Promises**: [`start`](TestServer::start) returns with the port bound; a wait ends with the message, after its 250
//!   was written, and polls nothing; dropping the server ends everything. Nothing is ever sent on.
//! * **Limits**: messages of 64 MiB; their number is the test's. **Panics**: as each says.
//! * **Spec**: RFC 5321, with all that the server has.
//!
//! # A first test
//!
//! ```
//! # use smtp_server::testing::{InboxError, TestServer};
//! # use std::io::{BufRead, BufReader, Write};
//! # use std::net::{SocketAddr, TcpStream};
//! # use std::time::Duration;
//! #
//! # fn send_welcome(to: &str, server: SocketAddr) -> std::io::Result<()> {
//! #     let mut connection = BufReader::new(TcpStream::connect(server)?);
//! #     let content = "Subject: Welcome\r\n\r\nYour code is 482913.\r\n.";
//! #     for line in ["HELO app.test", "MAIL FROM:<app@example.org>", &format!("RCPT TO:<{to}>"), "DATA", content, "QUIT"] {
//! #         connection.read_line(&mut String::new())?;
//! #         write!(connection.get_mut(), "{line}\r\n")?;
//! #     }
//! #     Ok(())
//! # }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = TestServer::start().await?;
//!
//! send_welcome("kim@example.org", server.addr())?; // the program under test
//!
//! let inbox = server.inbox();
//! let message = inbox.wait_for(|m| m.subject() == Some("Welcome"), Duration::from_secs(5)).await?;
//! assert_eq!(message.code(), Some("482913"));
//! # Ok(())
//! # }
//! ```
//!
//! In a `#[test]` that is not asynchronous it is the same with [`blocking::TestServer`] and without `await`. The server
//! has a thread of its own, so the program under test may block the test's, and tests may share a server.
//!
//! # Which message
//!
//! A closure says which message is waited for, or a [`matcher`], which also explains why none of those that came was it:
//!
//! ```
//! # use smtp_server::testing::{InboxError, TestInbox};
//! # use std::time::Duration;
//! use smtp_server::testing::matcher::{Matcher, has_link, subject, to};
//!
//! # async fn check(inbox: TestInbox) -> Result<(), InboxError> {
//! let within = Duration::from_secs(5);
//! let message = inbox.wait_for(subject("Welcome").and(to("kim@example.org")), within).await?;
//! message.assert(has_link("/confirm"));
//!
//! let [first, second] = [subject("Welcome"), subject("Please confirm")];
//! inbox.wait_for_all([first, second], within).await?;
//! inbox.to("ann@example.org").expect_none(Duration::from_millis(50)).await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! no such message came to <kim@example.org> within 5s; 1 arrived:
//!   1. from <app@example.org> to <kim@example.org>: "Welcom", 312 octets
//!      expected the subject "Welcome", found "Welcom"
//! 2 arrived for other recipients
//!
//!      0 ms -- smtp connection from 127.0.0.1:40116
//!      0 ms S: 220 inbox.test ESMTP
//!      1 ms C: EHLO app.test
//! ```
//!
//! and so on: what was said on the last connections, where passwords and content are left out.
//!
//! # Tests that share a server
//!
//! [`TestInbox::to`], [`domain`](TestInbox::domain) and [`tagged`](TestInbox::tagged) are views of one server, so each
//! test sees its own mail:
//!
//! ```
//! # use smtp_server::testing::InboxError;
//! use smtp_server::testing::blocking::TestServer;
//! use std::sync::LazyLock;
//!
//! static SERVER: LazyLock<TestServer> = LazyLock::new(|| TestServer::start().unwrap());
//!
//! # fn main() {
//! let inbox = SERVER.inbox().tagged("sign-up"); // what is sent to kim+sign-up@example.org
//! # assert!(inbox.messages().is_empty());
//! # }
//! ```
//!
//! # TLS and logins
//!
//! [`TestServerBuilder`] offers STARTTLS or TLS from the first octet, and AUTH. A client that trusts
//! [`TestServer::root_certificate`] verifies `localhost` as it would a real host;
//! [`TestMessage::session`] tells what came of it, [`TestServer::failed_logins`] who was refused.
//!
//! # What goes wrong
//!
//! Rules say what fails, where and how often, so a test sees what the program does then ([`Faults`] lists all):
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), smtp_server::testing::StartError> {
//! use smtp_server::testing::{Faults, On, Rule, TestServer};
//!
//! let faults = Faults::default();
//! faults.add(Rule::at(On::Rcpt).to("kim@example.org").nth(1).answer("451 4.2.1 try later"));
//! faults.add(Rule::at(On::EndOfData).times(2).reset());
//! let server = TestServer::builder().faults(faults).start().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Clients
//!
//! The standard library and no runtime, as a client and as a test:
//!
//! ```ignore
//! use smtp_server::testing::blocking::TestServer;
//! use smtp_server::testing::matcher::{Matcher, has_code, subject};
//! use std::io::{BufRead, BufReader, Result, Write};
//! use std::net::{SocketAddr, TcpStream};
//! use std::time::Duration;
//!
//! /// The program under test.
//! pub(crate) fn send_welcome(to: &str, server: SocketAddr) -> Result<()> {
//!     let mut connection = BufReader::new(TcpStream::connect(server)?);
//!     let rcpt = format!("RCPT TO:<{to}>");
//!     let content = "Subject: Welcome\r\n\r\nYour code is 482913.\r\n.";
//!     for line in ["HELO app.test", "MAIL FROM:<app@example.org>", &rcpt, "DATA", content, "QUIT"] {
//!         connection.read_line(&mut String::new())?;
//!         write!(connection.get_mut(), "{line}\r\n")?;
//!     }
//!     connection.read_line(&mut String::new())?;
//!     Ok(())
//! }
//!
//! #[test]
//! fn a_welcome_is_sent_with_std() {
//!     let server = TestServer::start().unwrap();
//!     send_welcome("kim@example.org", server.addr()).unwrap();
//!     let expected = subject("Welcome").and(has_code());
//!     server.inbox().to("kim@example.org").wait_for(expected, Duration::from_secs(5)).unwrap();
//! }
//! ```
//!
//! lettre, with STARTTLS under the server's own root, and a login. It needs, with `default-features = false`, the features
//! `smtp-transport`, `builder`, `rustls`, `aws-lc-rs` and `rustls-native-certs`:
//!
//! ```ignore
//! use lettre::transport::smtp::authentication::Credentials;
//! use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
//! use lettre::{Message, SmtpTransport, Transport};
//! use smtp_server::testing::TestServer;
//! use smtp_server::testing::matcher::{Matcher, from, subject, text_contains, to};
//! use std::time::Duration;
//!
//! #[test]
//! fn a_welcome_is_sent_with_lettre() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = TestServer::builder().starttls().login("app", "secret").start_blocking()?;
//!     let root = server.root_certificate().expect("it has TLS").pem();
//!     let tls = TlsParameters::builder("localhost".to_owned())
//!         .certificate_store(CertificateStore::None)
//!         .add_root_certificate(Certificate::from_pem(root.as_bytes())?)
//!         .build()?;
//!     let transport = SmtpTransport::builder_dangerous("127.0.0.1")
//!         .port(server.addr().port())
//!         .tls(Tls::Required(tls))
//!         .credentials(Credentials::new("app".to_owned(), "secret".to_owned()))
//!         .build();
//!
//!     let welcome = Message::builder()
//!         .from("App <app@example.org>".parse()?)
//!         .to("Kim <kim@example.org>".parse()?)
//!         .subject("Grüße")
//!         .body("Schön, dass du da bist.".to_owned())?;
//!     transport.send(&welcome)?;
//!
//!     let message = server.inbox().wait_for(subject("Grüße"), Duration::from_secs(5))?;
//!     message.assert(from("app@example.org").and(to("kim@example.org")).and(text_contains("Schön")));
//!     assert!(message.session().tls.is_some());
//!     assert_eq!(message.session().identity.as_ref().map(|who| &*who.authcid), Some("app"));
//!     Ok(())
//! }
//! ```
//!
//! mail-send, in a runtime:
//!
//! ```ignore
//! use mail_send::SmtpClientBuilder;
//! use mail_send::smtp::message::Message;
//! use smtp_server::testing::TestServer;
//! use std::time::Duration;
//!
//! #[tokio::test]
//! async fn a_newsletter_is_sent_with_mail_send() -> Result<(), Box<dyn std::error::Error>> {
//!     let server = TestServer::start().await?;
//!     let mut client =
//!         SmtpClientBuilder::new("127.0.0.1", server.addr().port())?.connect_plain().await?;
//!
//!     let content = "From: news@example.org\r\nSubject: News\r\n\r\nhttps://example.org/news";
//!     let to = ["kim@example.org", "ann@example.net"];
//!     client.send(Message::new("news@example.org", to, content.as_bytes())).await?;
//!
//!     for name in to {
//!         let inbox = server.inbox().to(name);
//!         let message =
//!             inbox.wait_for(|m| m.subject() == Some("News"), Duration::from_secs(5)).await?;
//!         assert_eq!(message.links(), ["https://example.org/news"]);
//!     }
//!     server.inbox().domain("example.com").expect_none(Duration::from_millis(10)).await?;
//!     Ok(())
//! }
//! ```

mod server;

mod inbox;
pub mod matcher;
mod message;

pub mod blocking;

mod faults;
mod transcript;

mod certificates;
mod error;
mod logins;

mod background;
mod code;
mod decoded;
mod html;
mod links;
mod parse;
mod store;
mod watch;

pub use certificates::RootCertificate;
pub use error::{
    InboxError, InboxErrorKind, LINES_SHOWN_MAX, MESSAGES_SHOWN_MAX, StartError,
    TRANSCRIPTS_SHOWN_MAX,
};
pub use faults::{Fault, Faults, On, Rule, RuleError, RuleId, Trigger};
pub use inbox::TestInbox;
pub use logins::FailedLogin;
pub use message::{Address, Attachment, TestMessage};
pub use parse::parse_message;
pub use server::{TestServer, TestServerBuilder};
pub use transcript::{Speaker, Transcript, TranscriptLine, Transcripts};

pub(crate) use faults::{Occurrence, Script, recipients};
pub(crate) use watch::Watch;
