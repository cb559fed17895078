//! The parameters behind the paths of MAIL and RCPT.
//!
//! * **In**: `SIZE=500 BODY=8BITMIME KEYWORD=value`. **Out**: [`MailParams`], [`RcptParams`].
//! * **Promises**: each keyword at most once, compared without case; parameters that this module
//!   does not know are kept, so that the session decides what it offers.
//! * **Limits**: those of the line; unknown parameters cost one vector, the known ones nothing.
//!   **Panics**: never.
//! * **Spec**: RFC 5321 4.1.2 and 4.1.1.11; RFC 1870, 6152, 3030, 6531, 4954 5 for the values.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use bytes::{BufMut, BytesMut};

use crate::class;
use crate::command::put_display;
use crate::cursor::Cursor;
use crate::error::{SyntaxError, SyntaxErrorKind};
use crate::limits::CHUNK_SIZE_DIGITS_MAX as SIZE_DIGITS_MAX;
use crate::path::Mailbox;
use crate::xtext;

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
    /// Everything else, in the order received.
    pub other: Vec<Parameter<'a>>,
}

impl<'a> MailParams<'a> {
    /// The same parameters without a borrow.
    #[must_use]
    pub fn into_owned(self) -> MailParams<'static> {
        MailParams {
            size: self.size,
            body: self.body,
            smtputf8: self.smtputf8,
            auth: self.auth.map(AuthParam::into_owned),
            other: own(self.other),
        }
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let mut params = Self::default();
        while let Some((word, offset)) = Word::read(cursor)? {
            params.add(word).map_err(|kind| SyntaxError::new(kind, offset))?;
        }
        Ok(params)
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        if let Some(size) = self.size {
            put_display(format_args!(" SIZE={size}"), out);
        }
        if let Some(body) = self.body {
            out.put_slice(b" BODY=");
            out.put_slice(body.as_str().as_bytes());
        }
        if self.smtputf8 {
            out.put_slice(b" SMTPUTF8");
        }
        match &self.auth {
            None => {}
            Some(AuthParam::Unknown) => out.put_slice(b" AUTH=<>"),
            Some(AuthParam::Mailbox(mailbox)) => {
                out.put_slice(b" AUTH=");
                out.put_slice(xtext::encode(&alloc::format!("{mailbox}")).as_bytes());
            }
        }
        encode_all(&self.other, out);
    }

    fn add(&mut self, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
        if word.is("SIZE") {
            set(&mut self.size, word.value.and_then(parse_size))
        } else if word.is("BODY") {
            set(&mut self.body, word.value.and_then(BodyType::parse))
        } else if word.is("AUTH") {
            set(&mut self.auth, word.value.and_then(AuthParam::parse))
        } else if !word.is("SMTPUTF8") {
            add_other(&mut self.other, word)
        } else if self.smtputf8 {
            Err(SyntaxErrorKind::DuplicateParameter)
        } else if word.value.is_some() {
            Err(SyntaxErrorKind::ParameterValue)
        } else {
            self.smtputf8 = true;
            Ok(())
        }
    }
}

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RcptParams<'a> {
    /// All of them, in the order received.
    pub other: Vec<Parameter<'a>>,
}

impl<'a> RcptParams<'a> {
    /// The same parameters without a borrow.
    #[must_use]
    pub fn into_owned(self) -> RcptParams<'static> {
        RcptParams { other: own(self.other) }
    }

    pub(crate) fn read(cursor: &mut Cursor<'a>) -> Result<Self, SyntaxError> {
        let mut params = Self::default();
        while let Some((word, offset)) = Word::read(cursor)? {
            add_other(&mut params.other, word).map_err(|kind| SyntaxError::new(kind, offset))?;
        }
        Ok(params)
    }

    pub(crate) fn encode(&self, out: &mut BytesMut) {
        encode_all(&self.other, out);
    }
}

/// The value of `BODY`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BodyType {
    /// ASCII lines.
    SevenBit,
    /// Lines of octets (RFC 6152).
    EightBitMime,
    /// Any octets; needs BDAT (RFC 3030 3).
    BinaryMime,
}

impl BodyType {
    /// The value as it is sent.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SevenBit => "7BIT",
            Self::EightBitMime => "8BITMIME",
            Self::BinaryMime => "BINARYMIME",
        }
    }

    fn parse(value: &str) -> Option<Self> {
        [Self::SevenBit, Self::EightBitMime, Self::BinaryMime]
            .into_iter()
            .find(|body| value.eq_ignore_ascii_case(body.as_str()))
    }
}

/// The value of `AUTH` on MAIL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum AuthParam<'a> {
    /// `<>`: the client does not know, or does not vouch.
    Unknown,
    /// The identity that the first submission server authenticated.
    Mailbox(Mailbox<'a>),
}

impl<'a> AuthParam<'a> {
    /// The same value without a borrow.
    #[must_use]
    pub fn into_owned(self) -> AuthParam<'static> {
        match self {
            Self::Unknown => AuthParam::Unknown,
            Self::Mailbox(mailbox) => AuthParam::Mailbox(mailbox.into_owned()),
        }
    }

    fn parse(value: &'a str) -> Option<Self> {
        match xtext::decode(value).ok()? {
            Cow::Borrowed(text) => Self::parse_decoded(text),
            Cow::Owned(text) => AuthParam::parse_decoded(&text).map(AuthParam::into_owned),
        }
    }

    fn parse_decoded(text: &'a str) -> Option<Self> {
        if text == "<>" {
            return Some(Self::Unknown);
        }
        // Some clients write the mailbox as a path.
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Mailbox::parse(bare).ok().map(Self::Mailbox)
    }
}

/// One `keyword` or `keyword=value`.
#[derive(Clone, Debug, Eq)]
pub struct Parameter<'a> {
    keyword: Cow<'a, str>,
    value: Option<Cow<'a, str>>,
}

impl<'a> Parameter<'a> {
    /// A parameter to send.
    ///
    /// # Errors
    ///
    /// [`Parameter`](SyntaxErrorKind::Parameter) unless the keyword is of letters, digits and
    /// hyphens and does not begin with a hyphen, and the value, if there is one, is not empty and
    /// holds neither `=`, spaces nor control characters.
    pub fn new(
        keyword: impl Into<Cow<'a, str>>,
        value: Option<Cow<'a, str>>,
    ) -> Result<Self, SyntaxError> {
        let keyword = keyword.into();
        if !class::is_keyword(&keyword) {
            return Err(SyntaxError::new(SyntaxErrorKind::Parameter, 0));
        }
        if value.as_ref().is_some_and(|value| {
            value.is_empty()
                || !class::all(value, class::VALUE)
                || class::find_control(value).is_some()
        }) {
            return Err(SyntaxError::new(SyntaxErrorKind::Parameter, keyword.len() + 1));
        }
        Ok(Self { keyword, value })
    }

    /// The keyword as written; compare it without case.
    #[must_use]
    pub fn keyword(&self) -> &str {
        &self.keyword
    }

    /// The value as written, where xtext is still encoded.
    #[must_use]
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// The same parameter without a borrow.
    #[must_use]
    pub fn into_owned(self) -> Parameter<'static> {
        Parameter {
            keyword: Cow::Owned(self.keyword.into_owned()),
            value: self.value.map(|value| Cow::Owned(value.into_owned())),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        out.put_u8(b' ');
        out.put_slice(self.keyword.as_bytes());
        if let Some(value) = &self.value {
            out.put_u8(b'=');
            out.put_slice(value.as_bytes());
        }
    }
}

impl<'b> PartialEq<Parameter<'b>> for Parameter<'_> {
    fn eq(&self, other: &Parameter<'b>) -> bool {
        self.keyword.eq_ignore_ascii_case(&other.keyword) && self.value == other.value
    }
}

/// A parameter that stands in a line.
#[derive(Clone, Copy)]
struct Word<'a> {
    keyword: &'a str,
    value: Option<&'a str>,
}

impl<'a> Word<'a> {
    /// The next word and where it stands, or `None` at the end of the line.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<(Self, usize)>, SyntaxError> {
        if cursor.is_at_end() {
            return Ok(None);
        }
        if !cursor.skip_spaces() {
            return Err(cursor.error(SyntaxErrorKind::Parameter));
        }
        let offset = cursor.offset();
        let keyword = cursor.take(class::KEYWORD);
        if !class::is_keyword(keyword) {
            return Err(SyntaxError::new(SyntaxErrorKind::Parameter, offset));
        }
        let value = cursor.accept(b'=').then(|| cursor.take(class::VALUE));
        let complete = cursor.is_at_end() || cursor.peek() == Some(b' ');
        if value == Some("") || !complete {
            return Err(cursor.error(SyntaxErrorKind::Parameter));
        }
        Ok(Some((Self { keyword, value }, offset)))
    }

    fn is(&self, keyword: &str) -> bool {
        self.keyword.eq_ignore_ascii_case(keyword)
    }
}

/// A size in octets, of BDAT and of SIZE: 1 to 20 digits and nothing else.
pub(crate) fn parse_size(digits: &str) -> Option<u64> {
    let well_formed = matches!(digits.len(), 1..=SIZE_DIGITS_MAX)
        && digits.bytes().all(|octet| octet.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), SyntaxErrorKind> {
    if slot.is_some() {
        return Err(SyntaxErrorKind::DuplicateParameter);
    }
    *slot = Some(value.ok_or(SyntaxErrorKind::ParameterValue)?);
    Ok(())
}

fn add_other<'a>(others: &mut Vec<Parameter<'a>>, word: Word<'a>) -> Result<(), SyntaxErrorKind> {
    if others.iter().any(|other| word.is(&other.keyword)) {
        return Err(SyntaxErrorKind::DuplicateParameter);
    }
    others.push(Parameter {
        keyword: Cow::Borrowed(word.keyword),
        value: word.value.map(Cow::Borrowed),
    });
    Ok(())
}

fn own(parameters: Vec<Parameter<'_>>) -> Vec<Parameter<'static>> {
    parameters.into_iter().map(Parameter::into_owned).collect()
}

fn encode_all(parameters: &[Parameter<'_>], out: &mut BytesMut) {
    for parameter in parameters {
        parameter.encode(out);
    }
}
