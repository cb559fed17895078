//! `Authentication-Results` that others wrote in our name.
//!
//! * **In**: a header section, our own name. **Out**: the header section without them.
//! * **Promises**: what stays is kept octet for octet. A field whose name cannot be read as RFC 8601 2.2 says is no
//!   claim of ours, unless it could be taken for one. **Limits**: none. **Panics**: never.
//! * **Spec**: RFC 8601 2.2, 5.

use memchr::memchr;

const NAME: &[u8] = b"Authentication-Results";

/// `header` without the fields that claim to come from `server_name`.
pub(super) fn removed(header: &[u8], server_name: &str) -> Vec<u8> {
    let mut kept = Vec::with_capacity(header.len());
    for field in fields(header) {
        if !claims_to_be_ours(field, server_name) {
            kept.extend_from_slice(field);
        }
    }
    kept
}

/// The fields with all their lines, and at the end the empty line.
fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let mut end = line_end(rest, 0)?;
        while let Some(b' ' | b'\t') = rest.get(end) {
            end = line_end(rest, end)?;
        }
        let (field, behind) = rest.split_at_checked(end)?;
        rest = behind;
        Some(field)
    })
}

/// The place behind the line that begins at `start`.
fn line_end(octets: &[u8], start: usize) -> Option<usize> {
    let rest = octets.get(start..).filter(|rest| !rest.is_empty())?;
    Some(start + memchr(b'\n', rest).map_or(rest.len(), |at| at + 1))
}

fn claims_to_be_ours(field: &[u8], server_name: &str) -> bool {
    let Some(colon) = memchr(b':', field) else { return false };
    let (name, value) = field.split_at(colon);
    if !name.trim_ascii_end().eq_ignore_ascii_case(NAME) {
        return false;
    }
    let claimed = authserv_id(value.get(1..).unwrap_or_default());
    let claimed = String::from_utf8_lossy(&claimed);
    claimed.trim_end_matches('.').eq_ignore_ascii_case(server_name.trim_end_matches('.'))
}

/// The first value behind white space and comments, its quotes and backslashes taken away.
fn authserv_id(value: &[u8]) -> Vec<u8> {
    let mut depth = 0_usize;
    let mut id = Vec::new();
    let mut is_quoted = false;
    let mut octets = value.iter().copied();
    while let Some(octet) = octets.next() {
        match octet {
            b'\\' => {
                let escaped = octets.next();
                id.extend(escaped.filter(|_| depth == 0));
            }
            b'"' if depth == 0 && is_quoted => break,
            b'"' if depth == 0 && id.is_empty() => is_quoted = true,
            _ if is_quoted => id.push(octet),
            b'(' if depth == 0 && !id.is_empty() => break,
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ if 0 < depth => {}
            b' ' | b'\t' | b'\r' | b'\n' if id.is_empty() => {}
            b' ' | b'\t' | b'\r' | b'\n' | b';' => break,
            _ => id.push(octet),
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_known_however_it_is_written() {
        for (field, ours) in [
            ("Authentication-Results: mx.test; spf=pass\r\n", true),
            ("authentication-RESULTS:MX.Test;none\r\n", true),
            ("Authentication-Results : mx.test 1; none\r\n", true),
            ("Authentication-Results:\r\n\tmx.test;\r\n spf=pass\r\n", true),
            ("Authentication-Results: (a (b) \\) c) mx.test (d); none\r\n", true),
            ("Authentication-Results: mx.test(d); none\r\n", true),
            ("Authentication-Results: \"mx.test\"; none\r\n", true),
            ("Authentication-Results: \"mx\\.test\"; none\r\n", true),
            ("Authentication-Results: mx.test.; none\r\n", true),
            ("Authentication-Results: mx.test", true),
            ("Authentication-Results: mx.test.example; none\r\n", false),
            ("Authentication-Results: other.test; mx.test=pass\r\n", false),
            ("Authentication-Results: (mx.test) other.test; none\r\n", false),
            ("Authentication-Results:\r\n", false),
            ("X-Authentication-Results: mx.test; none\r\n", false),
            ("ARC-Authentication-Results: i=1; mx.test; none\r\n", false),
            ("Subject: Authentication-Results: mx.test\r\n", false),
            ("Authentication-Results\r\n", false),
        ] {
            let content = format!("A: 1\r\n{field}");
            let expected = if ours { "A: 1\r\n" } else { &*content };
            let kept = removed(content.as_bytes(), "mx.test");
            assert_eq!(String::from_utf8(kept).unwrap(), expected, "{field:?}");
        }
    }

    #[test]
    fn all_else_stays_as_it_is() {
        let header = "From: a\r\n b\r\nAuthentication-Results: mx.test;\r\n\tspf=pass\r\n\r\n";
        assert_eq!(removed(header.as_bytes(), "mx.test"), b"From: a\r\n b\r\n\r\n");
        for header in ["", "\r\n", "no field\r\n\r\n", " a\r\nB\0: \u{e4}\r\n\r\n"] {
            assert_eq!(removed(header.as_bytes(), "mx.test"), header.as_bytes());
        }
    }
}
