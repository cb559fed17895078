//! How much is forgiven around the paths of MAIL and RCPT.
//!
//! * **In**: a choice of the operator's. **Out**: what stands between the colon and the address.
//! * **Promises**: only spaces and missing brackets are ever forgiven; the address between them
//!   follows the grammar in every syntax.
//! * **Limits**: those of the line. **Panics**: never.
//! * **Spec**: RFC 5321 3.3 (no space behind the colon) and 4.1.2 (the brackets of a path).

use crate::cursor::Cursor;

/// What may stand around the address in `MAIL FROM:<kim@example.org>` and `RCPT TO:...`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AddressSyntax {
    /// One space behind the colon is forgiven, since many clients send it.
    #[default]
    Default,
    /// What the grammar says and no more: no space behind the colon.
    Strict,
    /// Any number of spaces behind the colon, and no need for angle brackets.
    Tolerant,
}

impl AddressSyntax {
    /// Steps over the spaces that are forgiven behind the colon.
    pub(crate) fn skip_spaces(self, cursor: &mut Cursor<'_>) {
        match self {
            Self::Strict => {}
            Self::Default => {
                cursor.accept(b' ');
            }
            Self::Tolerant => {
                cursor.skip_spaces();
            }
        }
    }

    /// Whether an address may stand without its angle brackets.
    pub(crate) const fn forgives_missing_brackets(self) -> bool {
        matches!(self, Self::Tolerant)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::AddressSyntax::{self, Default, Strict, Tolerant};
    use crate::command::Command;
    use crate::dialect::Dialect;
    use crate::error::SyntaxErrorKind as Kind;

    /// The path as it is displayed, or what is wrong and where.
    fn path(line: &str, syntax: AddressSyntax) -> Result<alloc::string::String, (Kind, usize)> {
        match Dialect::STANDARD.with_address_syntax(syntax).parse(line.as_bytes()) {
            Ok(Command::Mail { from, .. }) => Ok(from.to_string()),
            Ok(Command::Rcpt { to, .. }) => Ok(to.to_string()),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err((error.kind, error.offset)),
        }
    }

    // rows: 5321-3.3-e, 5321-3.3-f
    #[test]
    fn c17_each_syntax_forgives_what_it_says() {
        let (reverse, forward) = (Kind::ReversePath, Kind::ForwardPath);
        for (line, default, strict, tolerant) in [
            ("MAIL FROM:<a@b>", Ok("<a@b>"), Ok("<a@b>"), Ok("<a@b>")),
            ("MAIL FROM: <a@b>", Ok("<a@b>"), Err((reverse, 10)), Ok("<a@b>")),
            ("MAIL FROM:   <a@b>", Err((reverse, 11)), Err((reverse, 10)), Ok("<a@b>")),
            ("MAIL FROM: <>", Ok("<>"), Err((reverse, 10)), Ok("<>")),
            ("MAIL FROM:a@b", Err((reverse, 10)), Err((reverse, 10)), Ok("<a@b>")),
            ("RCPT TO:a@b NOTIFY=NEVER", Err((forward, 8)), Err((forward, 8)), Ok("<a@b>")),
            ("RCPT TO:  \"a b\"@d", Err((forward, 9)), Err((forward, 8)), Ok("<\"a b\"@d>")),
            ("RCPT TO:@r:a@b", Err((forward, 8)), Err((forward, 8)), Ok("<@r:a@b>")),
            ("RCPT TO: <Postmaster>", Ok("<postmaster>"), Err((forward, 8)), Ok("<postmaster>")),
            ("RCPT TO:postmaster", Err((forward, 8)), Err((forward, 8)), Ok("<postmaster>")),
        ] {
            for (syntax, expected) in [(Default, default), (Strict, strict), (Tolerant, tolerant)] {
                let found = path(line, syntax);
                assert_eq!(found.as_deref().map_err(|error| *error), expected, "{line} {syntax:?}");
            }
        }
    }

    #[test]
    fn c17_the_tolerant_syntax_still_wants_an_address() {
        for (line, error) in [
            ("MAIL FROM:", (Kind::ReversePath, 10)),
            ("MAIL FROM: SIZE=1", (Kind::ReversePath, 17)),
            ("MAIL FROM:<a@b", (Kind::ReversePath, 14)),
            ("MAIL FROM:a@b>", (Kind::Parameter, 13)),
            ("RCPT TO:a b@c", (Kind::ForwardPath, 9)),
            ("RCPT TO:postmasters", (Kind::ForwardPath, 19)),
            ("RCPT TO:a@b,c@d", (Kind::Parameter, 11)),
            ("RCPT TO:a@b\0", (Kind::ControlCharacter, 11)),
        ] {
            assert_eq!(path(line, Tolerant), Err(error), "{line}");
        }
        // 254 octets have no room for the brackets that they lack.
        let long = alloc::format!("RCPT TO:{}@{}", "l".repeat(64), "d.".repeat(95));
        assert_eq!(path(&alloc::format!("{long}x"), Tolerant), Err((Kind::PathTooLong, 8)));
    }
}
