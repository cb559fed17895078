//! Names and passwords in the one form in which they are compared.
//!
//! * **In**: what a client sent. **Out**: the prepared text. **Promises**: what means the same is written the same; what
//!   has a control character or nothing in it is refused. **Limits**: the AUTH line's. **Panics**: never.
//! * **Spec**: RFC 4013 (`SASLprep`), by way of the crate `stringprep`.

use zeroize::Zeroizing;

/// `None` if it cannot be prepared or nothing is left of it.
pub(super) fn prepared(text: &str) -> Option<Zeroizing<String>> {
    let prepared = stringprep::saslprep(text).ok()?;
    (!prepared.is_empty()).then(|| Zeroizing::new(prepared.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of RFC 4013 3, and what has nothing to prepare.
    #[test]
    fn texts_are_prepared() {
        for (text, expected) in [
            ("I\u{ad}X", Some("IX")),
            ("user", Some("user")),
            ("USER", Some("USER")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("\u{7}", None),
            ("\u{627}1", None),
            ("", None),
            ("\u{ad}", None),
            ("a\rb", None),
            ("a\u{a0}b", Some("a b")),
        ] {
            assert_eq!(prepared(text).as_deref().map(String::as_str), expected, "{text:?}");
        }
    }
}
