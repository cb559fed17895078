//! Replies: a code, an optional enhanced code, and text, in one line or several.
//!
//! * **In**: values of a server, or octets from one. **Out**: octets, or [`Reply`].
//! * **Promises**: text cannot hold CR or another control character, so what a reply quotes
//!   injects nothing; the enhanced code agrees with the code and stands on every line; no line that
//!   we write is over 512 octets, but for a SASL challenge, which has to be one line, and none has
//!   more than ASCII unless that is asked for.
//! * **Limits**: parsing stops at 65 536 octets or 1000 lines, and is linear in what it is given.
//!   **Panics**: only [`Reply::fixed`], on text that is wrong in the source.
//! * **Spec**: RFC 5321 4.2 and 4.5.3.1.5, RFC 2034, RFC 3463 2, RFC 4954 4,
//!   RFC 6531 3.7.4.2.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;

use bytes::{BufMut, BytesMut};

use crate::class;
use crate::enhanced_code::EnhancedCode;
use crate::error::ReplyError;
use crate::limits::{REPLY_BYTES_MAX, REPLY_LINE_BYTES_MAX, REPLY_LINES_MAX};
use crate::reply_code::ReplyCode;

/// A reply to a command, or the greeting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: ReplyCode,
    enhanced: Option<EnhancedCode>,
    text: Cow<'static, str>,
}

impl Reply {
    /// A reply written in the source.
    ///
    /// # Panics
    ///
    /// If `text` holds a control character other than `\n`. In a `const` that is an error of
    /// compilation.
    #[must_use]
    pub const fn fixed(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        text: &'static str,
    ) -> Self {
        let octets = text.as_bytes();
        let mut index = 0;
        while index < octets.len() {
            let octet = octets[index];
            assert!(
                (octet >= b' ' && octet != 0x7f) || octet == b'\n',
                "reply text holds no control character but the line feed"
            );
            index += 1;
        }
        Self { code, enhanced: fit(code, enhanced), text: Cow::Borrowed(text) }
    }

    /// A reply with any text.
    ///
    /// A `\n` begins a new line of the reply; any other control character becomes `?`. The
    /// enhanced code takes its class from `code`, and is left out of a 3yz reply (RFC 2034 3).
    #[must_use]
    pub fn new(
        code: ReplyCode,
        enhanced: Option<EnhancedCode>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        let text = text.into();
        let text = if class::find_control(&text).is_some() && text.chars().any(is_refused) {
            Cow::Owned(text.replace(is_refused, "?"))
        } else {
            text
        };
        Self { code, enhanced: fit(code, enhanced), text }
    }

    /// The same reply as a greeting or an answer to EHLO and HELO has it (RFC 2034 3).
    #[must_use]
    pub fn without_enhanced_code(&self) -> Self {
        Self { enhanced: None, ..self.clone() }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ReplyCode {
        self.code
    }

    /// The enhanced code.
    #[must_use]
    pub const fn enhanced(&self) -> Option<EnhancedCode> {
        self.enhanced
    }

    /// The text, its lines separated by `\n`, without codes.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text line by line; there is at least one, possibly empty.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// Appends the lines of the reply with their CRLF; what is not ASCII becomes `?`.
    ///
    /// A line over 512 octets goes on in the next, broken behind a space or else between
    /// characters; only a challenge (334) is never broken, since RFC 4954 4 frees it from the limit.
    pub fn encode(&self, out: &mut BytesMut) {
        self.encode_lines(out, put_ascii);
    }

    /// As [`encode`](Self::encode), in UTF-8: for a client that asked for it in this very command
    /// (RFC 6531 3.7.4.2).
    pub fn encode_utf8(&self, out: &mut BytesMut) {
        self.encode_lines(out, |line, out| out.put_slice(line.as_bytes()));
    }

    /// Parses the reply at the start of `input`, and says how many octets it takes. `None` means
    /// that its end has not arrived.
    ///
    /// Codes without text are accepted, with or without the space. Text that is not UTF-8 gets
    /// replacement characters. The enhanced code is that of the first line, if its class agrees
    /// with the code; it is taken off the other lines that repeat it.
    ///
    /// Each call starts at the beginning, so call it when a line feed has arrived.
    ///
    /// # Errors
    ///
    /// [`ReplyError`]; the connection cannot be used any more then.
    pub fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, ReplyError> {
        let Some((code, consumed)) = find_end(input)? else { return Ok(None) };
        let mut text = String::new();
        let mut enhanced = None;
        let mut rest = input.get(..consumed).unwrap_or_default();
        let mut first = true;
        while let Some((line, next)) = split_wire_line(rest) {
            let line = String::from_utf8_lossy(line.get(4..).unwrap_or_default());
            let found = EnhancedCode::split_from(&line)
                .filter(|(found, _)| found.class() == code.first_digit());
            if first {
                enhanced = found.map(|(code, _)| code);
            } else {
                text.push('\n');
            }
            let line = match found {
                Some((repeated, line)) if enhanced == Some(repeated) => line,
                _ => &line,
            };
            match class::find_control(line) {
                None => text.push_str(line),
                Some(_) => text.push_str(&line.replace(char::is_control, "?")),
            }
            rest = next;
            first = false;
        }
        Ok(Some((Self { code, enhanced, text: Cow::Owned(text) }, consumed)))
    }

    fn encode_lines(&self, out: &mut BytesMut, put: impl Fn(&str, &mut BytesMut)) {
        let mut prefix = Prefix::new(self.code, self.enhanced);
        let room = if self.code == ReplyCode::AUTH_CONTINUE {
            usize::MAX
        } else {
            REPLY_LINE_BYTES_MAX - prefix.length - "\r\n".len()
        };
        out.reserve(prefix.length + self.text.len() + "\r\n".len());
        let mut rest = Some(&*self.text);
        // Every turn takes a line feed or at least one character off the text, so this ends.
        while let Some(text) = rest {
            let (line, next) = split_line(text, room);
            out.put_slice(prefix.octets(next.is_some()));
            put(line, out);
            out.put_slice(b"\r\n");
            rest = next;
        }
    }
}

/// One line for a log: the lines of the text are separated by ` / `.
impl fmt::Display for Reply {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.code, formatter)?;
        if let Some(enhanced) = self.enhanced {
            write!(formatter, " {enhanced}")?;
        }
        for (index, line) in self.lines().enumerate() {
            formatter.write_str(if index == 0 { " " } else { " / " })?;
            formatter.write_str(line)?;
        }
        Ok(())
    }
}

/// What every line of a reply begins with: at most `550-5.999.999 `.
struct Prefix {
    octets: [u8; 14],
    length: usize,
}

impl Prefix {
    const SEPARATOR: usize = 3;

    fn new(code: ReplyCode, enhanced: Option<EnhancedCode>) -> Self {
        let mut prefix = Self { octets: [0; 14], length: 0 };
        prefix.put_number(code.value());
        prefix.put(b' ');
        if let Some(enhanced) = enhanced {
            prefix.put_number(u16::from(enhanced.class()));
            prefix.put(b'.');
            prefix.put_number(enhanced.subject());
            prefix.put(b'.');
            prefix.put_number(enhanced.detail());
            prefix.put(b' ');
        }
        prefix
    }

    fn octets(&mut self, more: bool) -> &[u8] {
        if let Some(separator) = self.octets.get_mut(Self::SEPARATOR) {
            *separator = if more { b'-' } else { b' ' };
        }
        self.octets.get(..self.length).unwrap_or_default()
    }

    fn put(&mut self, octet: u8) {
        if let Some(place) = self.octets.get_mut(self.length) {
            *place = octet;
            self.length += 1;
        }
    }

    fn put_number(&mut self, number: u16) {
        for unit in [100, 10, 1] {
            if number >= unit || unit == 1 {
                self.put(b'0' + (number / unit % 10) as u8);
            }
        }
    }
}

/// RFC 2034 4: the class is the first digit of the code; RFC 2034 3: none on 3yz.
const fn fit(code: ReplyCode, enhanced: Option<EnhancedCode>) -> Option<EnhancedCode> {
    match enhanced {
        Some(enhanced) if !code.is_intermediate() => Some(enhanced.with_class(code.first_digit())),
        _ => None,
    }
}

fn put_ascii(line: &str, out: &mut BytesMut) {
    if line.is_ascii() {
        return out.put_slice(line.as_bytes());
    }
    for character in line.chars() {
        out.put_u8(u8::try_from(character).ok().filter(u8::is_ascii).unwrap_or(b'?'));
    }
}

fn is_refused(character: char) -> bool {
    character.is_control() && character != '\n'
}

/// What fits into a line with `room` octets, and the text behind it, if the reply goes on.
fn split_line(text: &str, room: usize) -> (&str, Option<&str>) {
    let reach = text.as_bytes().get(..=room).unwrap_or(text.as_bytes());
    if let Some(end) = memchr::memchr(b'\n', reach) {
        return (text.get(..end).unwrap_or_default(), text.get(end + 1..));
    }
    if text.len() <= room {
        return (text, None);
    }
    let space = memchr::memrchr(b' ', reach.get(..room).unwrap_or_default());
    let mut end = space.map_or(room, |space| space + 1);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.split_at_checked(end).map_or((text, None), |(line, rest)| (line, Some(rest)))
}

/// The code of the first reply in `input` and its length with the last CRLF.
fn find_end(input: &[u8]) -> Result<Option<(ReplyCode, usize)>, ReplyError> {
    let bounded = input.get(..REPLY_BYTES_MAX).unwrap_or(input);
    let mut rest = bounded;
    let mut expected = None;
    let mut lines = 0;
    while let Some((line, next)) = split_wire_line(rest) {
        lines += 1;
        if lines > REPLY_LINES_MAX {
            return Err(ReplyError::TooManyLines);
        }
        let code = line.get(..3).and_then(ReplyCode::parse).ok_or(ReplyError::Code)?;
        if *expected.get_or_insert(code) != code {
            return Err(ReplyError::CodeChanged);
        }
        rest = next;
        match line.get(3) {
            None | Some(b' ') => return Ok(Some((code, bounded.len() - rest.len()))),
            Some(b'-') => {}
            Some(_) => return Err(ReplyError::Code),
        }
    }
    if bounded.len() == REPLY_BYTES_MAX { Err(ReplyError::TooLong) } else { Ok(None) }
}

/// Splits at the first CRLF; neither a bare CR nor a bare LF ends a line.
fn split_wire_line(octets: &[u8]) -> Option<(&[u8], &[u8])> {
    let feed = memchr::memchr_iter(b'\n', octets)
        .find(|&feed| feed > 0 && octets.get(feed - 1) == Some(&b'\r'))?;
    Some((octets.get(..feed - 1)?, octets.get(feed + 1..)?))
}
