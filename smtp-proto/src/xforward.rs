//! XFORWARD: where a message came from, for the log of the server behind a filter.
//!
//! * **In**: `NAME=mail.example ADDR=192.0.2.1 IDENT=4F2`. **Out**: [`XForward`].
//! * **Promises**: each attribute at most once and of its type. **Limits**: 255 octets a value.
//! * **Panics**: never. **Spec**: Postfix's `XFORWARD_README`.

use alloc::borrow::Cow;
use core::net::IpAddr;

use bytes::BytesMut;

use crate::attribute::{
    Attribute, Word, address_text, display_text, parse_address, parse_client_name, parse_port, put,
};
use crate::client_name::ClientName;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// The client that the next message came from; `None` is what was not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct XForward<'a> {
    /// `NAME`: its host name, as found in the DNS.
    pub name: Option<Attribute<Cow<'a, str>>>,
    /// `ADDR`: its address.
    pub address: Option<Attribute<IpAddr>>,
    /// `PORT`: its port.
    pub port: Option<Attribute<u16>>,
    /// `PROTO`: how the message came, which need not be SMTP.
    pub protocol: Option<Attribute<Cow<'a, str>>>,
    /// `HELO`: what it called itself.
    pub helo: Option<Attribute<ClientName<'a>>>,
    /// `IDENT`: the queue id that the message had in front of the filter.
    pub ident: Option<Attribute<Cow<'a, str>>>,
    /// `SOURCE`: on which side of the network the message began.
    pub source: Option<Attribute<Source>>,
}

/// The value of `SOURCE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// `LOCAL`: among the server's own.
    Local,
    /// `REMOTE`: anywhere else.
    Remote,
}

impl<'a> XForward<'a> {
    /// The names of the attributes, as a server lists them behind the keyword XFORWARD.
    pub const NAMES: [&'static str; 7] =
        ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];

    /// The same attributes without a borrow.
    #[must_use]
    pub fn into_owned(self) -> XForward<'static> {
        XForward {
            name: self.name.map(Attribute::<Cow<'_, str>>::into_owned),
            address: self.address,
            port: self.port,
            protocol: self.protocol.map(Attribute::<Cow<'_, str>>::into_owned),
            helo: self.helo.map(Attribute::<ClientName<'_>>::into_owned),
            ident: self.ident.map(Attribute::<Cow<'_, str>>::into_owned),
            source: self.source,
        }
    }

    /// Adds what was told later: it replaces what was told of the same attribute before.
    pub fn merge(&mut self, later: Self) {
        self.name = later.name.or(self.name.take());
        self.address = later.address.or(self.address);
        self.port = later.port.or(self.port);
        self.protocol = later.protocol.or(self.protocol.take());
        self.helo = later.helo.or(self.helo.take());
        self.ident = later.ident.or(self.ident.take());
        self.source = later.source.or(self.source);
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let mut client = Self::default();
        Word::read_all(cursor, |word| client.add(word))?;
        Ok(client)
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        put("NAME", self.name.as_ref(), |text| Cow::Borrowed(text), out);
        put("ADDR", self.address.as_ref(), address_text, out);
        put("PORT", self.port.as_ref(), display_text, out);
        put("PROTO", self.protocol.as_ref(), |text| Cow::Borrowed(text), out);
        put("HELO", self.helo.as_ref(), |name| name.as_str().into(), out);
        put("IDENT", self.ident.as_ref(), |text| Cow::Borrowed(text), out);
        put("SOURCE", self.source.as_ref(), |source| source.as_str().into(), out);
    }

    fn add(&mut self, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
        if word.is("NAME") {
            word.set(&mut self.name, Some)
        } else if word.is("ADDR") {
            word.set(&mut self.address, parse_address)
        } else if word.is("PORT") {
            word.set(&mut self.port, parse_port)
        } else if word.is("PROTO") {
            word.set(&mut self.protocol, Some)
        } else if word.is("HELO") {
            word.set(&mut self.helo, parse_client_name)
        } else if word.is("IDENT") {
            word.set(&mut self.ident, Some)
        } else if word.is("SOURCE") {
            word.set(&mut self.source, |text| Source::parse(&text))
        } else {
            Err(SyntaxErrorKind::UnknownAttribute)
        }
    }
}

impl Source {
    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "LOCAL",
            Self::Remote => "REMOTE",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Local, Self::Remote].into_iter().find(|one| text.eq_ignore_ascii_case(one.as_str()))
    }
}
