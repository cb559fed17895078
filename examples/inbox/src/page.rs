//! The web page, out of the binary.
//!
//! * **In**: `GET` of a path. **Out**: a file of `web/`, or 304 for a browser that has it.
//! * **Promises**: [`POLICY`] lets the page run its own modules and load from this program, nothing else; nobody frames it.
//!   A tag changes with the file's content, so no browser keeps the page of another build.
//! * **Limits**: the files of [`FILES`]. **Panics**: never. **Spec**: RFC 9110, 8.8.3 and 13.1.2; CSP 3; Trusted Types.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use axum::Router;
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;

struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static str,
}

macro_rules! files {
    ($($path:literal $content_type:ident $source:literal)*) => {
        &[$(File { path: $path, content_type: $content_type, content: include_str!(concat!("../web/", $source)) }),*]
    };
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

const FILES: &[File] = files! {
    "/" HTML "index.html"
    "/style.css" CSS "style.css"
    "/favicon.svg" SVG "favicon.svg"
    "/js/theme.js" JS "js/theme.js"
    "/js/main.js" JS "js/main.js"
    "/js/api.js" JS "js/api.js"
    "/js/attachments.js" JS "js/attachments.js"
    "/js/dialogs.js" JS "js/dialogs.js"
    "/js/dom.js" JS "js/dom.js"
    "/js/faults.js" JS "js/faults.js"
    "/js/format.js" JS "js/format.js"
    "/js/keys.js" JS "js/keys.js"
    "/js/list.js" JS "js/list.js"
    "/js/mailbox.js" JS "js/mailbox.js"
    "/js/reader.js" JS "js/reader.js"
    "/js/views.js" JS "js/views.js"
};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    frame-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// What every file is sent with.
const HEADERS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-cache"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// The routes of the page.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.iter().fold(Router::new(), |router, file| {
        let tag = tag(file.content);
        router.route(
            file.path,
            get(move |asked: HeaderMap| async move { answer(file, &tag, &asked) }),
        )
    })
}

fn answer(file: &'static File, tag: &HeaderValue, asked: &HeaderMap) -> Response {
    let has_it = asked.get_all(header::IF_NONE_MATCH).iter().any(|known| known == tag);
    let mut response = if has_it {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, file.content_type)], file.content).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::ETAG, tag.clone());
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

fn tag(content: &str) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    // Digits in quotes are always a value.
    HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish()))
        .unwrap_or(HeaderValue::from_static("\"\""))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_served_and_every_import_is_there() {
        let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let modules = fs::read_dir(web.join("js")).unwrap().count();
        let others = fs::read_dir(&web).unwrap().count() - 1;
        assert_eq!(FILES.len(), modules + others);
        for file in FILES.iter().filter(|file| file.content_type == JS) {
            for import in file.content.lines().filter_map(|line| line.split_once(" from './")) {
                let path = format!("/js/{}", import.1.trim_end_matches('\''));
                assert!(FILES.iter().any(|other| other.path == path), "{path} in {}", file.path);
            }
        }
    }

    #[test]
    fn a_browser_that_has_a_file_is_told_so() {
        let file = &FILES[0];
        let tag = tag(file.content);
        let fresh = answer(file, &tag, &HeaderMap::new());
        assert_eq!(fresh.status(), StatusCode::OK);
        assert_eq!(fresh.headers()[header::ETAG], tag);
        for (known, expected) in [
            (tag.clone(), StatusCode::NOT_MODIFIED),
            (HeaderValue::from_static("\"0\""), StatusCode::OK),
        ] {
            let asked = HeaderMap::from_iter([(header::IF_NONE_MATCH, known)]);
            let answer = answer(file, &tag, &asked);
            assert_eq!(answer.status(), expected);
            assert!(
                answer.headers()[header::CONTENT_SECURITY_POLICY]
                    .to_str()
                    .unwrap()
                    .contains("default-src 'none'")
            );
        }
    }
}
