//! The part of an address after the `@`: a domain name or an address literal.
//!
//! * **In**: `example.org`, `bücher.example`, `[192.0.2.1]`, `[IPv6:2001:db8::1]`, `[tag:text]`.
//!   **Out**: [`Domain`], which keeps that form.
//! * **Promises**: names compare without case and as A-labels, so `bücher.example` equals
//!   `xn--bcher-kva.example`; literals compare by address; ASCII never reaches the IDNA tables.
//! * **Limits**: 255 octets, 63 characters in a label. **Panics**: never.
//! * **Spec**: RFC 5321 2.3.5, 4.1.2, 4.1.3 and 4.5.3.1.2; RFC 5890 2.3; UTS 46 for the mapping.

use alloc::borrow::Cow;
use alloc::format;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::class;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::{DOMAIN_BYTES_MAX, LABEL_BYTES_MAX};

const IPV6_TAG: &str = "IPv6:";

/// Where a mailbox lives, or what a host calls itself.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Domain<'a> {
    /// A domain name.
    Name(DomainName<'a>),
    /// An address literal in brackets.
    Literal(AddressLiteral<'a>),
}

impl<'a> Domain<'a> {
    /// Parses a whole text.
    ///
    /// # Errors
    ///
    /// [`Domain`](SyntaxErrorKind::Domain) for empty labels (so no trailing dot), hyphens at the
    /// ends of a label, characters that are neither letter, digit nor hyphen, and literals that
    /// are neither IPv4, `IPv6:` nor `tag:text`;
    /// [`DomainTooLong`](SyntaxErrorKind::DomainTooLong) over 255 octets or 63 in a label.
    pub fn parse(text: &'a str) -> Result<Self, SyntaxError> {
        if let Some(offset) = class::find_control(text) {
            return Err(SyntaxError::new(SyntaxErrorKind::ControlCharacter, offset));
        }
        let mut cursor = Cursor::new(text);
        let domain = Self::read(&mut cursor)?;
        if cursor.is_at_end() { Ok(domain) } else { Err(cursor.error(SyntaxErrorKind::Domain)) }
    }

    /// The wire form; a literal has its brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Name(name) => name.as_str(),
            Self::Literal(literal) => literal.as_str(),
        }
    }

    /// The name in lower-case A-labels, the form to look up and compare: `None` for a literal,
    /// for a name that IDNA refuses, and for any non-ASCII name without the feature `idna`.
    #[must_use]
    pub fn to_ascii(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Name(name) => name.to_ascii(),
            Self::Literal(_) => None,
        }
    }

    /// The address that a literal stands for.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        match self {
            Self::Name(_) => None,
            Self::Literal(literal) => literal.ip(),
        }
    }

    /// Whether the wire form can be sent without SMTPUTF8.
    #[must_use]
    pub fn is_ascii(&self) -> bool {
        self.as_str().is_ascii()
    }

    /// The same domain without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Domain<'static> {
        match self {
            Self::Name(DomainName(name)) => Domain::Name(DomainName(Cow::Owned(name.into_owned()))),
            Self::Literal(AddressLiteral(literal)) => {
                Domain::Literal(AddressLiteral(Cow::Owned(literal.into_owned())))
            }
        }
    }

    /// Reads a domain from text that is known to be free of control characters.
    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let wire = cursor.scan(scan)?;
        Ok(if wire.starts_with('[') {
            Self::Literal(AddressLiteral(Cow::Borrowed(wire)))
        } else {
            Self::Name(DomainName(Cow::Borrowed(wire)))
        })
    }
}

impl fmt::Display for Domain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for Domain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), formatter)
    }
}

impl From<IpAddr> for Domain<'static> {
    fn from(address: IpAddr) -> Self {
        Self::Literal(address.into())
    }
}

/// A domain name as written; only [`Domain::parse`] makes one.
#[derive(Clone)]
pub struct DomainName<'a>(Cow<'a, str>);

impl DomainName<'_> {
    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As [`Domain::to_ascii`].
    #[must_use]
    pub fn to_ascii(&self) -> Option<Cow<'_, str>> {
        if !self.0.is_ascii() {
            return to_a_labels(&self.0);
        }
        Some(self.lower_case())
    }

    fn lower_case(&self) -> Cow<'_, str> {
        if self.0.bytes().any(|octet| octet.is_ascii_uppercase()) {
            Cow::Owned(self.0.to_ascii_lowercase())
        } else {
            Cow::Borrowed(&self.0)
        }
    }

    /// What equality and hash go by. Only non-ASCII names can lack A-labels, so a name that falls
    /// back to itself never meets the A-labels of another.
    fn key(&self) -> Cow<'_, str> {
        self.to_ascii().unwrap_or_else(|| self.lower_case())
    }
}

impl fmt::Debug for DomainName<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<'b> PartialEq<DomainName<'b>> for DomainName<'_> {
    fn eq(&self, other: &DomainName<'b>) -> bool {
        if self.0.is_ascii() && other.0.is_ascii() {
            return self.0.eq_ignore_ascii_case(&other.0);
        }
        self.key() == other.key()
    }
}

impl Eq for DomainName<'_> {}

impl Hash for DomainName<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.0.is_ascii() {
            hash_ignoring_case(&self.0, state);
        } else {
            hash_ignoring_case(&self.key(), state);
        }
    }
}

/// An address literal as written, with its brackets.
#[derive(Clone)]
pub struct AddressLiteral<'a>(Cow<'a, str>);

impl AddressLiteral<'_> {
    /// The literal as written, with its brackets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address, unless this is a general literal (`[tag:text]`).
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        let inside = self.0.strip_prefix('[')?.strip_suffix(']')?;
        match strip_ipv6_tag(inside) {
            Some(address) => address.parse().ok().map(IpAddr::V6),
            None => inside.parse().ok().map(IpAddr::V4),
        }
    }
}

impl From<IpAddr> for AddressLiteral<'static> {
    fn from(address: IpAddr) -> Self {
        Self(Cow::Owned(match address {
            IpAddr::V4(address) => format!("[{address}]"),
            IpAddr::V6(address) => format!("[{IPV6_TAG}{address}]"),
        }))
    }
}

impl fmt::Debug for AddressLiteral<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

impl<'b> PartialEq<AddressLiteral<'b>> for AddressLiteral<'_> {
    fn eq(&self, other: &AddressLiteral<'b>) -> bool {
        match (self.ip(), other.ip()) {
            (None, None) => self.0.eq_ignore_ascii_case(&other.0),
            (mine, theirs) => mine == theirs,
        }
    }
}

impl Eq for AddressLiteral<'_> {}

impl Hash for AddressLiteral<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.ip() {
            Some(address) => address.hash(state),
            None => hash_ignoring_case(&self.0, state),
        }
    }
}

/// Octets of the domain that `octets` begin with.
fn scan(octets: &[u8]) -> Result<usize, SyntaxError> {
    let bytes = match octets {
        [b'[', inside @ ..] => scan_literal(inside)?,
        _ => scan_name(octets)?,
    };
    if DOMAIN_BYTES_MAX < bytes {
        return Err(SyntaxError::new(SyntaxErrorKind::DomainTooLong, 0));
    }
    Ok(bytes)
}

fn scan_name(octets: &[u8]) -> Result<usize, SyntaxError> {
    let mut rest = octets;
    loop {
        let (label, behind) = rest.split_at(class::run_bytes(rest, class::LABEL));
        let start = octets.len() - rest.len();
        let end = start + label.len();
        match label {
            [] | [b'-', ..] => return Err(SyntaxError::new(SyntaxErrorKind::Domain, start)),
            [.., b'-'] => return Err(SyntaxError::new(SyntaxErrorKind::Domain, end - 1)),
            _ if LABEL_BYTES_MAX < label.len() && LABEL_BYTES_MAX < characters(label) => {
                return Err(SyntaxError::new(SyntaxErrorKind::DomainTooLong, start));
            }
            _ => {}
        }
        match behind {
            [b'.', behind @ ..] => rest = behind,
            _ => return Ok(end),
        }
    }
}

/// The characters of a U-label: the A-label, which must fit, has more octets than that.
fn characters(label: &[u8]) -> usize {
    label.iter().filter(|&&octet| !(0x80..=0xbf).contains(&octet)).count()
}

/// As [`scan`], for what stands behind the bracket.
fn scan_literal(octets: &[u8]) -> Result<usize, SyntaxError> {
    let (inside, behind) = octets.split_at(class::run_bytes(octets, class::DCONTENT));
    if !core::str::from_utf8(inside).is_ok_and(is_literal) {
        return Err(SyntaxError::new(SyntaxErrorKind::Domain, "[".len()));
    }
    let bytes = "[]".len() + inside.len();
    match behind {
        [b']', ..] => Ok(bytes),
        _ => Err(SyntaxError::new(SyntaxErrorKind::Domain, bytes - 1)),
    }
}

fn is_literal(inside: &str) -> bool {
    if let Some(address) = strip_ipv6_tag(inside) {
        return address.parse::<Ipv6Addr>().is_ok();
    }
    // RFC 5321 4.1.3: an IPv6 address needs its tag; without it, `2001` would pass for one.
    if inside.parse::<Ipv6Addr>().is_ok() {
        return false;
    }
    match inside.split_once(':') {
        Some((tag, text)) => !tag.ends_with('-') && class::is_keyword(tag) && !text.is_empty(),
        None => inside.parse::<Ipv4Addr>().is_ok(),
    }
}

fn strip_ipv6_tag(inside: &str) -> Option<&str> {
    let (tag, address) = inside.split_at_checked(IPV6_TAG.len())?;
    tag.eq_ignore_ascii_case(IPV6_TAG).then_some(address)
}

#[cfg(feature = "idna")]
fn to_a_labels(name: &str) -> Option<Cow<'_, str>> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::Check);
    let a_labels = Uts46::new().to_ascii(name.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?;
    // RFC 5891 5.4: a name whose characters are not the ones that IDNA would write (not NFC, wide
    // forms, ligatures) is refused. UTS 46 would map it; only the mapping of case is wanted here.
    let (u_labels, _) = Uts46::new().to_unicode(a_labels.as_bytes(), deny, hyphens);
    let is_mapped_by_case = u_labels.chars().eq(name.chars().flat_map(char::to_lowercase))
        && name.chars().all(is_letter_or_its_capital);
    is_mapped_by_case.then_some(a_labels)
}

/// Not so for signs that only look like a capital: the one for kelvin has the small letter of K.
#[cfg(feature = "idna")]
fn is_letter_or_its_capital(character: char) -> bool {
    let small = character.to_lowercase();
    small.clone().eq([character]) || small.flat_map(char::to_uppercase).eq([character])
}

#[cfg(not(feature = "idna"))]
const fn to_a_labels(_: &str) -> Option<Cow<'_, str>> {
    None
}

fn hash_ignoring_case<H: Hasher>(text: &str, state: &mut H) {
    for octet in text.bytes() {
        state.write_u8(octet.to_ascii_lowercase());
    }
    state.write_u8(0xff);
}
