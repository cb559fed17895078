//! Tables of regular expressions.

use smtp_server::access::{AccessTable, TableType};

use super::{Ask, answer, maps};

const TABLE: &str = r"
# A comment
/^one@/                 REJECT One
/Case/i                 REJECT In capitals
!/@/                    REJECT No address
if /@sub\.test$/
/^(.*)-out@(.*)$/       550 Use ${1}@$2 instead
if !/^two/
/@/                     REJECT Not two
endif
endif
~a/b[[:digit:]]{2,}~    REJECT Another delimiter
/a\/b/                  REJECT An escaped delimiter
/^(cost)@/              REJECT $$5 for $(1)
/^bad(.*)@/             $1
/^white space@/
    REJECT White space
";

const ROWS: &[(&str, &str)] = &[
    ("one@a.test", "554 5.7.1 One"),
    ("ONE@a.test", "554 5.7.1 One"),
    ("someone@a.test", "ok"),
    ("upperCase@a.test", "554 5.7.1 In capitals"),
    ("uppercase@a.test", "ok"),
    ("", "554 5.7.1 No address"),
    ("list-out@sub.test", "550 5.7.1 Use list@sub.test instead"),
    ("kim@sub.test", "554 5.7.1 Not two"),
    ("two@sub.test", "ok"),
    ("kim@asub.test", "ok"),
    ("a/b123@c.test", "554 5.7.1 Another delimiter"),
    ("a/b1@c.test", "554 5.7.1 An escaped delimiter"),
    ("cost@c.test", "554 5.7.1 $5 for cost"),
    ("badOK@c.test", "ok"),
    ("badluck@c.test", "451 4.3.0 Local error: try again later"),
    ("\"white space\"@c.test", "554 5.7.1 White space"),
];

#[tokio::test]
async fn the_rows_of_patterns() {
    for table_type in [TableType::Regexp, TableType::Pcre] {
        let access = maps(table_type, [TABLE; 4]);
        for (sender, expected) in ROWS {
            assert_eq!(answer(&access, Ask::Sender(sender)).await, *expected, "{sender}");
        }
    }
}

#[tokio::test]
async fn pcre_knows_look_around_and_back_references() {
    let table = r"/^(?!good)(.)\1@/ REJECT Twice
/a b/x REJECT Verbose
/a.z@/s REJECT Any
";
    let access = maps(TableType::Pcre, [table; 4]);
    assert_eq!(answer(&access, Ask::Sender("kk@a.test")).await, "554 5.7.1 Twice");
    assert_eq!(answer(&access, Ask::Sender("ki@a.test")).await, "ok");
    assert_eq!(answer(&access, Ask::Sender("cab@a.test")).await, "554 5.7.1 Verbose");
}

#[test]
fn a_pattern_that_takes_too_long_is_given_up() {
    let text = r"/^(a|a|aa)+(?=c)\1$/ REJECT";
    let table = AccessTable::parse(TableType::Pcre, "table", text).unwrap();
    let error = table.find(&"a".repeat(60)).unwrap_err();
    assert!(error.to_string().contains("given up"), "{error}");
}

#[tokio::test]
async fn a_client_has_a_name_and_an_address() {
    let table = r"/^192\.0\.2\./ REJECT Address
/\.pool\.test$/ REJECT Name
";
    let access = maps(TableType::Regexp, [table; 4]);
    let name = "554 5.7.1 Name";
    assert_eq!(answer(&access, Ask::Client("192.0.2.1", "a.pool.test")).await, name);
    let address = "554 5.7.1 Address";
    assert_eq!(answer(&access, Ask::Client("192.0.2.1", "a.test")).await, address);
}
