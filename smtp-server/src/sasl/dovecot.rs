//! Dovecot's auth server as the authenticator: its mechanisms, its users, its passwords.
//!
//! * **In**: the path of its client socket (`auth-client`). **Out**: an [`Authenticator`] that passes exchanges on.
//! * **Promises**: an exchange has a connection of its own, so that none can disturb another; what the server says is the
//!   client's answer, and one that cannot be reached is "try again". A name that it reports stands in the events.
//! * **Limits**: lines of [`LINE_BYTES_MAX`]; each step has the hook's time. **Panics**: never.
//! * **Spec**: Dovecot authentication protocol, version 1.

mod protocol;

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::hooks::{
    Authenticator, CredentialAnswer, CredentialQuery, CustomQuery, LookupError, SaslExchange,
    SaslStep,
};
use crate::info::{Identity, SessionInfo};
use protocol::Answer;

/// More than the longest response of a client in base64 with what stands around it.
const LINE_BYTES_MAX: u64 = 16_384;

/// Passes exchanges on to Dovecot.
#[derive(Clone, Debug)]
pub struct Dovecot {
    socket: PathBuf,
    /// Those that both know.
    mechanisms: Vec<&'static str>,
}

impl Dovecot {
    /// Asks the server at `socket` which mechanisms it has; those that show the password to whoever reads along are
    /// among them, since AUTH is not offered in clear.
    ///
    /// # Errors
    /// If it cannot be reached, or says what the protocol does not have.
    pub async fn connect(socket: impl AsRef<Path>) -> io::Result<Self> {
        let socket = socket.as_ref().to_owned();
        let (_, greeting) = Connection::open(&socket).await?;
        Ok(Self { mechanisms: protocol::mechanisms(&greeting), socket })
    }

    async fn ask(&self, request: &Request, info: &SessionInfo) -> io::Result<Answer> {
        let mut running = request.running.lock().await;
        let response = request.response.as_ref().map(|octets| octets.as_slice());
        let line = match &*running {
            None => protocol::auth(request.mechanism, response, info),
            Some(_) => protocol::cont(response.unwrap_or_default()),
        };
        // Taken out, so that an exchange whose step was cut off cannot go on.
        let mut connection = match running.take() {
            Some(connection) => connection,
            None => Connection::open(&self.socket).await?.0,
        };
        connection.0.write_all(line.as_bytes()).await?;
        let answer = protocol::answer(&connection.line().await?)?;
        if matches!(answer, Answer::Continue(_)) {
            *running = Some(connection);
        }
        Ok(answer)
    }
}

#[async_trait]
impl Authenticator for Dovecot {
    fn mechanisms(&self, _info: &SessionInfo) -> Vec<&'static str> {
        self.mechanisms.clone()
    }

    fn start(&self, mechanism: &str, _info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        let mechanism = *self.mechanisms.iter().find(|known| **known == mechanism)?;
        Some(Box::new(Exchange { mechanism, running: Arc::default() }))
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        let CredentialQuery::Custom(query) = query else { return CredentialAnswer::Denied };
        let query: &dyn Any = &**query;
        let Some(request) = query.downcast_ref::<Request>() else {
            return CredentialAnswer::Denied;
        };
        match self.ask(request, info).await {
            Ok(Answer::Continue(challenge)) => CredentialAnswer::Challenge(challenge),
            Ok(Answer::Right { user }) => CredentialAnswer::Granted(Identity::new(user)),
            Ok(Answer::Wrong { user }) => {
                // The first one who says it is right.
                let _ = request.user.set(user);
                CredentialAnswer::Denied
            }
            Ok(Answer::Unavailable) => {
                CredentialAnswer::Unavailable(LookupError::new("Dovecot: a temporary failure"))
            }
            Err(error) => CredentialAnswer::Unavailable(LookupError::new(format!(
                "Dovecot at {}: {error}",
                self.socket.display()
            ))),
        }
    }
}

/// The connection of an exchange that goes on.
type Running = Arc<Mutex<Option<Connection>>>;

struct Exchange {
    mechanism: &'static str,
    running: Running,
}

/// One step of an exchange.
struct Request {
    mechanism: &'static str,
    response: Option<Zeroizing<Vec<u8>>>,
    running: Running,
    /// Whom Dovecot took the client for, once it refused.
    user: OnceLock<String>,
}

impl CustomQuery for Request {
    fn authcid(&self) -> &str {
        self.user.get().map_or("", String::as_str)
    }
}

impl SaslExchange for Exchange {
    fn step(&mut self, response: Option<&[u8]>) -> SaslStep {
        SaslStep::Ask(CredentialQuery::Custom(Arc::new(Request {
            mechanism: self.mechanism,
            response: response.map(|octets| Zeroizing::new(octets.to_vec())),
            running: self.running.clone(),
            user: OnceLock::new(),
        })))
    }

    fn answer(&mut self, answer: CredentialAnswer) -> SaslStep {
        answer.into()
    }
}

struct Connection(BufReader<UnixStream>);

impl Connection {
    /// Greets the server and hears what it has.
    async fn open(socket: &Path) -> io::Result<(Self, Vec<String>)> {
        /// A server has a handful of lines to say.
        const LINES_MAX: usize = 100;
        let mut connection = Self(BufReader::new(UnixStream::connect(socket).await?));
        connection.0.write_all(protocol::greeting().as_bytes()).await?;
        let mut lines = Vec::new();
        for _ in 0..LINES_MAX {
            let line = connection.line().await?;
            if line == "DONE" {
                protocol::check_version(&lines)?;
                return Ok((connection, lines));
            }
            lines.push(line);
        }
        Err(protocol::wrong("its greeting has no end"))
    }

    async fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        (&mut self.0).take(LINE_BYTES_MAX).read_line(&mut line).await?;
        match line.strip_suffix('\n') {
            Some(line) => Ok(line.to_owned()),
            None => Err(protocol::wrong("it closed, or its line is too long")),
        }
    }
}

#[cfg(test)]
mod tests;
