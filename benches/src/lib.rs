//! What benchmarks work on: content, and a session without sockets.
//!
//! * **In**: a size and a width. **Out**: content on the wire; see [`session`] for the other half.
//! * **Promises**: the same arguments give the same octets.
//! * **Limits**: allocates what is asked for. **Panics**: never.
//! * **Spec**: RFC 5321 4.5.2; RFC 2045 6.8 for the alphabet.
//!
//! The benchmarks are in `benches/`: `cargo bench -p smtp-benches`.

pub mod session;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Lines of `columns` octets of base64, about `bytes` octets in all, without dots.
#[must_use]
pub fn base64_lines(columns: usize, bytes: usize) -> Vec<u8> {
    let mut lines = Vec::with_capacity(bytes + columns + 2);
    let mut random: u32 = 1;
    while lines.len() < bytes {
        for _ in 0..columns {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let index = (random >> 26) as usize % ALPHABET.len();
            lines.push(ALPHABET[index]);
        }
        lines.extend_from_slice(b"\r\n");
    }
    lines
}

/// `content`, which has no line that begins with a dot, and the end of data.
#[must_use]
pub fn with_end_of_data(mut content: Vec<u8>) -> Vec<u8> {
    content.extend_from_slice(b".\r\n");
    content
}
