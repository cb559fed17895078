//! The MIME tree of a message, as the page shows it.
//!
//! * **In**: content. **Out**: parts within parts. **Promises**: a message within the message is one part.
//! * **Limits**: [`DEPTH_MAX`] levels and [`PARTS_MAX`] parts; what lies beyond is left out, and `Truncated` says so.
//! * **Panics**: never. **Spec**: RFC 2045, RFC 2046.

use mail_parser::{Message, MimeHeaders, PartType};
use serde::Serialize;

use super::detail::{content_type, contents};
use super::parse;

const DEPTH_MAX: usize = 64;
const PARTS_MAX: usize = 2000;

/// A part, and what it contains.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Structure {
    #[serde(rename = "PartID")]
    part_id: String,
    content_type: String,
    file_name: String,
    disposition: String,
    #[serde(rename = "ContentID")]
    content_id: String,
    size: usize,
    /// Whether some of its parts are left out.
    truncated: bool,
    parts: Vec<Self>,
}

/// The tree from its root; `None` for what has no parts at all.
pub(crate) fn structure(content: &[u8]) -> Option<Structure> {
    let message = parse(content);
    let mut room = PARTS_MAX;
    node(&message, 0, 0, &mut room)
}

fn node(message: &Message<'_>, number: u32, depth: usize, room: &mut usize) -> Option<Structure> {
    let part = message.part(number)?;
    *room = room.checked_sub(1)?;
    let children = match &part.body {
        PartType::Multipart(numbers) => numbers.as_slice(),
        _ => &[],
    };
    let parts: Vec<_> = if depth < DEPTH_MAX {
        children.iter().map_while(|child| node(message, *child, depth + 1, room)).collect()
    } else {
        Vec::new()
    };
    Some(Structure {
        part_id: number.to_string(),
        content_type: content_type(part),
        file_name: part.attachment_name().unwrap_or_default().to_owned(),
        disposition: part
            .content_disposition()
            .map(|disposition| disposition.ctype().to_ascii_lowercase())
            .unwrap_or_default(),
        content_id: part.content_id().unwrap_or_default().to_owned(),
        size: contents(part).len(),
        truncated: parts.len() < children.len(),
        parts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree() {
        let content = "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n\
                       --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nHello\r\n--b--\r\n";
        let tree = structure(content.as_bytes()).unwrap();
        assert_eq!(tree.content_type, "multipart/mixed");
        let kinds: Vec<_> = tree.parts.iter().map(|part| part.content_type.as_str()).collect();
        assert_eq!(kinds, ["text/plain", "message/rfc822"]);
        assert!(!tree.truncated && tree.parts[1].size > 0);
    }

    #[test]
    fn deep_and_wide_trees_are_cut() {
        let deep: String = (0..5000)
            .map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n"))
            .collect();
        let mut tree = &structure(deep.as_bytes()).unwrap();
        let mut depth = 0;
        while let Some(child) = tree.parts.first() {
            tree = child;
            depth += 1;
        }
        assert!(depth == DEPTH_MAX && tree.truncated);
        let wide = format!(
            "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}--b--\r\n",
            "--b\r\nContent-Type: image/png\r\n\r\nx\r\n".repeat(3000)
        );
        let tree = structure(wide.as_bytes()).unwrap();
        assert!(tree.truncated && tree.parts.len() == PARTS_MAX - 1);
    }
}
