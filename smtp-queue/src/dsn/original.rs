//! What a report returns of the message that it is about.
//!
//! * **In**: content, from memory or from the spool. **Out**: its first octets.
//! * **Promises**: never reads more than it was told. **Limits**: the caller's. **Panics**: never.
//! * **Spec**: RFC 3461 6.2; RFC 3464 2.2.4 (from whom it came).

use std::io;

use smtp_proto::Domain;

use crate::content::{Content, ContentBody};

/// The first octets of a message.
#[derive(Clone, Debug)]
pub struct Original {
    pub(super) octets: Vec<u8>,
    /// Whether that is all of it.
    pub(super) is_whole: bool,
    /// The name and address of the client, as our own trace field has them.
    pub(super) received_from: Option<String>,
}

impl Original {
    /// Nothing of a message that cannot be read.
    #[must_use]
    pub fn unreadable() -> Self {
        Self { octets: Vec::new(), is_whole: false, received_from: None }
    }

    /// The first `bytes_max` octets of `content`.
    pub(super) fn read(content: &Content, bytes_max: usize) -> io::Result<Self> {
        let body_max = bytes_max.saturating_sub(content.fields.len());
        let mut octets = content.fields.to_vec();
        octets.truncate(bytes_max);
        match &content.body {
            ContentBody::Memory(body) => {
                octets.extend_from_slice(body.get(..body_max).unwrap_or(body));
            }
            ContentBody::Stored(body) => {
                let wanted = usize::try_from(body.bytes()).unwrap_or(usize::MAX).min(body_max);
                let start = octets.len();
                octets.resize(start + wanted, 0);
                let mut read = 0;
                // Every turn reads at least one octet, so this ends.
                while let Some(room) =
                    octets.get_mut(start + read..).filter(|room| !room.is_empty())
                {
                    match body.read_at(room, read as u64)? {
                        0 => octets.truncate(start + read),
                        count => read += count,
                    }
                }
            }
        }
        let is_whole = octets.len() as u64 == content.bytes();
        Ok(Self { octets, is_whole, received_from: received_from(&content.fields) })
    }

    /// The header section with the CRLF of its last line, or as many whole lines of it as were read.
    pub(super) fn header_section(&self) -> &[u8] {
        if self.octets.starts_with(b"\r\n") {
            return &[];
        }
        let end = find(&self.octets, b"\r\n\r\n").map(|end| end + 2);
        let cut = || self.octets.windows(2).rposition(|pair| pair == b"\r\n").map(|end| end + 2);
        let end = end.or_else(|| if self.is_whole { None } else { cut() });
        self.octets.get(..end.unwrap_or(self.octets.len())).unwrap_or_default()
    }
}

/// Where `wanted` begins.
pub(super) fn find(octets: &[u8], wanted: &[u8]) -> Option<usize> {
    octets.windows(wanted.len()).position(|window| window == wanted)
}

/// Reads `Received: from NAME ([ADDRESS])` among the fields that we put on top.
fn received_from(fields: &[u8]) -> Option<String> {
    let fields = std::str::from_utf8(fields).ok()?;
    let field = fields.split("\r\n").find_map(|line| line.strip_prefix("Received: from "))?;
    let (name, rest) = field.split_once(" ([")?;
    let (address, _) = rest.split_once("])")?;
    let address = address.strip_prefix("IPv6:").unwrap_or(address);
    // What a client calls itself needs not be a name.
    let name = Domain::parse(name).ok().filter(Domain::is_ascii)?;
    Some(format!("dns; {name} ({address})"))
}
