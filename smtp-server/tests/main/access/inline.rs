//! Tables that stand in the configuration, and names of tables.

use smtp_server::access::{AccessAction, AccessTable};

fn found(name: &str, key: &str) -> Option<AccessAction> {
    AccessTable::open(name).unwrap_or_else(|error| panic!("{error}")).find(key).unwrap()
}

#[test]
fn pairs_and_lines() {
    let reject = |text: &str| Some(AccessAction::reject(text));
    for (name, key, action) in [
        ("inline:{a=OK}", "a", Some(AccessAction::Ok)),
        ("inline:{ a=OK, b=REJECT }", "b", reject("")),
        ("inline:{a=OK,B=REJECT}", "b", reject("")),
        ("inline:{{a = REJECT Not, now}, b=OK}", "a", reject("Not, now")),
        ("inline:{{a = REJECT x=y}}", "a", reject("x=y")),
        ("inline:{a=OK}", "b", None),
        ("inline:{}", "b", None),
        ("static:REJECT Closed", "whatever", reject("Closed")),
        ("texthash:{ {a REJECT No}, {b OK} }", "a", reject("No")),
        ("sendmail:{{To:a ERROR:5.0.0:554 No}}", "to:a", AccessAction::parse("554 5.0.0 No").ok()),
        ("cidr:{ {!10.0.0.0/8 REJECT No} {10.0.0.0/8 OK}}", "192.0.2.1", reject("No")),
    ] {
        assert_eq!(found(name, key), action, "{name}");
    }
}

#[test]
fn a_fault_is_shown_at_its_column() {
    for (name, column, expected) in [
        ("", 1, "one of the table types"),
        ("/etc/access", 1, "one of the table types"),
        ("dbm:/etc/access", 1, "one of the table types"),
        ("texthash:", 10, "a file, or lines in braces"),
        ("static:", 8, "REJECT"),
        ("static:FOO", 8, "REJECT"),
        ("inline:a=OK", 8, "entries in braces"),
        ("inline:{a=OK", 13, "a closing brace"),
        ("inline:{a=OK} b", 14, "nothing behind"),
        ("inline:{a}", 9, "key=action"),
        ("inline:{a=OK, b}", 15, "key=action"),
        ("inline:{a=OK, {b c = OK}}", 16, "without white space"),
        ("inline:{a=OK, b=FOO}", 17, "REJECT"),
        ("inline:{a=OK, {b  =  REDIRECT x}}", 31, "user@domain"),
        ("texthash:{ a OK }", 12, "a line in braces"),
        ("texthash:{ {a OK}, {b BCC x} }", 27, "user@domain"),
        ("cidr:{ {10.0.0.0/8 OK}, {10.0.0.1/8 OK} }", 26, "10.0.0.0/8"),
    ] {
        let error = AccessTable::open(name).expect_err(name).to_string();
        assert!(error.starts_with(&format!("{name}:1:{column}: expected ")), "{error}");
        assert!(error.contains(expected), "{error}");
    }
}
