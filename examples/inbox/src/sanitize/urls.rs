//! Which addresses of a message may be loaded, and which followed.
//!
//! * **In**: an attribute's or a style's address. **Out**: what to put in its place, or nothing.
//! * **Promises**: what is loaded is a bitmap that the document carries, or, if the reader asked, a picture of another host.
//! * **Limits**: none of its own. **Panics**: never. **Spec**: RFC 2392, RFC 2397.

use std::borrow::Cow;

/// From a Content-ID, without brackets, to the address of its picture.
pub(crate) type PictureOf<'a> = &'a dyn Fn(&str) -> Option<String>;

pub(super) struct Urls<'a> {
    pub(super) images: bool,
    pub(super) picture_of: PictureOf<'a>,
}

impl Urls<'_> {
    /// What to load in place of `url`.
    pub(super) fn picture(&self, url: &str) -> Option<String> {
        let url = as_browsers_read(url);
        let (scheme, rest) = url.split_once(':').unwrap_or(("", &url));
        if rest.starts_with("//")
            && (scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
        {
            return self.images.then(|| url.to_string());
        }
        if scheme.eq_ignore_ascii_case("cid") {
            let picture = (self.picture_of)(&percent_decoded(rest))?;
            return is_bitmap(&picture).then_some(picture);
        }
        if url.starts_with("//") {
            return self.images.then(|| format!("https:{url}"));
        }
        is_bitmap(&url).then(|| url.into_owned())
    }
}

/// Whether a link may lead there: to pages and people, or to a place within the message.
pub(super) fn may_be_followed(url: &str) -> bool {
    let url = as_browsers_read(url);
    url.starts_with('#')
        || ["http://", "https://", "mailto:", "tel:", "sms:"].iter().any(|scheme| {
            url.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
}

/// Pictures that are pixels; SVG is a document.
fn is_bitmap(url: &str) -> bool {
    ["png", "jpeg", "jpg", "gif", "webp", "avif", "bmp"].iter().any(|kind| {
        let start = format!("data:image/{kind}");
        url.get(..start.len()).is_some_and(|found| found.eq_ignore_ascii_case(&start))
            && url[start.len()..].starts_with([';', ','])
    })
}

/// Without the white space and controls that browsers skip.
fn as_browsers_read(url: &str) -> Cow<'_, str> {
    let trimmed = url.trim_matches(|c: char| c <= ' ');
    if trimmed.contains(['\t', '\n', '\r']) {
        Cow::Owned(trimmed.replace(['\t', '\n', '\r'], ""))
    } else {
        Cow::Borrowed(trimmed)
    }
}

fn percent_decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            octets.push(high << 4 | low);
            rest = after;
        } else {
            octets.push(*first);
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}
