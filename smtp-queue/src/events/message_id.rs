//! What a message calls itself.
//!
//! * **In**: the first octets of content. **Out**: the value of `Message-ID`.
//! * **Promises**: looks at the header section only. **Limits**: 998 octets. **Panics**: never.
//! * **Spec**: RFC 5322 3.6.4.

/// The value of the first field `Message-ID`, with its brackets and without folds.
///
/// ```
/// use smtp_queue::events::message_id;
///
/// let content = b"Subject: x\r\nMessage-ID:\r\n <1@b.example>\r\n\r\nMessage-ID: <2@b.example>\r\n";
/// assert_eq!(message_id(content).as_deref(), Some("<1@b.example>"));
/// ```
#[must_use]
pub fn message_id(content: &[u8]) -> Option<String> {
    const NAME: &[u8] = b"message-id:";
    let mut lines = content.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end);
    let field = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .find(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))?;
    let mut value = field.get(NAME.len()..).unwrap_or_default().trim_ascii().to_vec();
    for folded in lines.take_while(|line| matches!(line.first(), Some(b' ' | b'\t'))) {
        value.extend_from_slice(folded.trim_ascii());
    }
    value.truncate(998);
    Some(String::from_utf8_lossy(&value).into_owned())
}
