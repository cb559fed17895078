//! The contents that every client sends.
//!
//! * **In**: nothing. **Out**: [`Body`]s with CRLF line endings, nothing else that is bare.
//! * **Promises**: deterministic. **Limits**: the largest has [`LARGE_OCTETS`].
//! * **Panics**: never. **Spec**: RFC 5321 4.5.2 (dots), 4.5.3.1.6 (lines); RFC 6152 (8-bit).

/// The large message: twice what the server takes unless told otherwise.
const LARGE_OCTETS: usize = 20_000_000;

/// Octets of a line without its CRLF, at most.
const LINE_OCTETS: usize = 998;

/// A content with a name for messages.
#[derive(Debug)]
pub(crate) struct Body {
    pub(crate) name: &'static str,
    pub(crate) content: Vec<u8>,
}

/// The table.
pub(crate) fn all() -> Vec<Body> {
    let mut bodies = small();
    bodies.push(body("20 MB", large()));
    bodies
}

/// The table without the large one.
pub(crate) fn small() -> Vec<Body> {
    vec![
        body("8-bit", eight_bit()),
        body("lines of 998 octets", long_lines()),
        body(
            "leading dots",
            with_subject(b".\r\n..\r\n.x\r\n...\r\n\r\n.\r\n.\r\nx.\r\n. \r\n.end\r\n"),
        ),
        body("a dot as the last line", with_subject(b"above\r\n.\r\n")),
        body("a dot as the first octet", b".first\r\n.\r\n\r\nbelow\r\n".to_vec()),
        body("empty", Vec::new()),
        body("only line endings", b"\r\n\r\n\r\n".to_vec()),
        body("no final line ending", with_subject(b"one\r\ntwo")),
    ]
}

/// A short one, where the octets are not the point.
pub(crate) fn short() -> Vec<u8> {
    with_subject(b"Hello\r\n")
}

fn body(name: &'static str, content: Vec<u8>) -> Body {
    Body { name, content }
}

fn with_subject(content: &[u8]) -> Vec<u8> {
    [b"Subject: a row\r\n\r\n", content].concat()
}

/// Every octet above ASCII, as no character set has them, and as UTF-8 has them.
fn eight_bit() -> Vec<u8> {
    let mut content: Vec<u8> = (0x80..=0xff).collect();
    content.extend_from_slice("\r\nGrüße aus Århus, 日本語\r\n".as_bytes());
    with_subject(&content)
}

fn long_lines() -> Vec<u8> {
    let mut content = Vec::new();
    for first in [b'a', b'.', 0xe9] {
        content.push(first);
        content.extend(std::iter::repeat_n(b'z', LINE_OCTETS - 1));
        content.extend_from_slice(b"\r\n");
    }
    with_subject(&content)
}

/// Lines of all lengths up to the limit, a third of them with a leading dot, numbered so that a
/// lost, doubled or swapped piece shows.
fn large() -> Vec<u8> {
    let mut content = with_subject(b"");
    for number in 0_usize.. {
        let dot = if number % 3 == 0 { "." } else { "" };
        let number_text = format!("{dot}{number} ");
        let padding = number % (LINE_OCTETS - number_text.len());
        let left = LARGE_OCTETS.saturating_sub(content.len() + 2);
        if left < number_text.len() + padding {
            content.extend(std::iter::repeat_n(b'e', left.min(LINE_OCTETS)));
            content.extend_from_slice(b"\r\n");
            break;
        }
        content.extend_from_slice(number_text.as_bytes());
        content.extend(std::iter::repeat_n(b'0' + (number % 10) as u8, padding));
        content.extend_from_slice(b"\r\n");
    }
    content
}
