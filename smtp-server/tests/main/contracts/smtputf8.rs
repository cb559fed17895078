//! What is not ASCII stays where SMTPUTF8 lets it be.

use smtp_server::delivery::Memory;
use smtp_server::{HeaderField, HeaderFieldError};

use crate::support::pure::{self, Cuts, Turn};
use crate::support::setup::Setup;

fn received(hello: &str, mail: &str, rcpt: &str) -> String {
    let memory = Memory::default();
    let setup = Setup::new(memory.clone());
    let turns =
        format!("EHLO {hello}\r\nMAIL FROM:<>{mail}\r\nRCPT TO:<{rcpt}>\r\nBDAT 0 LAST\r\n");
    pure::run(&setup, &[Turn::send(turns)], Cuts::None);
    memory.take().remove(0).fields.remove(0).to_string()
}

// rows: 6531-3.7.3-b, 6532-3.2-a
#[test]
fn trace_fields_are_ascii_unless_the_message_need_not_be() {
    let ascii = received("\u{434}\u{438}\u{43c}\u{430}", "", "kim@local.test");
    assert!(ascii.starts_with("Received: from ???? ([127.0.0.1])\r\n\tby mx.test with ESMTP id "));
    assert!(ascii.is_ascii(), "{ascii}");

    let utf8 = received("\u{434}", " SMTPUTF8", "\u{43a}\u{438}\u{43c}@local.test");
    assert!(
        utf8.starts_with("Received: from \u{434} ([127.0.0.1])\r\n\tby mx.test with UTF8SMTP ")
    );
    assert!(utf8.contains("\r\n\tfor <\u{43a}\u{438}\u{43c}@local.test>;\r\n"), "{utf8}");
}

// rows: 6532-3.2-a
#[test]
fn names_of_fields_are_ascii_and_values_need_not_be() {
    let named = HeaderField::new("\u{434}", "x");
    assert_eq!(named, Err(HeaderFieldError::Name));
    let field = HeaderField::new("X-Name", "\u{434}").unwrap();
    assert_eq!(field.to_string(), "X-Name: \u{434}\r\n");
}
