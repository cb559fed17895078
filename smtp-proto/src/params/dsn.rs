//! What a sender wants to hear: `RET`, `ENVID`, `NOTIFY`, `ORCPT`.
//!
//! * **In**: the values, as they stand in a line. **Out**: [`Ret`], [`EnvelopeId`], [`Notify`],
//!   [`OriginalRecipient`].
//! * **Promises**: names match without case; ENVID and ORCPT are kept octet for octet, since a
//!   relay has to repeat them so; one that decodes to a control character is refused.
//! * **Limits**: [`ENVID_BYTES_MAX`], [`ORCPT_BYTES_MAX`]. **Panics**: never.
//! * **Spec**: RFC 3461 4 and 5.4; RFC 6533 3.

use alloc::borrow::Cow;
use alloc::format;

use bytes::{BufMut, BytesMut};

use crate::class;
use crate::limits::{ENVID_BYTES_MAX, ORCPT_BYTES_MAX};
use crate::path::Mailbox;
use crate::{utf8_addr, xtext};

const UTF_8: &str = "utf-8";

/// `RET`: how much of the message comes with a report of failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ret {
    /// All of it.
    Full,
    /// Its header.
    Hdrs,
}

impl Ret {
    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Hdrs => "HDRS",
        }
    }

    pub(super) fn parse(value: &str) -> Option<Self> {
        [Self::Full, Self::Hdrs]
            .into_iter()
            .find(|ret| class::is_word(value.as_bytes(), ret.as_str()))
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_slice(b" RET=");
        out.put_slice(self.as_str().as_bytes());
    }
}

/// `ENVID`: a name for the transaction that the sender finds again in reports.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EnvelopeId<'a>(Cow<'a, str>);

impl<'a> EnvelopeId<'a> {
    /// An id in its wire form, which is xtext; `None` unless it is of 1 to 100 octets and stands for
    /// graphic ASCII and spaces.
    #[must_use]
    pub fn new(wire: impl Into<Cow<'a, str>>) -> Option<Self> {
        let wire = wire.into();
        let well_formed =
            (1..=ENVID_BYTES_MAX).contains(&wire.len()) && xtext::is_of_printable_ascii(&wire);
        well_formed.then_some(Self(wire))
    }

    /// The id that stands for `text`; `None` as for [`new`](Self::new).
    #[must_use]
    pub fn from_decoded(text: &'a str) -> Option<Self> {
        Self::new(xtext::encode(text))
    }

    /// The wire form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text that the wire form stands for, as `Original-Envelope-Id` has it (RFC 3464 2.2.1).
    #[must_use]
    pub fn decoded(&self) -> Cow<'_, str> {
        // What was checked when it was made can be decoded.
        xtext::decode(&self.0).unwrap_or_default()
    }

    /// The same id without a borrow.
    #[must_use]
    pub fn into_owned(self) -> EnvelopeId<'static> {
        EnvelopeId(Cow::Owned(self.0.into_owned()))
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b" ENVID=");
        out.put_slice(self.0.as_bytes());
    }
}

/// `NOTIFY`: what the sender wants to hear of. Nothing of it is [`NEVER`](Self::NEVER).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Notify {
    /// `SUCCESS`: that the message was delivered.
    pub success: bool,
    /// `FAILURE`: that it will not be.
    pub failure: bool,
    /// `DELAY`: that it is late.
    pub delay: bool,
}

impl Notify {
    /// `NEVER`: no report in any case.
    pub const NEVER: Self = Self { success: false, failure: false, delay: false };

    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut notify = Self::NEVER;
        if class::is_word(value.as_bytes(), "NEVER") {
            return Some(notify);
        }
        for name in value.as_bytes().split(|octet| *octet == b',') {
            if class::is_word(name, "SUCCESS") {
                notify.success = true;
            } else if class::is_word(name, "FAILURE") {
                notify.failure = true;
            } else if class::is_word(name, "DELAY") {
                notify.delay = true;
            } else {
                return None;
            }
        }
        Some(notify)
    }

    pub(super) fn encode(self, out: &mut BytesMut) {
        out.put_slice(b" NOTIFY=");
        if self == Self::NEVER {
            return out.put_slice(b"NEVER");
        }
        let names = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let mut separator = "";
        for (_, name) in names.into_iter().filter(|(wanted, _)| *wanted) {
            out.put_slice(separator.as_bytes());
            out.put_slice(name.as_bytes());
            separator = ",";
        }
    }
}

/// `ORCPT`: the recipient as the sender wrote it, with the type of its address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OriginalRecipient<'a>(Cow<'a, str>);

impl<'a> OriginalRecipient<'a> {
    /// A recipient in its wire form: a type, `;`, and the address as xtext or, for the type
    /// `utf-8`, in the form of [`utf8_addr`].
    ///
    /// `None` unless it is so, of at most 500 octets, and stands for printable characters, which
    /// are ASCII for all types but `utf-8`. Nobody has to write an address that is valid for its
    /// type (RFC 3461 4.2), so that is not asked.
    #[must_use]
    pub fn new(wire: impl Into<Cow<'a, str>>) -> Option<Self> {
        let wire = wire.into();
        let (addr_type, address) = wire.split_once(';')?;
        let well_formed = wire.len() <= ORCPT_BYTES_MAX
            && !addr_type.is_empty()
            && addr_type.bytes().all(|o| class::is(o, class::ATEXT) && class::is(o, class::XCHAR))
            && if addr_type.eq_ignore_ascii_case(UTF_8) {
                utf8_addr::check(address).is_ok()
            } else {
                // Postfix writes an address beyond ASCII as xtext of its UTF-8, with the type `rfc822`.
                xtext::is_of_printable_text(address)
            };
        well_formed.then_some(Self(wire))
    }

    /// What a client sends with the first submission to `mailbox`; `None` if it had more than 500
    /// octets.
    #[must_use]
    pub fn of(mailbox: &Mailbox<'_>) -> Option<OriginalRecipient<'static>> {
        let address = format!("{mailbox}");
        OriginalRecipient::new(if mailbox.is_ascii() {
            format!("rfc822;{}", xtext::encode(&address))
        } else {
            format!("{UTF_8};{}", utf8_addr::encode_unitext(&address))
        })
    }

    /// The wire form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The type of the address as written: `rfc822`, `utf-8`; compare it without case.
    #[must_use]
    pub fn addr_type(&self) -> &str {
        self.parts().0
    }

    /// The address that the wire form stands for, as `Original-Recipient` has it (RFC 3464 2.3.1).
    #[must_use]
    pub fn address(&self) -> Cow<'_, str> {
        let (addr_type, address) = self.parts();
        let decode =
            if addr_type.eq_ignore_ascii_case(UTF_8) { utf8_addr::decode } else { xtext::decode };
        // What was checked when it was made can be decoded.
        decode(address).unwrap_or_default()
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.0.is_ascii()
    }

    /// The form for a server without SMTPUTF8, in which `\x{..}` stands for what is not ASCII; `None`
    /// if it had more than 500 octets.
    #[must_use]
    pub fn to_ascii(&self) -> Option<OriginalRecipient<'_>> {
        if self.is_ascii() {
            return Some(OriginalRecipient(Cow::Borrowed(&self.0)));
        }
        let address = self.address();
        OriginalRecipient::new(format!(
            "{};{}",
            self.addr_type(),
            utf8_addr::encode_xtext(&address)
        ))
    }

    /// The same recipient without a borrow.
    #[must_use]
    pub fn into_owned(self) -> OriginalRecipient<'static> {
        OriginalRecipient(Cow::Owned(self.0.into_owned()))
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        out.put_slice(b" ORCPT=");
        out.put_slice(self.0.as_bytes());
    }

    fn parts(&self) -> (&str, &str) {
        self.0.split_once(';').unwrap_or_default()
    }
}
