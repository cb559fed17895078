//! XCLIENT: an authorised client speaks for another one.
//!
//! * **In**: `NAME=mail.example ADDR=192.0.2.1 LOGIN=kim`. **Out**: [`XClient`].
//! * **Promises**: each attribute at most once and of its type; whether to believe it is for the server.
//! * **Limits**: 255 octets a value. **Panics**: never. **Spec**: Postfix's `XCLIENT_README`.

use alloc::borrow::Cow;
use core::net::IpAddr;

use bytes::BytesMut;

use crate::attribute::{
    Attribute, Word, address_text, display_text, parse_address, parse_client_name, parse_port, put,
};
use crate::client_name::ClientName;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};

/// The client that a session is from now on about; `None` leaves what was known before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct XClient<'a> {
    /// `NAME`: its host name, as found in the DNS.
    pub name: Option<Attribute<Cow<'a, str>>>,
    /// `ADDR`: its address.
    pub address: Option<Attribute<IpAddr>>,
    /// `PORT`: its port.
    pub port: Option<Attribute<u16>>,
    /// `PROTO`: whether it said EHLO.
    pub protocol: Option<Attribute<Protocol>>,
    /// `HELO`: what it called itself.
    pub helo: Option<Attribute<ClientName<'a>>>,
    /// `LOGIN`: as whom it authenticated.
    pub login: Option<Attribute<Cow<'a, str>>>,
    /// `DESTADDR`: the address that it connected to.
    pub destination_address: Option<Attribute<IpAddr>>,
    /// `DESTPORT`: the port that it connected to.
    pub destination_port: Option<Attribute<u16>>,
}

/// The value of `PROTO` in XCLIENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// `SMTP`: the client said HELO.
    Smtp,
    /// `ESMTP`: the client said EHLO.
    Esmtp,
}

impl<'a> XClient<'a> {
    /// The names of the attributes, as a server lists them behind the keyword XCLIENT.
    pub const NAMES: [&'static str; 8] =
        ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

    /// The same attributes without a borrow.
    #[must_use]
    pub fn into_owned(self) -> XClient<'static> {
        XClient {
            name: self.name.map(Attribute::<Cow<'_, str>>::into_owned),
            address: self.address,
            port: self.port,
            protocol: self.protocol,
            helo: self.helo.map(Attribute::<ClientName<'_>>::into_owned),
            login: self.login.map(Attribute::<Cow<'_, str>>::into_owned),
            destination_address: self.destination_address,
            destination_port: self.destination_port,
        }
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
        put("PROTO", self.protocol.as_ref(), |protocol| protocol.as_str().into(), out);
        put("HELO", self.helo.as_ref(), |name| name.as_str().into(), out);
        put("LOGIN", self.login.as_ref(), |text| Cow::Borrowed(text), out);
        put("DESTADDR", self.destination_address.as_ref(), address_text, out);
        put("DESTPORT", self.destination_port.as_ref(), display_text, out);
    }

    fn add(&mut self, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
        if word.is("NAME") {
            word.set(&mut self.name, Some)
        } else if word.is("ADDR") {
            word.set(&mut self.address, parse_address)
        } else if word.is("PORT") {
            word.set(&mut self.port, parse_port)
        } else if word.is("PROTO") {
            word.set(&mut self.protocol, |text| Protocol::parse(&text))
        } else if word.is("HELO") {
            word.set(&mut self.helo, parse_client_name)
        } else if word.is("LOGIN") {
            word.set(&mut self.login, Some)
        } else if word.is("DESTADDR") {
            word.set(&mut self.destination_address, parse_address)
        } else if word.is("DESTPORT") {
            word.set(&mut self.destination_port, parse_port)
        } else {
            Err(SyntaxErrorKind::UnknownAttribute)
        }
    }
}

impl Protocol {
    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "SMTP",
            Self::Esmtp => "ESMTP",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Smtp, Self::Esmtp].into_iter().find(|one| text.eq_ignore_ascii_case(one.as_str()))
    }
}
