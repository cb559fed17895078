//! What SIGHUP reads again.
//!
//! * **In**: SIGHUP. **Out**: a line in the log for each file. **Promises**: what cannot be read, or has a fault, stays as it
//!   was, which the log says with the place of the fault; nobody is disturbed. **Limits**: none. **Panics**: never.
//! * **Spec**: Postfix postfix(1) `reload`.

use std::sync::Arc;

use smtp_server::access::AccessTable;

use crate::sender_logins::SenderLogins;
use crate::signals::Hangups;
use crate::signing::SigningKeys;
use crate::tls::Certificate;

/// Everything that came from a file and may change.
pub(crate) struct Reloads {
    pub(crate) certificate: Certificate,
    pub(crate) tables: Vec<Arc<AccessTable>>,
    pub(crate) sender_logins: Option<Arc<SenderLogins>>,
    pub(crate) signing: SigningKeys,
}

impl Reloads {
    /// Reads all again at each SIGHUP. Ends with the runtime.
    pub(crate) async fn run(self, mut hangups: Hangups) {
        let all = Arc::new(self);
        loop {
            hangups.next().await;
            let reading = all.clone();
            // One that panicked read nothing, and the next signal reads again.
            let _ = tokio::task::spawn_blocking(move || reading.read_again()).await;
        }
    }

    fn read_again(&self) {
        let file = self.certificate.chain().display();
        match self.certificate.reload() {
            Ok(()) => tracing::info!(signal = "SIGHUP", certificate = %file, "read again"),
            Err(failure) => {
                let reason = failure.message();
                tracing::error!(signal = "SIGHUP", reason, "the certificate in use stays in use");
            }
        }
        for table in &self.tables {
            match table.reload() {
                Ok(()) => tracing::info!(signal = "SIGHUP", ?table, "read again"),
                Err(error) => tracing::error!(signal = "SIGHUP", %error, "a table stays as it was"),
            }
        }
        if let Some(Err(failure)) = self.sender_logins.as_ref().map(|logins| logins.reload()) {
            let reason = failure.message();
            tracing::error!(signal = "SIGHUP", reason, "the sender logins stay as they were");
        }
        if let Err(failure) = self.signing.reload() {
            let reason = failure.message();
            tracing::error!(signal = "SIGHUP", reason, "the DKIM keys in use stay in use");
        }
    }
}
