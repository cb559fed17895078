//! Where AUTH is offered.
//!
//! * **In**: the users. **Out**: an [`Authenticator`]. **Promises**: a host that nobody can log in to does not
//!   offer AUTH to other hosts; the services for users always do, since they require it.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 4954 3, RFC 6409 4.3.

use async_trait::async_trait;
use smtp_server::sasl::{PasswordFile, Passwords, Throttle, ThrottleLimits};
use smtp_server::{
    Authenticator, CredentialAnswer, CredentialQuery, SaslExchange, Service, SessionInfo,
};

/// Passwords of the file, for whoever does not guess too often.
pub(crate) struct Authentication {
    has_users: bool,
    passwords: Throttle<Passwords<PasswordFile>>,
}

impl Authentication {
    pub(crate) fn new(users: PasswordFile) -> Self {
        let has_users = !users.is_empty();
        let passwords = Throttle::new(Passwords::new(users), ThrottleLimits::default());
        Self { has_users, passwords }
    }

    fn is_offered(&self, service: Service) -> bool {
        self.has_users || service != Service::Smtp
    }
}

#[async_trait]
impl Authenticator for Authentication {
    fn mechanisms(&self, info: &SessionInfo) -> Vec<&'static str> {
        if self.is_offered(info.service) { self.passwords.mechanisms(info) } else { Vec::new() }
    }

    fn start(&self, mechanism: &str, info: &SessionInfo) -> Option<Box<dyn SaslExchange>> {
        if self.is_offered(info.service) { self.passwords.start(mechanism, info) } else { None }
    }

    async fn look_up(&self, query: &CredentialQuery, info: &SessionInfo) -> CredentialAnswer {
        self.passwords.look_up(query, info).await
    }
}
