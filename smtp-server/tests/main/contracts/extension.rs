//! Service extensions of the embedder: asked with a clock, cut off if they fail, and refused where they
//! would change the protocol.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use smtp_server::delivery::Discard;
use smtp_server::proto::{DialectError, Reply, ReplyCode, ServiceExtension, replies};
use smtp_server::relay::LocalDomains;
use smtp_server::{ConfigError, Envelope, ExtensionHandler, Server, SessionInfo};

use super::{connected, paused, runtime};
use crate::support::hooks::Who;
use crate::support::setup::Setup;
use crate::support::tcp::Running;

/// How the handler of `XFAIL` fails is the client's choice.
struct Failing;

#[async_trait]
impl ExtensionHandler for Failing {
    fn definition(&self) -> ServiceExtension {
        ServiceExtension::new("XFAIL").with_verb("XFAIL")
    }

    async fn command(
        &self,
        _verb: &str,
        argument: &str,
        _envelope: Option<&Envelope>,
        _info: &SessionInfo,
    ) -> Reply {
        match argument {
            "hang" => std::future::pending().await,
            "panic" => std::panic::resume_unwind(Box::new("a hook failed")),
            "code" => Reply::new(ReplyCode::START_MAIL_INPUT, None, "Go ahead"),
            _ => replies::OK,
        }
    }
}

#[test]
fn a_handler_that_fails_costs_one_reply() {
    let (mut setup, _) = Setup::accepting();
    setup.extension = Some(Arc::new(Failing));
    setup.timeouts.hook = Duration::from_secs(1);
    paused(async {
        let (mut client, _serving) = connected(&setup, 4096);
        client.reply().await;
        client.ask("EHLO a\r\n").await;
        for argument in ["hang", "panic", "code"] {
            let reply = client.ask(&format!("XFAIL {argument}\r\n")).await;
            assert!(reply.starts_with("451 4.3.0 "), "{argument}: {reply}");
        }
        assert_eq!(client.ask("XFAIL not\r\n").await, "250 2.0.0 Ok\r\n");
    });
    let expected =
        ["TimedOut", "Panicked", "UnfitReply"].map(|how| format!("HookFailed Extension {how}"));
    assert_eq!(setup.events.starting_with("HookFailed"), expected);
}

#[test]
fn an_extension_works_from_the_builder_to_the_socket() {
    let (mut setup, delivery) = Setup::accepting();
    setup.extension = Some(Arc::new(Who));
    runtime().block_on(async {
        let running = Running::start(&setup).await;
        let mut client = running.connect(setup.client).await;
        client.reply().await;
        let offered = client.ask("EHLO client.test\r\n").await;
        assert!(offered.ends_with("\r\n250 X-WHO XWHO XSAY\r\n"), "{offered}");
        let mail = "MAIL FROM:<> XTICKET=7\r\nRCPT TO:<kim@local.test> XROOM=2\r\nXWHO there\r\n";
        client.ask(mail).await;
        client.reply().await;
        let reply = client.reply().await;
        assert_eq!(reply, "250 2.0.0 XWHO 'there' client.test XTICKET=7,XROOM=2\r\n");
        assert!(client.ask("BDAT 2 LAST\r\nhi").await.starts_with("250 "));
        running.stop().await;
    });
    assert_eq!(delivery.log(), ["<> <kim@local.test> hi"]);
}

/// An extension with one word in each place.
struct Words(&'static str, &'static str);

#[async_trait]
impl ExtensionHandler for Words {
    fn definition(&self) -> ServiceExtension {
        ServiceExtension::new(self.0).with_verb(self.1)
    }

    async fn command(
        &self,
        _verb: &str,
        _argument: &str,
        _envelope: Option<&Envelope>,
        _info: &SessionInfo,
    ) -> Reply {
        replies::OK
    }
}

#[test]
fn a_server_with_an_extension_that_changes_the_protocol_is_not_built() {
    let build = |extensions: Vec<Words>| {
        let policy = LocalDomains::new(["local.test"]).unwrap();
        let builder = Server::builder("mx.test").relay_policy(policy).delivery(Discard);
        extensions.into_iter().fold(builder, |builder, one| builder.extension(one)).build()
    };
    assert!(build(vec![Words("XA", "XA"), Words("XB", "XB")]).is_ok());
    for (extensions, error) in [
        (vec![Words("XA", "MAIL")], DialectError::Standard("MAIL".to_owned())),
        (vec![Words("X A", "XA")], DialectError::Keyword("X A".to_owned())),
        (vec![Words("XA", "XA"), Words("XB", "xa")], DialectError::Duplicate("xa".to_owned())),
    ] {
        assert_eq!(build(extensions).err(), Some(ConfigError::Extension(error)));
    }
}
