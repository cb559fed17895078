//! The enhanced status code in front of the text of a reply.
//!
//! * **In**: three numbers, or their text. **Out**: [`EnhancedCode`].
//! * **Promises**: class 2, 4 or 5; one to three digits in the other parts, no leading zeros.
//! * **Limits**: none. **Panics**: only [`EnhancedCode::new`], on numbers that are wrong in the
//!   source. **Spec**: RFC 3463 2, RFC 2034 4.

use core::fmt;

/// An enhanced status code: `class.subject.detail`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnhancedCode {
    class: u8,
    subject: u16,
    detail: u16,
}

impl EnhancedCode {
    /// A code written in the source. For a code that comes from elsewhere see
    /// [`parse`](Self::parse).
    ///
    /// # Panics
    ///
    /// Unless `class` is 2, 4 or 5 and the others are at most 999. In a `const` that is an error of
    /// compilation.
    #[must_use]
    pub const fn new(class: u8, subject: u16, detail: u16) -> Self {
        assert!(is_class(class), "the class of an enhanced code is 2, 4 or 5");
        assert!(
            subject <= 999 && detail <= 999,
            "an enhanced code has at most three digits a part"
        );
        Self { class, subject, detail }
    }

    /// Parses `class.subject.detail`, without leading zeros.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.').map(parse_part);
        let code = (parts.next()??, parts.next()??, parts.next()??);
        if parts.next().is_some() {
            return None;
        }
        let class = u8::try_from(code.0).ok().filter(|&class| is_class(class))?;
        Some(Self { class, subject: code.1, detail: code.2 })
    }

    /// 2, 4 or 5.
    #[must_use]
    pub const fn class(self) -> u8 {
        self.class
    }

    /// What the code is about: the address, the mailbox, the network ...
    #[must_use]
    pub const fn subject(self) -> u16 {
        self.subject
    }

    /// What about it.
    #[must_use]
    pub const fn detail(self) -> u16 {
        self.detail
    }

    /// The same code in another class; unchanged unless `class` is 2, 4 or 5.
    #[must_use]
    pub const fn with_class(self, class: u8) -> Self {
        if is_class(class) { Self { class, ..self } } else { self }
    }

    /// The code at the start of reply text, and the text behind it.
    pub(crate) fn split_from(text: &str) -> Option<(Self, &str)> {
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some((Self::parse(first)?, rest))
    }
}

impl fmt::Display for EnhancedCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.class, self.subject, self.detail)
    }
}

const fn is_class(class: u8) -> bool {
    matches!(class, 2 | 4 | 5)
}

fn parse_part(digits: &str) -> Option<u16> {
    let well_formed = matches!(digits.len(), 1..=3)
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'));
    well_formed.then(|| digits.parse().ok()).flatten()
}
