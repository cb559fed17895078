//! XFORWARD: a filter tells where the next message came from.
//!
//! * **In**: attributes of the client in front of the filter. **Out**: [`Envelope::forwarded`] of the next
//!   transaction.
//! * **Promises**: nothing is decided by it here; it is forgotten with the transaction, RSET, EHLO and XCLIENT.
//!   Who may tell is decided by the connection's own address.
//! * **Limits**: it counts as an idle command. **Panics**: never. **Spec**: Postfix's `XFORWARD_README`.
//!
//! [`Envelope::forwarded`]: crate::envelope::Envelope::forwarded

use smtp_proto::{XForward, replies};

use super::Session;
use super::state::{Mail, State};

impl Session {
    pub(super) fn xforward(&mut self, told: XForward<'_>, mail: Mail) -> State {
        let refusal = if !self.is_in(&self.config.xforward_clients) {
            replies::NOT_AUTHORIZED
        } else if !matches!(mail, Mail::None) {
            replies::IN_TRANSACTION
        } else {
            self.forwarded.get_or_insert_default().merge(told.into_owned());
            return self.answer_idle_command(&replies::OK, mail);
        };
        self.refuse(&refusal);
        State::Command(mail)
    }
}
