//! Lists of tags, as far as `mail-auth` is more lenient than we are.
//!
//! * **In**: the value of a field or a record. **Out**: its tags. **Promises**: none of a list with a tag twice.
//! * **Limits**: none. **Panics**: never. **Spec**: RFC 6376 3.2.

/// `name=value; ...`, without white space around names and values.
pub(super) fn parse(text: &str) -> Option<Vec<(&str, &str)>> {
    let mut tags = Vec::<(&str, &str)>::new();
    for tag in text.split(';').map(str::trim) {
        // The last semicolon need not be there.
        if tag.is_empty() {
            continue;
        }
        let (name, value) = tag.split_once('=')?;
        let name = name.trim_end();
        if tags.iter().any(|(known, _)| *known == name) {
            return None;
        }
        tags.push((name, value.trim_start()));
    }
    Some(tags)
}

/// The value of the tag.
pub(super) fn find<'t>(tags: &[(&str, &'t str)], name: &str) -> Option<&'t str> {
    tags.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
