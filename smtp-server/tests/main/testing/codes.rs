//! One-time codes, as mail has them.

use super::received;

/// Subject, text, and the code.
const ROWS: [(&str, &str, Option<&str>); 42] = [
    // Beside the word.
    ("", "Your code is 482913.", Some("482913")),
    ("", "482913 is your Example verification code.", Some("482913")),
    ("", "Your verification code: 4829", Some("4829")),
    ("", "Your PIN (valid for 10 minutes) is 48291377", Some("48291377")),
    ("", "Use 482913 as your code, it expires in 1000 seconds", Some("482913")),
    ("", "Enter code 482913 before 14:30 on 2026-11-22.", Some("482913")),
    ("", "OTP: **482913**", Some("482913")),
    ("", "Your code is G-482913.", Some("G-482913")),
    ("", "Backup code: X4K9-22PQ-7Z1M", Some("X4K9-22PQ-7Z1M")),
    ("", "The code is 123-456", Some("123-456")),
    ("", "Your code is 481 203.", Some("481 203")),
    ("", "Your code: **481\u{a0}203**, valid for ten minutes", Some("481\u{a0}203")),
    ("", "Sign in with\r\n\r\n481 203\r\n\r\nBye", Some("481 203")),
    ("", "Your code is \"482913\", Kim", Some("482913")),
    // Around the word, over lines.
    ("", "Your verification code\r\nis 482913", Some("482913")),
    ("", "Hello Kim,\r\n\r\nyour code:\r\n\r\n482913\r\n\r\nThanks", Some("482913")),
    (
        "",
        "Order 55555555 is on its way.\r\n\r\nYour code is:\r\n\r\n  482913  \r\n",
        Some("482913"),
    ),
    ("", "Here is your code.\r\n482913\r\nIt is valid until 2027.", Some("482913")),
    ("", "Order 1234 was paid. Your pick-up code is 5678.", Some("5678")),
    // Alone on a line.
    ("", "Sign in with this:\r\n\r\n482913\r\n", Some("482913")),
    ("", "Hi\r\n\r\n  AB12-CD34\r\n\r\nBye 2026", Some("AB12-CD34")),
    ("", "Invoice 20261122\r\n\r\nTotal: 1234", None),
    // In the subject.
    ("482913 is your code", "Do not share it.", Some("482913")),
    ("Your code: 111111", "Your code: 222222", Some("222222")),
    ("Your code: 111111", "\r\n222222\r\n", Some("111111")),
    ("Invoice 482913", "Thank you", None),
    // No codes.
    ("", "Your code is 123", None),
    ("", "Your code is 123456789", None),
    ("", "Your code is 12a456", None),
    ("", "Your code is abcd-efgh", None),
    ("", "Your code is ABCD-EFGH", None),
    ("", "The code is in UTF-8, the 24-hour one", None),
    ("", "Code of 2026-11-22", None),
    ("", "Code of 22-11-2026", None),
    ("", "A code for $1000 off order #48291 or 50000%", None),
    ("", "Call +4930123456 for a code", None),
    ("", "Call 030 123 456 for a code", None),
    ("", "Call 123 456 789 for a code", None),
    ("", "A code for 100  200 of you", None),
    ("", "Encode 482913 and decoder 1234", None),
    ("", "In 2026 we moved. We wrote code.", None),
    ("", "", None),
];

#[test]
fn codes_are_found_as_the_rule_says() {
    for (subject, text, expected) in ROWS {
        let message = received(format!("Subject: {subject}\r\n\r\n{text}"));
        assert_eq!(message.code(), expected, "{subject:?} {text:?}");
    }
}

#[test]
fn codes_are_found_in_html() {
    let rows = [
        ("<p>Your code is</p><h1>482913</h1>", Some("482913")),
        ("<table><tr><td>Code</td><td>482913</td></tr></table>", Some("482913")),
        ("<style>a { color: #482913 }</style><title>Code 1111</title><p>Hi</p>", None),
        ("<div>Hello</div><div style='font-size:32px'>482913</div><div>Bye</div>", Some("482913")),
        ("<p>Your&nbsp;code:&#32;<b>482913</b></p>", Some("482913")),
    ];
    for (html, expected) in rows {
        let message = received(format!("Content-Type: text/html\r\n\r\n{html}"));
        assert_eq!(message.code(), expected, "{html:?}");
        assert_eq!(message.text(), None);
    }
}
