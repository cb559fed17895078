//! Octets: escapes, replies, and a small source of random numbers that a failure can name.

/// `SplitMix64`: enough to cut input at odd places, and the same on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number from 1 to `max`; small ones are as likely as all others together.
    pub(crate) fn length(&mut self, max: usize) -> usize {
        let bound = if self.next().is_multiple_of(2) { max.min(4) } else { max };
        1 + usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }
}

/// Octets as a failure shows them.
pub(crate) fn shown(octets: &[u8]) -> String {
    octets.escape_ascii().to_string().replace("\\r\\n", "\\r\\n\n")
}

/// Whole replies: each with all its lines, without the last line ending.
pub(crate) fn replies(octets: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(octets);
    let mut replies = Vec::new();
    let mut lines = Vec::new();
    for line in text.split_inclusive("\r\n") {
        let is_last = line.as_bytes().get(3) != Some(&b'-');
        lines.push(line.trim_end_matches("\r\n").to_owned());
        if is_last {
            replies.push(std::mem::take(&mut lines).join("\n"));
        }
    }
    if !lines.is_empty() {
        replies.push(lines.join("\n"));
    }
    replies
}

/// The codes of the replies, with the enhanced code where there is one: `250 2.1.0`.
pub(crate) fn codes(octets: &[u8]) -> Vec<String> {
    replies(octets).iter().map(|reply| code_of(reply)).collect()
}

fn code_of(reply: &str) -> String {
    let code = reply.get(..3).unwrap_or(reply);
    let word = reply.get(4..).and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let is_enhanced = word.split('.').count() == 3
        && word.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    if is_enhanced { format!("{code} {word}") } else { code.to_owned() }
}
