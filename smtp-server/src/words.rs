//! The words of a list of restrictions.
//!
//! * **In**: a list as Postfix writes it. **Out**: its words. **Promises**: a table that stands in the list, in braces,
//!   stays one word. **Limits**: none. **Panics**: never. **Spec**: Postfix postconf(5), `smtpd_client_restrictions`.

/// Words, separated by commas or white space that is not in braces.
pub(crate) fn words(list: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_usize;
    let separates = move |c: char| {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && (c == ',' || c.is_ascii_whitespace())
    };
    list.split(separates).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_in_braces_is_one_word() {
        for (list, expected) in [
            ("", &[][..]),
            (" permit_mynetworks,\n\treject ", &["permit_mynetworks", "reject"]),
            (
                "check_client_access inline:{ {10.1 = OK}, 10.2 = DUNNO } reject",
                &["check_client_access", "inline:{ {10.1 = OK}, 10.2 = DUNNO }", "reject"],
            ),
            ("a}, b", &["a}", "b"]),
        ] {
            assert_eq!(words(list).collect::<Vec<_>>(), expected, "{list}");
        }
    }
}
