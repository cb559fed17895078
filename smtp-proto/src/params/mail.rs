//! The parameters of MAIL.
//!
//! * **In**: the words behind the reverse-path. **Out**: [`MailParams`].
//! * **Promises**: each keyword at most once; HOLDFOR and HOLDUNTIL not both.
//! * **Limits**: unknown parameters cost one vector. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.1.2; RFC 1870, 2852, 3461, 4865, 4954, 6152, 6531, 6710, 8689.

use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};

use super::auth::AuthParam;
use super::body::BodyType;
use super::delivery::{DeliverBy, Hold, MtPriority};
use super::dsn::{EnvelopeId, Ret};
use super::parameter::{self, Parameter};
use super::parse_size;
use super::word::Word;
use crate::command::put_display;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// The parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MailParams<'a> {
    /// `SIZE`: what the client believes the content has, in octets (RFC 1870).
    pub size: Option<u64>,
    /// `BODY`: what octets the content has (RFC 6152, RFC 3030).
    pub body: Option<BodyType>,
    /// `SMTPUTF8`: addresses and header may be UTF-8 (RFC 6531).
    pub smtputf8: bool,
    /// `AUTH`: who submitted the message first (RFC 4954 5).
    pub auth: Option<AuthParam<'a>>,
    /// `RET`: how much of the message a report of failure returns (RFC 3461 4.3).
    pub ret: Option<Ret>,
    /// `ENVID`: what the sender calls this transaction in reports (RFC 3461 4.4).
    pub envid: Option<EnvelopeId<'a>>,
    /// `REQUIRETLS`: pass on over verified TLS or not at all (RFC 8689).
    pub require_tls: bool,
    /// `MT-PRIORITY`: before or after other messages (RFC 6710).
    pub mt_priority: Option<MtPriority>,
    /// `BY`: deliver within this time (RFC 2852).
    pub by: Option<DeliverBy>,
    /// `HOLDFOR` or `HOLDUNTIL`: deliver after this time (RFC 4865).
    pub hold: Option<Hold<'a>>,
    /// Everything else, in the order received.
    pub other: Vec<Parameter<'a>>,
}

impl<'a> MailParams<'a> {
    /// The EHLO keywords of the extensions that these parameters belong to, for a server to compare
    /// with what it offers, and for a client with what it was offered.
    ///
    /// Parameters in [`other`](Self::other) belong to none.
    pub fn extensions(&self) -> impl Iterator<Item = &'static str> + use<> {
        // Without `..`, so that no parameter is forgotten.
        let Self {
            size,
            body,
            smtputf8,
            auth,
            ret,
            envid,
            require_tls,
            mt_priority,
            by,
            hold,
            other: _,
        } = self;
        let binary = *body == Some(BodyType::BinaryMime);
        let known = [
            (size.is_some(), "SIZE"),
            (body.is_some() && !binary, "8BITMIME"),
            (binary, "BINARYMIME"),
            (*smtputf8, "SMTPUTF8"),
            (auth.is_some(), "AUTH"),
            (ret.is_some() || envid.is_some(), "DSN"),
            (*require_tls, "REQUIRETLS"),
            (mt_priority.is_some(), "MT-PRIORITY"),
            (by.is_some(), "DELIVERBY"),
            (hold.is_some(), "FUTURERELEASE"),
        ];
        known.into_iter().filter_map(|(used, keyword)| used.then_some(keyword))
    }

    /// The same parameters without a borrow.
    #[must_use]
    pub fn into_owned(self) -> MailParams<'static> {
        MailParams {
            size: self.size,
            body: self.body,
            smtputf8: self.smtputf8,
            auth: self.auth.map(AuthParam::into_owned),
            ret: self.ret,
            envid: self.envid.map(EnvelopeId::into_owned),
            require_tls: self.require_tls,
            mt_priority: self.mt_priority,
            by: self.by,
            hold: self.hold.map(Hold::into_owned),
            other: parameter::own(self.other),
        }
    }

    pub(crate) fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), SyntaxError> {
        Word::read_all(cursor, |word| self.add(word))
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        if let Some(size) = self.size {
            put_display(format_args!(" SIZE={size}"), out);
        }
        if let Some(body) = self.body {
            body.encode(out);
        }
        if self.smtputf8 {
            out.put_slice(b" SMTPUTF8");
        }
        if let Some(auth) = &self.auth {
            auth.encode(out);
        }
        if let Some(ret) = self.ret {
            ret.encode(out);
        }
        if let Some(envid) = &self.envid {
            envid.encode(out);
        }
        if self.require_tls {
            out.put_slice(b" REQUIRETLS");
        }
        if let Some(priority) = self.mt_priority {
            priority.encode(out);
        }
        if let Some(by) = self.by {
            by.encode(out);
        }
        if let Some(hold) = &self.hold {
            hold.encode(out);
        }
        parameter::encode_all(&self.other, out);
    }

    fn add(&mut self, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
        if word.is("SIZE") {
            word.set(&mut self.size, parse_size)
        } else if word.is("BODY") {
            word.set(&mut self.body, BodyType::parse)
        } else if word.is("SMTPUTF8") {
            word.set_flag(&mut self.smtputf8)
        } else if word.is("AUTH") {
            word.set(&mut self.auth, AuthParam::parse)
        } else if word.is("RET") {
            word.set(&mut self.ret, Ret::parse)
        } else if word.is("ENVID") {
            word.set(&mut self.envid, EnvelopeId::new)
        } else if word.is("REQUIRETLS") {
            word.set_flag(&mut self.require_tls)
        } else if word.is("MT-PRIORITY") {
            word.set(&mut self.mt_priority, MtPriority::parse)
        } else if word.is("BY") {
            word.set(&mut self.by, DeliverBy::parse)
        } else if word.is("HOLDFOR") {
            word.set(&mut self.hold, Hold::parse_interval)
        } else if word.is("HOLDUNTIL") {
            word.set(&mut self.hold, Hold::parse_date_time)
        } else {
            parameter::add(&mut self.other, word)
        }
    }
}
