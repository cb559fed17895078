//! The attributes of XCLIENT and XFORWARD: what one server tells another of a client.
//!
//! * **In**: `NAME=value NAME=value`. **Out**: [`Attribute`]s, which may be known to be unknown.
//! * **Promises**: names match without case, each at most once; values are xtext, and one that holds a
//!   control character is refused.
//! * **Limits**: 255 octets a value. **Panics**: never.
//! * **Spec**: Postfix's `XCLIENT_README` and `XFORWARD_README`; RFC 3461 4 for xtext.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr};

use bytes::{BufMut, BytesMut};

use crate::class;
use crate::client_name::ClientName;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::ATTRIBUTE_VALUE_BYTES_MAX;
use crate::xtext;

const UNAVAILABLE: &str = "[UNAVAILABLE]";
const TEMPORARILY_UNAVAILABLE: &str = "[TEMPUNAVAIL]";
const IPV6_TAG: &str = "IPV6:";

/// What is told of a client under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Attribute<T> {
    /// This.
    Known(T),
    /// `[UNAVAILABLE]`: there is nothing to tell.
    Unavailable,
    /// `[TEMPUNAVAIL]`: it could not be found out now.
    TemporarilyUnavailable,
}

impl<T> Attribute<T> {
    /// What is told, if anything is.
    #[must_use]
    pub const fn known(&self) -> Option<&T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Unavailable | Self::TemporarilyUnavailable => None,
        }
    }

    fn map<U>(self, map: impl FnOnce(T) -> U) -> Attribute<U> {
        match self {
            Self::Known(value) => Attribute::Known(map(value)),
            Self::Unavailable => Attribute::Unavailable,
            Self::TemporarilyUnavailable => Attribute::TemporarilyUnavailable,
        }
    }
}

impl Attribute<Cow<'_, str>> {
    pub(crate) fn into_owned(self) -> Attribute<Cow<'static, str>> {
        self.map(|text| Cow::Owned(text.into_owned()))
    }
}

impl Attribute<ClientName<'_>> {
    pub(crate) fn into_owned(self) -> Attribute<ClientName<'static>> {
        self.map(ClientName::into_owned)
    }
}

/// One `NAME=value` of a line, the value decoded.
pub(crate) struct Word<'a> {
    name: &'a str,
    value: Cow<'a, str>,
}

impl<'a> Word<'a> {
    /// Reads the words of the rest of the line, each into `add`.
    pub(crate) fn read_all(
        cursor: &mut Cursor<'a>,
        mut add: impl FnMut(Self) -> Result<(), SyntaxErrorKind>,
    ) -> Result<(), SyntaxError> {
        loop {
            let offset = cursor.offset();
            let word = Self::read(cursor)?;
            add(word).map_err(|kind| SyntaxError::new(kind, offset))?;
            if cursor.is_at_end() {
                return Ok(());
            }
            // A word ends before a space or a `=`; every turn goes beyond it.
            if !cursor.skip_spaces() {
                return Err(cursor.error(SyntaxErrorKind::Parameter));
            }
        }
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Puts the value where it belongs, if nothing is there yet.
    pub(crate) fn set<T>(
        self,
        slot: &mut Option<Attribute<T>>,
        parse: impl FnOnce(Cow<'a, str>) -> Option<T>,
    ) -> Result<(), SyntaxErrorKind> {
        if slot.is_some() {
            return Err(SyntaxErrorKind::DuplicateParameter);
        }
        *slot = Some(if self.value.eq_ignore_ascii_case(UNAVAILABLE) {
            Attribute::Unavailable
        } else if self.value.eq_ignore_ascii_case(TEMPORARILY_UNAVAILABLE) {
            Attribute::TemporarilyUnavailable
        } else {
            Attribute::Known(parse(self.value).ok_or(SyntaxErrorKind::ParameterValue)?)
        });
        Ok(())
    }

    fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let name = cursor.take(class::KEYWORD);
        if name.is_empty() || !cursor.accept(b'=') {
            return Err(cursor.error(SyntaxErrorKind::Parameter));
        }
        let offset = cursor.offset();
        let value = xtext::decode(cursor.take(class::VALUE)).map_err(|e| e.shifted(offset))?;
        // What it stands for is measured: the same value may be written with and without escapes.
        if !matches!(value.len(), 1..=ATTRIBUTE_VALUE_BYTES_MAX) {
            return Err(SyntaxError::new(SyntaxErrorKind::ParameterValue, offset));
        }
        Ok(Self { name, value })
    }
}

/// Appends ` NAME=value`, if there is one.
pub(crate) fn put<T>(
    name: &str,
    attribute: Option<&Attribute<T>>,
    text: impl FnOnce(&T) -> Cow<'_, str>,
    out: &mut BytesMut,
) {
    let Some(attribute) = attribute else { return };
    out.put_u8(b' ');
    out.put_slice(name.as_bytes());
    out.put_u8(b'=');
    match attribute {
        Attribute::Known(value) => out.put_slice(xtext::encode(&text(value)).as_bytes()),
        Attribute::Unavailable => out.put_slice(UNAVAILABLE.as_bytes()),
        Attribute::TemporarilyUnavailable => out.put_slice(TEMPORARILY_UNAVAILABLE.as_bytes()),
    }
}

pub(crate) fn parse_client_name(text: Cow<'_, str>) -> Option<ClientName<'_>> {
    ClientName::new(text).ok()
}

pub(crate) fn parse_address(text: Cow<'_, str>) -> Option<IpAddr> {
    match text.split_at_checked(IPV6_TAG.len()) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(IPV6_TAG) => {
            address.parse().ok().map(IpAddr::V6)
        }
        _ => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

pub(crate) fn parse_port(text: Cow<'_, str>) -> Option<u16> {
    text.bytes().all(|octet| octet.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

pub(crate) fn address_text(address: &IpAddr) -> Cow<'_, str> {
    Cow::Owned(match address {
        IpAddr::V4(address) => format!("{address}"),
        IpAddr::V6(address) => format!("{IPV6_TAG}{address}"),
    })
}

pub(crate) fn display_text(value: &impl fmt::Display) -> Cow<'_, str> {
    Cow::Owned(format!("{value}"))
}
