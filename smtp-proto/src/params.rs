//! The parameters behind the paths of MAIL and RCPT.
//!
//! * **In**: `SIZE=500 BODY=8BITMIME KEYWORD=value`. **Out**: [`MailParams`], [`RcptParams`].
//! * **Promises**: each keyword at most once, compared without case; a value is of its type or
//!   refused; what is written is read as the same. Parameters that have no type here are kept, so
//!   that the session decides what it offers.
//! * **Limits**: those of the line; unknown parameters cost one vector, the known ones nothing.
//!   **Panics**: never.
//! * **Spec**: RFC 5321 4.1.2 and 4.1.1.11; the modules name the RFCs of the values.

// Which there are, and what each may be.
mod mail;
mod rcpt;

mod auth;
mod body;
mod delivery;
mod dsn;
mod rrvs;

// How they stand in a line.
mod parameter;
mod word;

pub use auth::AuthParam;
pub use body::BodyType;
pub use delivery::{ByMode, DeliverBy, Hold, MtPriority};
pub use dsn::{EnvelopeId, Notify, OriginalRecipient, Ret};
pub use mail::MailParams;
pub use parameter::Parameter;
pub use rcpt::RcptParams;
pub use rrvs::{NoSupportAction, Rrvs};

use crate::limits::CHUNK_SIZE_DIGITS_MAX as SIZE_DIGITS_MAX;

/// A size in octets, of BDAT and of SIZE: 1 to 20 digits and nothing else.
pub(crate) fn parse_size(digits: &str) -> Option<u64> {
    parse_number(digits, SIZE_DIGITS_MAX)
}

/// A number of 1 to `digits_max` digits and nothing else.
fn parse_number(digits: &str, digits_max: usize) -> Option<u64> {
    // A sign is all that the standard library would take beyond digits.
    let well_formed = digits.len() <= digits_max && !digits.starts_with('+');
    well_formed.then(|| digits.parse().ok()).flatten()
}
