//! Which octet may stand where.
//!
//! * **In**: an octet. **Out**: the set of grammar classes it belongs to.
//! * **Promises**: one table, computed by the compiler, is the only place that names characters.
//! * **Limits**: 512 octets of constants. **Panics**: never.
//! * **Spec**: RFC 5321 4.1.2 and 4.1.3, RFC 6531 3.3, RFC 4954 8, RFC 4422 3.1.

/// A set of classes, combined with `|`.
pub(crate) type Class = u16;

/// `atext` and any octet of a non-ASCII character.
pub(crate) const ATEXT: Class = 1;
/// What stands in a quoted-string without a backslash, non-ASCII included.
pub(crate) const QTEXT: Class = 1 << 1;
/// What may follow the backslash of a quoted pair.
pub(crate) const QUOTED_PAIR: Class = 1 << 2;
/// `dcontent`: the inside of an address literal.
pub(crate) const DCONTENT: Class = 1 << 3;
/// Letters, digits, hyphen, and any octet of a non-ASCII character.
pub(crate) const LABEL: Class = 1 << 4;
/// Letters, digits and hyphen.
pub(crate) const KEYWORD: Class = 1 << 5;
/// `esmtp-value`, non-ASCII included.
pub(crate) const VALUE: Class = 1 << 6;
/// Letters, digits, hyphen and underscore: a mechanism name.
pub(crate) const MECHANISM: Class = 1 << 7;
/// The alphabet of base64 with its padding.
pub(crate) const BASE64: Class = 1 << 8;
/// `xchar`: what stands for itself in xtext.
pub(crate) const XCHAR: Class = 1 << 9;
/// Anything but space and the control characters of ASCII.
pub(crate) const PRINTABLE: Class = 1 << 10;
/// The space that parts the words of a line.
pub(crate) const SPACE: Class = 1 << 11;

static CLASSES: [Class; 256] = table();

/// Whether `octet` belongs to one of the classes of `class`.
pub(crate) const fn is(octet: u8, class: Class) -> bool {
    CLASSES[octet as usize] & class != 0
}

/// Octets of the longest run of `class` that `octets` begin with.
pub(crate) fn run_bytes(octets: &[u8], class: Class) -> usize {
    let mut bytes = 0;
    while let Some(&octet) = octets.get(bytes)
        && is(octet, class)
    {
        bytes += 1;
    }
    bytes
}

/// Whether every octet of `text` belongs to `class`, which is a single one. There is no exit in the
/// middle, so that several octets are looked up at a time.
pub(crate) fn all(text: &str, class: Class) -> bool {
    text.bytes().fold(class, |common, octet| common & CLASSES[octet as usize]) != 0
}

/// Whether `word` is an `esmtp-keyword`.
pub(crate) fn is_keyword(word: &str) -> bool {
    !word.is_empty() && !word.starts_with('-') && all(word, KEYWORD)
}

/// Whether `text`, which is free of control characters, is `word` in any case.
pub(crate) fn is_word(text: &[u8], word: &str) -> bool {
    const CASE: u8 = b'a' ^ b'A';
    debug_assert!(word.bytes().all(|o| o.is_ascii_alphabetic() || (o ^ CASE).is_ascii_control()));
    let word = word.as_bytes();
    if text.len() != word.len() {
        return false;
    }
    // Two numbers hold all letters of a short word, some of them twice; those of `word` are constants.
    if let (Some(a), Some(b), Some(c), Some(d)) =
        (text.first_chunk(), text.last_chunk(), word.first_chunk(), word.last_chunk())
        && text.len() <= 8
    {
        let differences =
            |a: &[u8; 4], b: &[u8; 4]| u32::from_le_bytes(*a) ^ u32::from_le_bytes(*b);
        return (differences(a, c) | differences(b, d)) & !u32::from_le_bytes([CASE; 4]) == 0;
    }
    text.iter().zip(word).fold(0, |all, (a, b)| all | (a ^ b)) & !CASE == 0
}

/// Where the first control character of `text` stands: C0, DEL, or C1 in its UTF-8 form.
pub(crate) fn find_control(text: &str) -> Option<usize> {
    if is_printable_ascii(text.as_bytes()) {
        return None;
    }
    text.char_indices().find(|(_, character)| character.is_control()).map(|(offset, _)| offset)
}

/// Whether there is nothing but spaces and graphic characters of ASCII, eight octets at a time.
pub(crate) fn is_printable_ascii(octets: &[u8]) -> bool {
    let (words, rest) = octets.as_chunks::<8>();
    let suspect = words.iter().fold(0, |suspect, word| suspect | suspect_octets(*word));
    // The last eight overlap the words before them, which costs less than to look at the rest one by one.
    match octets.last_chunk() {
        Some(last) => suspect | suspect_octets(*last) == 0,
        None => rest.iter().all(|octet| matches!(octet, b' '..=b'~')),
    }
}

/// Not 0 if one of the octets is below the space, DEL, or not ASCII.
const fn suspect_octets(octets: [u8; 8]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH_BITS: u64 = ONES << 7;
    let octets = u64::from_le_bytes(octets);
    // A subtraction that borrows from the next octet has found a suspect already.
    let below_space = octets.wrapping_sub(ONES * b' ' as u64);
    let delete = (octets ^ (ONES * 0x7f)).wrapping_sub(ONES);
    (octets | below_space | delete) & HIGH_BITS
}

const fn table() -> [Class; 256] {
    let mut classes = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        classes[octet] = classes_of(octet as u8);
        octet += 1;
    }
    classes
}

const fn classes_of(octet: u8) -> Class {
    let mut class = match octet {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => ATEXT | LABEL | KEYWORD | MECHANISM | BASE64,
        b' ' => SPACE,
        b'-' => ATEXT | LABEL | KEYWORD | MECHANISM,
        b'_' => ATEXT | MECHANISM,
        b'+' | b'/' => ATEXT | BASE64,
        b'=' => ATEXT | BASE64,
        b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'?' | b'^' | b'`' | b'{' | b'|'
        | b'}' | b'~' => ATEXT,
        0x80.. => ATEXT | LABEL,
        _ => 0,
    };
    if matches!(octet, b' '..=b'~') {
        class |= QUOTED_PAIR;
    }
    if matches!(octet, b' '..=b'~' | 0x80..) && octet != b'"' && octet != b'\\' {
        class |= QTEXT;
    }
    if matches!(octet, b'!'..=b'~') && !matches!(octet, b'[' | b'\\' | b']') {
        class |= DCONTENT;
    }
    if matches!(octet, b'!'..=b'~') && octet != b'+' && octet != b'=' {
        class |= XCHAR;
    }
    if matches!(octet, b'!'..=b'~' | 0x80..) {
        class |= PRINTABLE;
        if octet != b'=' {
            class |= VALUE;
        }
    }
    class
}
