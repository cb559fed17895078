//! Tables in files: faults with their place, and reading again.

use std::fs;

use smtp_server::access::{AccessAction, AccessTable, TableType};
use tempfile::TempDir;

/// Table, text, and the fault.
const FAULTS: &[(TableType, &str, &str)] = &[
    (TableType::Text, "a OK\nb\n", "2:2: expected white space and an action behind the key"),
    (TableType::Text, "a OK\nb   \n", "2:5: expected white space and an action behind the key"),
    (TableType::Text, "  a OK\n", "1:1: expected a key at the start of the line"),
    (TableType::Text, "# c\n\na OK\nb\tFOO\n", "4:3: expected OK, DUNNO, REJECT"),
    (TableType::Text, "a OK\nb REDIRECT\n  kim\n", "3:3: expected an address, user@domain"),
    (TableType::Text, "b\u{fc} REDIRECT kim\n", "1:13: expected an address"),
    (TableType::Text, "a OK\n# c\nb BCC\n\n# d\n  kim@\n", "6:3: expected an address"),
    (
        TableType::Text,
        "Kim@a.test OK\nb OK\nkim@A.test REJECT\n",
        "3:1: expected a key that is not in the table yet",
    ),
    (TableType::Sendmail, "Conect:a OK\n", "1:1: expected one of the tags Connect:, From: and To:"),
    (TableType::Sendmail, "To:a HOLD\n", "1:6: expected OK, RELAY, REJECT"),
    (TableType::Sendmail, "To:a ERROR:5.7.1:x\n", "1:18: expected a reply code"),
    (TableType::Network, "mail.test OK\n", "1:1: expected a network, such as"),
    (TableType::Network, "192.0.2 OK\n", "1:1: expected a network, such as"),
    (TableType::Network, "192.0.2.0/33 OK\n", "1:1: expected a network, such as"),
    (TableType::Network, "!x OK\n", "1:2: expected a network, such as"),
    (
        TableType::Network,
        "10.0.0.1/8 OK\n",
        "1:1: expected no bits behind the prefix, as in 10.0.0.0/8",
    ),
    (TableType::Network, "if !10.0.0.1/8\nendif\n", "1:5: expected no bits behind the prefix"),
    (TableType::Network, "if 10.0.0.0/8\n10.0.0.0/8 OK\n", "1:1: expected an endif for this if"),
    (TableType::Network, "10.0.0.0/8 OK\nendif\n", "2:1: expected an if before this endif"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "a OK\n", "1:1: expected a pattern in delimiters"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/a\\/ OK\n", "1:8: expected the pattern's closing delimiter"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/a(/ OK\n", "1:2: expected a pattern that can be understood"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/a/ix OK\n", "1:5: expected white space, or one of the flags i and m"),
    #[cfg(feature = "regex-maps")]
    (TableType::Pcre, "/a/A OK\n", "1:4: expected white space, or one of the flags i, m, s and x"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/a/\n", "1:4: expected white space and an action"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/a/ REJECT $1\n", "1:13: expected a group that the pattern has"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "!/(a)/ REJECT $1\n", "1:16: expected a group that the pattern has"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/(a)/ REJECT $a\n", "1:15: expected the number of a group"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "/(a)/ FOO\n", "1:7: expected OK, DUNNO, REJECT"),
    #[cfg(feature = "regex-maps")]
    (TableType::Regexp, "if /a/ OK\nendif\n", "1:7: expected the end of the line"),
];

#[test]
fn a_fault_is_shown_at_its_line_and_column() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("access");
    for (table_type, text, fault) in FAULTS {
        fs::write(&file, text).unwrap();
        let error = AccessTable::read(*table_type, &file).expect_err(text).to_string();
        assert!(error.starts_with(&format!("{}:{fault}", file.display())), "{text:?}: {error}");
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("access");
    let error = AccessTable::read(TableType::Text, &file).unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: ", file.display())), "{error}");
}

/// Puts a new file in the place of the old one, as editors and configuration tools do.
fn replace(directory: &TempDir, text: &str) {
    let (new, file) = (directory.path().join("new"), directory.path().join("access"));
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn a_table_is_read_again_when_its_file_is_another() {
    let directory = TempDir::new().unwrap();
    replace(&directory, "a OK\n");
    let table =
        AccessTable::open(&format!("texthash:{}", directory.path().join("access").display()));
    let table = table.unwrap();
    assert!(!table.reload_if_changed().unwrap());
    replace(&directory, "b OK\n");
    assert_eq!(table.find("a").unwrap(), Some(AccessAction::Ok), "nobody asked for a reload");
    assert!(table.reload_if_changed().unwrap());
    assert_eq!(
        (table.find("a").unwrap(), table.find("b").unwrap()),
        (None, Some(AccessAction::Ok))
    );
    assert!(!table.reload_if_changed().unwrap());
}

#[test]
fn a_bad_reload_keeps_the_table_and_says_so() {
    let directory = TempDir::new().unwrap();
    replace(&directory, "a OK\n");
    let table = AccessTable::read(TableType::Text, &directory.path().join("access")).unwrap();
    replace(&directory, "b OK\na FOO\n");
    let error = table.reload_if_changed().unwrap_err().to_string();
    assert!(error.contains("access:2:3: expected OK"), "{error}");
    assert!(error.ends_with("; what was read before stays in use"), "{error}");
    assert_eq!(
        (table.find("a").unwrap(), table.find("b").unwrap()),
        (Some(AccessAction::Ok), None)
    );
    assert!(!table.reload_if_changed().unwrap(), "the same fault is not told twice");
    assert!(table.reload().is_err(), "unless it is asked for");
    fs::remove_file(directory.path().join("access")).unwrap();
    assert!(table.reload_if_changed().is_err());
    assert_eq!(table.find("a").unwrap(), Some(AccessAction::Ok));
    replace(&directory, "c OK\n");
    assert!(table.reload_if_changed().unwrap());
    assert_eq!(table.find("c").unwrap(), Some(AccessAction::Ok));
}
