//! Right-hand sides that are no actions, and where they go wrong. What the others do is in the rows.

use smtp_server::access::{AccessAction, ActionError};

type Parse = fn(&str) -> Result<AccessAction, ActionError>;

fn check(parse: Parse, rows: &[(&str, usize, &str)]) {
    for (text, column, expected) in rows {
        let error = parse(text).expect_err(text);
        assert_eq!(error.column, *column, "{text:?}: {error}");
        assert!(error.expected.contains(expected), "{text:?}: {error}");
    }
}

#[test]
fn what_is_no_action_of_access_5_says_what_was_expected() {
    check(
        AccessAction::parse,
        &[
            ("", 1, "REJECT"),
            ("   ", 4, "REJECT"),
            ("FOO", 1, "REJECT"),
            ("  FOO bar", 3, "REJECT"),
            ("OKAY", 1, "OK"),
            ("350 text", 1, "400 to 599"),
            ("600 text", 1, "400 to 599"),
            ("45a text", 1, "400 to 599"),
            ("4500 text", 1, "400 to 599"),
            ("550-text", 1, "400 to 599"),
            ("reject_unauth_destination", 1, "REJECT"),
            ("REDIRECT", 9, "user@domain"),
            ("REDIRECT kim", 10, "user@domain"),
            ("REDIRECT kim@", 10, "user@domain"),
            ("REDIRECT a@b.test c@d.test", 10, "user@domain"),
            ("BCC  kim", 6, "user@domain"),
            ("FILTER", 7, "transport:destination"),
            ("FILTER scan", 8, "transport:destination"),
            ("FILTER :there", 8, "transport:destination"),
            ("PREPEND X-Seen", 9, "Name: value"),
            ("PREPEND X Seen: yes", 9, "Name: value"),
            ("PREPEND : yes", 9, "Name: value"),
            ("PREPEND X-Seen: a\r\nX-Other: b", 9, "Name: value"),
        ],
    );
}

#[test]
fn what_is_no_action_of_sendmail_says_what_was_expected() {
    check(
        AccessAction::parse_sendmail,
        &[
            ("", 1, "RELAY"),
            ("FOO", 1, "RELAY"),
            ("HOLD", 1, "RELAY"),
            ("550", 1, "400 to 599"),
            ("250 fine", 1, "400 to 599"),
            ("QUARANTINE:", 1, "QUARANTINE:reason"),
            ("ERROR:", 7, "400 to 599"),
            ("ERROR:text", 7, "400 to 599"),
            ("ERROR:5.7.1:text", 13, "400 to 599"),
            ("ERROR:5.7:550 text", 7, "400 to 599"),
            ("ERROR:5.7.1:250 text", 13, "400 to 599"),
        ],
    );
}

#[test]
fn a_refusal_of_the_embedder_is_the_one_of_the_text() {
    assert_eq!(AccessAction::parse("REJECT"), Ok(AccessAction::reject("")));
    assert_eq!(AccessAction::parse("DEFER Later"), Ok(AccessAction::defer("Later")));
}
