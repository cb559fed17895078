//! Parameters that no type of this crate stands for.
//!
//! * **In**: `KEYWORD` or `KEYWORD=value`. **Out**: [`Parameter`], which keeps that form.
//! * **Promises**: neither part can hold a space, `=` or a control character.
//! * **Limits**: those of the line. **Panics**: never. **Spec**: RFC 5321 4.1.2.

use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::hash::{Hash, Hasher};

use bytes::{BufMut, BytesMut};

use super::word::Word;
use crate::class;
use crate::error::{SyntaxError, SyntaxErrorKind};

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

    pub(super) fn encode(&self, out: &mut BytesMut) {
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

impl Hash for Parameter<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let keyword = self.keyword.bytes();
        keyword.for_each(|octet| state.write_u8(octet.to_ascii_lowercase()));
        self.value.hash(state);
    }
}

pub(super) fn add<'a>(
    parameters: &mut Vec<Parameter<'a>>,
    word: Word<'a>,
) -> Result<(), SyntaxErrorKind> {
    if parameters.iter().any(|parameter| word.is(&parameter.keyword)) {
        return Err(SyntaxErrorKind::DuplicateParameter);
    }
    parameters.push(Parameter {
        keyword: Cow::Borrowed(word.keyword),
        value: word.value.map(Cow::Borrowed),
    });
    Ok(())
}

pub(super) fn own(parameters: Vec<Parameter<'_>>) -> Vec<Parameter<'static>> {
    parameters.into_iter().map(Parameter::into_owned).collect()
}

pub(super) fn encode_all(parameters: &[Parameter<'_>], out: &mut BytesMut) {
    for parameter in parameters {
        parameter.encode(out);
    }
}
