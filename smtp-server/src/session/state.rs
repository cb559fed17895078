//! What can be true of a session.
//!
//! * **In**: transitions of the sibling modules. **Out**: the state, consumed by value.
//! * **Promises**: a transaction lives inside the states that may have one, so RSET is a drop.
//! * **Limits**: one state. **Panics**: never. **Spec**: RFC 5321 3.1 to 3.3, 4.1.4.
//!
//! ```text
//!  Asked(Client) -> Command(None) -> Command(Open) -> Asked(Message) -> Content -+-> Command(None)
//!                     |   ^                                                      |
//!                     v   |                     Draining (after a refusal)  <----+
//!              Asked, Exchange, Upgrading
//! ```

use smtp_proto::{BodyType, EtrnArgument, ForwardPath, Query, RcptParams, Reply};

use super::auth::Exchange;
use super::content::Content;
use super::drain::Draining;
use super::framing::Framing;
use super::{Message, Question};
use crate::envelope::Envelope;
use crate::hooks::{CloseReason, CredentialQuery};
use crate::info::{Hello, SessionInfo};
use crate::verdict::Rejection;

pub(super) enum State {
    /// An answer is awaited.
    Asked(Asked),
    /// A command is awaited.
    Command(Mail),
    /// A SASL response is awaited.
    Exchange(Exchange),
    /// A delivery takes the content.
    Content(Box<Content>),
    /// Refused content is read to its end.
    Draining(Box<Draining>),
    /// 220 was given to STARTTLS.
    Upgrading,
    /// What is in the output is the last.
    Closing(CloseReason),
}

/// The mail transaction, if there is one.
pub(super) enum Mail {
    None,
    Open(Box<Transaction>),
    /// The delivery failed between two chunks; the next BDAT gets its refusal, so many times if it is the last.
    Failed {
        refusal: Box<Rejection>,
        replies: usize,
    },
    /// A chunk was refused: further ones are swallowed until RSET or MAIL.
    Refused,
    /// Service was refused in the greeting, or after the handshake: there is never one, and this is the answer to all
    /// but QUIT.
    NoService(Reply),
}

pub(super) struct Transaction {
    pub(super) envelope: Envelope,
    /// Recipients that were asked for and refused.
    pub(super) refused: u32,
    /// Recipients that came after the last one there was room for.
    pub(super) excess: u32,
    /// The recipient about whom a question is open. It stands here, since the state is moved often.
    pub(super) asked: Option<AskedRecipient>,
}

pub(super) struct AskedRecipient {
    pub(super) to: ForwardPath<'static>,
    pub(super) params: RcptParams<'static>,
}

impl Transaction {
    /// Whether the content may hold any octet, so that no dot can end it.
    pub(super) fn is_binary(&self) -> bool {
        self.envelope.params.body == Some(BodyType::BinaryMime)
    }
}

pub(super) enum Asked {
    Client,
    Tls {
        /// It was begun by STARTTLS.
        greeted: bool,
    },
    Hello {
        hello: Hello,
        /// It was said with EHLO or LHLO, whatever the facts say of the client spoken for.
        extended: bool,
        mail: Mail,
    },
    Sender(Box<Transaction>),
    /// The transaction has an [`AskedRecipient`].
    Recipient(Box<Transaction>),
    Data {
        transaction: Box<Transaction>,
        framing: Framing,
    },
    Command {
        verb: String,
        argument: String,
        mail: Mail,
    },
    Etrn(EtrnArgument<'static>),
    Verification {
        query: Query<'static>,
        mail: Mail,
    },
    Expansion {
        query: Query<'static>,
        mail: Mail,
    },
    Mechanism {
        mechanism: &'static str,
        initial_response: Option<Vec<u8>>,
    },
    Credentials {
        exchange: Exchange,
        query: CredentialQuery,
    },
    Message {
        message: Box<Message>,
        content: Box<Content>,
    },
}

impl Mail {
    /// The envelope of the open transaction.
    pub(super) fn envelope(&self) -> Option<&Envelope> {
        match self {
            Self::Open(transaction) => Some(&transaction.envelope),
            _ => None,
        }
    }
}

impl State {
    /// What follows the refusal of a hook.
    pub(super) fn after(rejection: &Rejection, mail: Mail) -> Self {
        if rejection.closes() { Self::Closing(CloseReason::Refused) } else { Self::Command(mail) }
    }

    /// The open question, unless it is the one that moves the message out.
    pub(super) fn question<'a>(&'a self, info: &'a SessionInfo) -> Option<Question<'a>> {
        let Self::Asked(asked) = self else { return None };
        Some(match asked {
            Asked::Client => Question::Client(info),
            Asked::Tls { .. } => Question::Tls(info),
            Asked::Hello { hello, .. } => Question::Hello(hello),
            Asked::Sender(transaction) => Question::Sender(&transaction.envelope),
            Asked::Recipient(transaction) => {
                let AskedRecipient { to, params } = transaction.asked.as_ref()?;
                Question::Recipient { to, params, envelope: &transaction.envelope }
            }
            Asked::Data { transaction, .. } => Question::Data(&transaction.envelope),
            Asked::Command { verb, argument, mail } => {
                Question::Command { verb, argument, envelope: mail.envelope() }
            }
            Asked::Etrn(argument) => Question::Etrn(argument),
            Asked::Verification { query, .. } => Question::Verification(&query.argument),
            Asked::Expansion { query, .. } => Question::Expansion(&query.argument),
            Asked::Mechanism { mechanism, .. } => Question::Mechanism(mechanism),
            Asked::Credentials { exchange, query } => {
                Question::Credentials { query, mechanism: exchange.mechanism() }
            }
            Asked::Message { .. } => return None,
        })
    }
}
