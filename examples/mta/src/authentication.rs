//! Where AUTH is offered.
//!
//! * **In**: the users, or Dovecot's socket. **Out**: an [`Authenticator`]. **Promises**: a host that nobody can log in to
//!   does not offer AUTH to other hosts; the services for users always do, since they require it.
//! * **Limits**: Dovecot is asked for its mechanisms once, at the start. **Panics**: never.
//! * **Spec**: RFC 4954 3, RFC 6409 4.3; Postfix `smtpd_sasl_type`, `smtpd_sasl_path`.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use smtp_server::sasl::{Dovecot, PasswordFile, Passwords, Throttle, ThrottleLimits};
use smtp_server::{
    Authenticator, CredentialAnswer, CredentialQuery, SaslExchange, Service, SessionInfo,
};

use crate::failure::Failure;

/// Passwords of the file, or Dovecot's users, for whoever does not guess too often.
pub(crate) struct Authentication {
    has_users: bool,
    logins: Arc<dyn Authenticator>,
}

impl Authentication {
    pub(crate) fn new(users: PasswordFile) -> Self {
        let has_users = !users.is_empty();
        let logins = Throttle::new(Passwords::new(users), ThrottleLimits::default());
        Self { has_users, logins: Arc::new(logins) }
    }

    /// Asks Dovecot at this socket.
    pub(crate) async fn of_dovecot(socket: &Path) -> Result<Self, Failure> {
        let dovecot = Dovecot::connect(socket).await.map_err(|error| {
            let socket = socket.display();
            Failure::unavailable(format!(
                "-o smtpd_sasl_path: Dovecot does not answer at {socket}: {error}; start it first"
            ))
        })?;
        let logins = Throttle::new(dovecot, ThrottleLimits::default());
        Ok(Self { has_users: true, logins: Arc::new(logins) })
    }

    fn is_offered(&self, service: Service) -> bool {
        self.has_users || service != Service::Smtp
    }
}

#[async_trait]
impl Authenticator for Authentication {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        if self.is_offered(info.service) { self.logins.mechanisms(info) } else { Vec::new() }
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        if self.is_offered(info.service) { self.logins.start(mechanism, info) } else { None }
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        self.logins.look_up(query, info).await
    }
}
