//! Service extensions: commands and parameters that an embedder adds.
//!
//! * **In**: a command that the extension registered. **Out**: its reply.
//! * **Promises**: an extension cannot change what is standard; it sees a command only after EHLO, and after
//!   AUTH where that is required. **Limits**: the hook timeout; a command is one line of 512 octets.
//! * **Panics**: caught. **Spec**: RFC 5321 2.2.2, 4.1.1.1, 4.1.1.11.

use async_trait::async_trait;
use smtp_proto::{Reply, ServiceExtension};

use crate::envelope::Envelope;
use crate::info::SessionInfo;

/// A service extension: what it adds to the protocol, and how its commands are answered.
///
/// Its keyword is listed by EHLO. Its parameters of MAIL and RCPT are accepted and stand in the envelope,
/// in [`MailParams::other`](smtp_proto::MailParams::other) and
/// [`RcptParams::other`](smtp_proto::RcptParams::other), for access control and delivery to read.
///
/// ```
/// use async_trait::async_trait;
/// use smtp_server::proto::{EnhancedCode, Reply, ReplyCode, ServiceExtension, replies};
/// use smtp_server::{Envelope, ExtensionHandler, SessionInfo};
///
/// /// `XWHO` tells clients who they are; `XTICKET=` on MAIL names the ticket that a message belongs to.
/// struct Who;
///
/// #[async_trait]
/// impl ExtensionHandler for Who {
///     fn definition(&self) -> ServiceExtension {
///         ServiceExtension::new("XWHO").with_verb("XWHO").with_mail_parameter("XTICKET")
///     }
///
///     async fn command(
///         &self,
///         _verb: &str,
///         argument: &str,
///         _envelope: Option<&Envelope>,
///         info: &SessionInfo,
///     ) -> Reply {
///         if !argument.is_empty() {
///             return replies::UNEXPECTED_ARGUMENT;
///         }
///         let user = info.identity.as_ref().map_or("nobody", |identity| &identity.authcid);
///         let code = EnhancedCode::new(2, 0, 0);
///         Reply::new(ReplyCode::OK, Some(code), format!("You are {user}"))
///     }
/// }
///
/// # #[cfg(feature = "tokio")]
/// # fn build() -> Result<(), Box<dyn std::error::Error>> {
/// # use smtp_server::{Server, relay::LocalDomains, delivery::Discard};
/// let server = Server::builder("mx.example.org")
///     .relay_policy(LocalDomains::new(["example.org"])?)
///     .delivery(Discard)
///     .extension(Who)
///     .build()?;
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait ExtensionHandler: Send + Sync + 'static {
    /// What the extension adds. Asked once, when the server is built.
    fn definition(&self) -> ServiceExtension;

    /// The reply to a command that begins with one of the extension's verbs: 2yz, 4yz or 5yz.
    ///
    /// `verb` is as it was registered, `argument` what followed it, and `envelope` that of the open mail
    /// transaction. The session and the transaction stay as they are, unless the reply is 421 or 521,
    /// which closes the connection. A reply of another class becomes a 451.
    async fn command(
        &self,
        verb: &str,
        argument: &str,
        envelope: Option<&Envelope>,
        info: &SessionInfo,
    ) -> Reply;
}
