//! The HTML of a message, as a document for a frame without scripts.
//!
//! * **In**: HTML as it was sent, a way from `cid:` to a picture. **Out**: a whole document, and the policy it is served with.
//! * **Promises**: no script, form, frame or plug-in is left, nothing refreshes or moves the base. Without
//!   [`Options::images`] the document asks no host for anything. What this code overlooks, [`policy`] refuses: with it the
//!   document has an origin of its own and may load nothing but the pictures it carries.
//! * **Limits**: [`HTML_BYTES_MAX`], and until [`Options::until`]; beyond either the document says so. Blocks: a thread's work.
//! * **Panics**: never. **Spec**: HTML, 13.2 (parsing); CSS Syntax 3; CSP 3; RFC 2392 (`cid:`).

mod css;
mod markup;
mod urls;

use std::collections::HashSet;
use std::io::{self, Read};
use std::time::Instant;

use ammonia::{Builder, UrlRelative};

use markup::Markup;
pub(crate) use urls::PictureOf;
use urls::Urls;

/// Longer HTML is for the source view.
const HTML_BYTES_MAX: usize = 10 << 20;
/// How much is parsed between two looks at the clock.
const PIECE_BYTES: usize = 4096;

/// What the reader of a message wants, and what the message has.
pub(crate) struct Options<'a> {
    /// Whether pictures may be loaded from other hosts.
    pub(crate) images: bool,
    /// The picture that a `cid:` means.
    pub(crate) picture_of: PictureOf<'a>,
    /// When to give up: nesting makes the parsing of HTML quadratic.
    pub(crate) until: Instant,
}

/// The document's `Content-Security-Policy`.
pub(crate) const fn policy(images: bool) -> &'static str {
    if images {
        "default-src 'none'; style-src 'unsafe-inline'; img-src data: http: https:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    } else {
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    }
}

/// The document to show for `html`.
pub(crate) fn document(html: &str, options: &Options<'_>) -> String {
    if html.len() > HTML_BYTES_MAX {
        return notice("This HTML is too large to be shown here. Its source can be read.");
    }
    let urls = Urls { images: options.images, picture_of: options.picture_of };
    let markup = markup::reduce(html, &urls);
    match sanitizer()
        .clean_from_reader(Unhurried { rest: markup.html.as_bytes(), until: options.until })
    {
        Ok(clean) => page(&markup, &clean.to_string()),
        Err(_) => notice("This HTML takes too long to prepare. Its source can be read."),
    }
}

fn page(markup: &Markup, body: &str) -> String {
    let Markup { root_attributes, body_attributes, styles, .. } = markup;
    format!(
        "<!doctype html>\n<html{root_attributes}><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>Message</title><style>{OUR_STYLE}</style><style>{styles}</style></head>\
         <body{body_attributes}>{body}</body></html>\n"
    )
}

/// Little, so that mail looks as it was designed: light, since it was for paper, and a frame where a picture was not loaded.
const OUR_STYLE: &str = "html{color-scheme:light;font-family:system-ui,sans-serif;overflow-wrap:break-word}\
    body{margin:20px 24px}@media(max-width:600px){body{margin:16px}}img{max-width:100%}\
    img:not([src]){outline:1px dashed #a8a8b3;outline-offset:-1px;color:#5f5f6a;font-size:12px}";

fn notice(text: &str) -> String {
    let nothing = Markup::default();
    page(&nothing, &format!("<p>{text}</p>"))
}

/// The elements and attributes that are left; `markup` has dealt with their values.
fn sanitizer() -> Builder<'static> {
    let mut builder = Builder::empty();
    builder
        .tags(markup::ELEMENTS.clone())
        .generic_attributes(HashSet::from(GENERIC_ATTRIBUTES))
        .add_tag_attributes("a", ["href", "name", "target"])
        .add_tag_attributes("img", ["src", "alt", "width", "height", "border", "hspace", "vspace"])
        .add_tag_attributes("table", TABLE_ATTRIBUTES)
        .add_tag_attributes("font", ["color", "face", "size"])
        .add_tag_attributes("ol", ["start", "type", "reversed"])
        .add_tag_attributes("ul", ["type"])
        .add_tag_attributes("li", ["value", "type"])
        .add_tag_attributes("hr", ["size", "width", "noshade", "color"])
        .add_tag_attributes("br", ["clear"])
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "sms", "data"]))
        // `#top` is all that a message can mean.
        .url_relative(UrlRelative::PassThrough)
        .link_rel(Some("noopener noreferrer"));
    for cell in ["tr", "td", "th", "thead", "tbody", "tfoot", "col", "colgroup", "caption"] {
        builder.add_tag_attributes(cell, TABLE_ATTRIBUTES);
    }
    builder
}

const GENERIC_ATTRIBUTES: [&str; 8] =
    ["align", "class", "dir", "id", "lang", "style", "title", "role"];
const TABLE_ATTRIBUTES: [&str; 15] = [
    "abbr",
    "background",
    "bgcolor",
    "border",
    "bordercolor",
    "cellpadding",
    "cellspacing",
    "colspan",
    "height",
    "nowrap",
    "rowspan",
    "scope",
    "span",
    "valign",
    "width",
];

/// A reader that fails once its time is over.
struct Unhurried<'a> {
    rest: &'a [u8],
    until: Instant,
}

impl Read for Unhurried<'_> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the parser takes no clock; this is where it can be stopped"
    )]
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if Instant::now() > self.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let piece = into.len().min(PIECE_BYTES);
        self.rest.read(&mut into[..piece])
    }
}

#[cfg(test)]
mod tests;
