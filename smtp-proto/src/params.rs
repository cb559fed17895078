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
        while let Some((parameter, offset)) = Parameter::read(cursor)? {
            params.add(parameter).map_err(|kind| SyntaxError::new(kind, offset))?;
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

    fn add(&mut self, parameter: Parameter<'a>) -> Result<(), SyntaxErrorKind> {
        let keyword = parameter.keyword();
        if keyword.eq_ignore_ascii_case("SIZE") {
            let digits = parameter.value.as_deref().ok_or(SyntaxErrorKind::ParameterValue)?;
            set(&mut self.size, parse_size(digits))
        } else if keyword.eq_ignore_ascii_case("BODY") {
            let value = parameter.value.as_deref().ok_or(SyntaxErrorKind::ParameterValue)?;
            set(&mut self.body, BodyType::parse(value))
        } else if keyword.eq_ignore_ascii_case("SMTPUTF8") {
            let mut once = self.smtputf8.then_some(());
            self.smtputf8 = true;
            set(&mut once, parameter.value.is_none().then_some(()))
        } else if keyword.eq_ignore_ascii_case("AUTH") {
            let value = parameter.value.ok_or(SyntaxErrorKind::ParameterValue)?;
            set(&mut self.auth, AuthParam::parse(value))
        } else {
            add_other(&mut self.other, parameter)
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
        while let Some((parameter, offset)) = Parameter::read(cursor)? {
            add_other(&mut params.other, parameter)
                .map_err(|kind| SyntaxError::new(kind, offset))?;
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

    fn parse(value: Cow<'a, str>) -> Option<Self> {
        // A value without escapes is parsed where it stands, so that nothing is copied.
        match value {
            Cow::Borrowed(value) => match xtext::decode(value).ok()? {
                Cow::Borrowed(text) => Self::parse_decoded(text),
                Cow::Owned(text) => Self::parse_decoded(&text).map(AuthParam::into_owned),
            },
            Cow::Owned(value) => {
                Self::parse_decoded(&xtext::decode(&value).ok()?).map(AuthParam::into_owned)
            }
        }
    }
}

impl AuthParam<'_> {
    fn parse_decoded(text: &str) -> Option<AuthParam<'_>> {
        if text == "<>" {
            return Some(AuthParam::Unknown);
        }
        // Some clients write the mailbox as a path.
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        Mailbox::parse(bare).ok().map(AuthParam::Mailbox)
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
        if !is_keyword(&keyword) {
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

    /// The next parameter and where it stands, or `None` at the end of the line.
    fn read(cursor: &mut Cursor<'a>) -> Result<Option<(Self, usize)>, SyntaxError> {
        if cursor.is_at_end() {
            return Ok(None);
        }
        if !cursor.skip_spaces() {
            return Err(cursor.error(SyntaxErrorKind::Parameter));
        }
        let offset = cursor.offset();
        let keyword = cursor.take(class::KEYWORD);
        if !is_keyword(keyword) {
            return Err(SyntaxError::new(SyntaxErrorKind::Parameter, offset));
        }
        let value = if cursor.accept(b'=') { Some(cursor.take(class::VALUE)) } else { None };
        let complete = cursor.is_at_end() || cursor.peek() == Some(b' ');
        if value == Some("") || !complete {
            return Err(cursor.error(SyntaxErrorKind::Parameter));
        }
        let parameter = Self { keyword: Cow::Borrowed(keyword), value: value.map(Cow::Borrowed) };
        Ok(Some((parameter, offset)))
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

/// `SIZE` of MAIL and of EHLO: 1 to 20 digits.
pub(crate) fn parse_size(digits: &str) -> Option<u64> {
    let well_formed =
        matches!(digits.len(), 1..=20) && digits.bytes().all(|octet| octet.is_ascii_digit());
    well_formed.then(|| digits.parse().ok()).flatten()
}

pub(crate) fn is_keyword(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && class::all(word, class::KEYWORD)
}

fn set<T>(slot: &mut Option<T>, value: Option<T>) -> Result<(), SyntaxErrorKind> {
    if slot.is_some() {
        return Err(SyntaxErrorKind::DuplicateParameter);
    }
    *slot = Some(value.ok_or(SyntaxErrorKind::ParameterValue)?);
    Ok(())
}

fn add_other<'a>(
    others: &mut Vec<Parameter<'a>>,
    parameter: Parameter<'a>,
) -> Result<(), SyntaxErrorKind> {
    if others.iter().any(|other| other.keyword.eq_ignore_ascii_case(&parameter.keyword)) {
        return Err(SyntaxErrorKind::DuplicateParameter);
    }
    others.push(parameter);
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
