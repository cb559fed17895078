//! What is left of hostile HTML, judged by a tokenizer and not by the code that made it.

use std::cell::RefCell;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::RawKind;
use html5ever::tokenizer::{
    BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use mail_parser::{MessageParser, PartType};
use proptest::prelude::*;

use super::*;

const PICTURE: &str = "data:image/png;base64,AAAA";

#[expect(clippy::disallowed_methods, reason = "the deadline is far away")]
fn sanitized(html: &str, images: bool) -> String {
    let picture_of = |id: &str| match id {
        "good@example.org" => Some(PICTURE.to_owned()),
        "svg@example.org" => Some("data:image/svg+xml;base64,AAAA".to_owned()),
        _ => None,
    };
    let until = Instant::now() + Duration::from_secs(60);
    document(html, &Options { images, picture_of: &picture_of, until })
}

/// What stands between `<body>` and `</body>`.
fn body(html: &str) -> String {
    let document = sanitized(html, false);
    let (_, rest) = document.split_once("<body").unwrap();
    rest.split_once('>').unwrap().1.split_once("</body>").unwrap().0.to_owned()
}

#[test]
fn what_is_left() {
    for (html, expected) in [
        ("<p>Hello <b>Kim</b></p>", "<p>Hello <b>Kim</b></p>"),
        ("<script>alert(1)</script>x", "x"),
        ("<SCRIPT src=//e.test/x></SCRIPT >x", "x"),
        ("<scr<script>ipt>alert(1)</scr</script>ipt>", "ipt&gt;alert(1)ipt&gt;"),
        ("<p onclick=alert(1) onload='x'>x</p>", "<p>x</p>"),
        ("<form action=/x><input name=a>x<button>y</button></form>", "xy"),
        ("<iframe src=/><p>x</p></iframe>y", "y"),
        ("<object data=x><p>y</p></object>", "<p>y</p>"),
        (
            "<meta http-equiv=refresh content=0><base href=//e.test/><link rel=stylesheet href=x>x",
            "x",
        ),
        ("<title>t</title><textarea><p></textarea>x", "x"),
        ("<svg onload=alert(1)><p>x</p></svg>", "<p>x</p>"),
        ("<!-- <p> --><![if !mso]>x<![endif]>", "x"),
        (
            "<img src=cid:good@example.org alt=a>",
            "<img src=\"data:image/png;base64,AAAA\" alt=\"a\">",
        ),
        ("<img src='CID:good%40example.org'>", "<img src=\"data:image/png;base64,AAAA\">"),
        ("<img src=cid:svg@example.org><img src=cid:other>", "<img><img>"),
        ("<img src=https://e.test/x.png width=9>", "<img width=\"9\">"),
        (
            "<img src=//e.test/x><img src='\\\\e.test\\x'><img src=/x><img src='http:/\\e.test/x'>",
            "<img><img><img><img>",
        ),
        (
            "<img src=data:image/svg+xml,x><img src=data:text/html,x><img src=DATA:IMAGE/GIF;base64,AA>",
            "<img><img><img src=\"DATA:IMAGE/GIF;base64,AA\">",
        ),
        ("<img srcset='x 2x' lowsrc=x dynsrc=x longdesc=x usemap=#x>", "<img>"),
        ("<td background=//e.test/x>x", "x"),
        (
            "<table background=http://e.test/x bgcolor=red></table>",
            "<table bgcolor=\"red\"></table>",
        ),
        (
            "<p style='background:url(http://e.test/x);color:red'>x</p>",
            "<p style=\"background: none;color:red\">x</p>",
        ),
        ("<p id=a class=b lang=c name=d>x</p>", "<p id=\"a\" class=\"b\" lang=\"c\">x</p>"),
        ("&lt;script&gt; &amp;amp; &quot;", "&lt;script&gt; &amp;amp; \""),
        (
            "<p title='</p><script>alert(1)</script>'>x</p>",
            "<p title=\"&lt;/p&gt;&lt;script&gt;alert(1)&lt;/script&gt;\">x</p>",
        ),
    ] {
        assert_eq!(body(html), expected, "{html}");
    }
}

#[test]
fn links_lead_out_of_the_frame_or_nowhere() {
    let outside = " rel=\"noopener noreferrer\"";
    for (href, expected) in [
        ("https://example.org/a?b=c", Some("https://example.org/a?b=c")),
        ("mailto:kim@example.org", Some("mailto:kim@example.org")),
        ("#top", Some("#top")),
        ("javascript:alert(1)", None),
        ("JAVASCRIPT:alert(1)", None),
        (" java\tscript:alert(1)", None),
        ("&#1;javascript:alert(1)", None),
        ("javascript&colon;alert(1)", None),
        ("data:text/html,x", None),
        ("vbscript:x", None),
        ("file:///etc/passwd", None),
        ("/api/v1/messages", None),
        ("//e.test/x", None),
        ("x", None),
    ] {
        let href_left = expected.map(|href| format!(" href=\"{href}\"")).unwrap_or_default();
        let expected = format!("<a{href_left} target=\"_blank\"{outside}>x</a>");
        assert_eq!(
            body(&format!("<a href=\"{href}\" target=_top ping=//e.test>x</a>")),
            expected,
            "{href}"
        );
    }
}

#[test]
fn styles_load_nothing() {
    let styles = |css: &str, images: bool| {
        let document = sanitized(&format!("<style>{css}</style>"), images);
        document
            .split("<style>")
            .nth(2)
            .unwrap()
            .split_once("</style>")
            .unwrap()
            .0
            .trim()
            .to_owned()
    };
    for (css, expected) in [
        ("p { color: red }", "p { color: red }"),
        ("@import 'x'; p { color: red }", "p { color: red }"),
        ("@\\69mport url(x); p{}", "p{}"),
        ("@font-face { src: url(x) } p{}", "p{}"),
        (
            "@media (max-width: 600px) { @import 'x'; p { color: red } }",
            "@media (max-width: 600px) {  p { color: red } }",
        ),
        ("p { background: url(//e.test/x) no-repeat }", "p { background:  none no-repeat }"),
        ("p { background: u\\72l('//e.test/x') }", "p { background:  none }"),
        ("p { background: URL( \"x\" ) }", "p { background:  none }"),
        (
            "p { background: url(cid:good@example.org) }",
            "p { background:  url(\"data:image/png;base64,AAAA\") }",
        ),
        ("p { background: image-set('x' 1x) }", "p { background:  none }"),
        ("p { width: expression(alert(1)) }", "p { width:  none }"),
        ("p::after { content: '\\3c/style>' }", "p::after { content: \"\\3c /style>\" }"),
        ("p { a: b</style><style>q { c: d }", "p { a: b}q { c: d }"),
        (
            "p > q, [a='b'], a:hover { color: rgb(1 2 3 / .5) !important }",
            "p > q, [a=\"b\"], a:hover { color: rgb(1 2 3 / 0.5) !important }",
        ),
        ("--> <!-- p {}", "p {}"),
    ] {
        assert_eq!(styles(css, false), expected, "{css}");
    }
    assert_eq!(
        styles("p { background: url(http://e.test/x) }", true),
        "p { background:  url(\"http://e.test/x\") }"
    );
    let deep = format!("{}{}", "a{".repeat(100_000), "x".repeat(10));
    assert!(styles(&deep, false).len() < 100);
}

#[test]
fn body_and_html_keep_their_looks() {
    let document = sanitized(
        "<html lang=de onload=x><body bgcolor=#eee class=\"a &quot; b\" style='margin:0;background:url(x)' onload=y link=red>x</body></html>",
        false,
    );
    assert!(document.contains("<html lang=\"de\"><head>"), "{document}");
    assert!(document.contains("<body bgcolor=\"#eee\" class=\"a &quot; b\" style=\"margin:0;background: none\">x</body>"), "{document}");
}

#[test]
fn remote_pictures_come_when_asked_for() {
    for url in ["https://e.test/x.png", "http://e.test/x.png"] {
        let html = format!("<img src={url}><p style='background:url({url})'>");
        assert!(!sanitized(&html, false).contains("e.test"));
        assert_eq!(sanitized(&html, true).matches(url).count(), 2);
    }
    assert!(sanitized("<img src=//e.test/x>", true).contains("src=\"https://e.test/x\""));
    assert!(
        policy(true).contains("img-src data: http: https:;")
            && policy(false).contains("img-src data:;")
    );
    for images in [true, false] {
        for part in [
            "default-src 'none'",
            "sandbox allow-popups allow-popups-to-escape-sandbox",
            "form-action 'none'",
        ] {
            assert!(policy(images).contains(part));
        }
        assert!(
            !policy(images).contains("allow-scripts")
                && !policy(images).contains("allow-same-origin")
        );
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a deadline that is over")]
fn what_takes_too_long_is_said() {
    let picture_of = |_: &str| None;
    let over = Options {
        images: false,
        picture_of: &picture_of,
        until: Instant::now() - Duration::from_secs(1),
    };
    assert!(document("<p>x</p>", &over).contains("takes too long"));
    assert!(sanitized(&"x".repeat(HTML_BYTES_MAX + 1), false).contains("too large"));
}

#[test]
fn depth_and_length_end_no_process() {
    for unit in [
        "<div>",
        "<b>",
        "<table><tr><td>",
        "<a href=x><p>",
        "<svg><g>",
        "<select><option><b>",
        "<!--",
        "<p title='",
        "&#",
    ] {
        assert_harmless(&sanitized(&unit.repeat(3000), false), false);
    }
}

#[test]
fn the_hostile_corpus() {
    let mut seen = 0;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile")).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let message = MessageParser::default().parse(&content).unwrap();
        let htmls = message.parts.iter().filter_map(|part| match &part.body {
            PartType::Html(html) => Some(html.to_string()),
            _ => None,
        });
        // And all of it, as if somebody had called it HTML.
        for html in htmls.chain([String::from_utf8_lossy(&content).into_owned()]) {
            seen += 1;
            for images in [false, true] {
                assert_harmless(&sanitized(&html, images), images);
            }
        }
    }
    assert!(seen > 20);
}

#[test]
fn a_string_in_a_style_sheet_is_no_address() {
    let html = "<style><p style=\"background:url(\" x";
    assert_harmless(&sanitized(html, false), false);
    let name = "<style>p{font-family:\"Sans (bold)\"}</style>";
    assert!(sanitized(name, false).contains("\"Sans \\28 bold)\""));
}

proptest! {
    #[test]
    fn any_mixture(pieces in proptest::collection::vec(0..PIECES.len(), 1..40)) {
        let html: String = pieces.into_iter().map(|piece| PIECES[piece]).collect();
        assert_harmless(&sanitized(&html, false), false);
    }
}

const PIECES: &[&str] = &[
    "<",
    ">",
    "\"",
    "'",
    "/",
    "=",
    " ",
    "<!--",
    "-->",
    "--!>",
    "<![CDATA[",
    "]]>",
    "<?",
    "&lt;",
    "&#x3c;",
    "\0",
    "\r\n",
    "x",
    "<script>",
    "</script>",
    "<style>",
    "</style>",
    "<svg>",
    "</svg>",
    "<math>",
    "</math>",
    "<mtext>",
    "<mglyph>",
    "<malignmark>",
    "<foreignObject>",
    "<desc>",
    "<title>",
    "</title>",
    "<textarea>",
    "</textarea>",
    "<noscript>",
    "</noscript>",
    "<template>",
    "<xmp>",
    "<plaintext>",
    "<iframe>",
    "</iframe>",
    "<table>",
    "</table>",
    "<td>",
    "<caption>",
    "<select>",
    "<option>",
    "<form>",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<a href=\"javascript:alert(1)\">",
    "</a>",
    "<img src=x onerror=alert(1)>",
    "<img src='",
    "<p style=\"background:url(",
    ")\">",
    "<p title=\"",
    "onload=alert(1)",
    "href=",
    "javascript:",
    "url(http://e.test/x)",
    "@import ",
    "{",
    "}",
    ";",
    "(",
    ")",
    "[",
    "]",
    "/*",
    "*/",
    "\\3c ",
    "\\",
    "expression(",
    "<body onload=x>",
    "<html onload=x>",
    "<base href=//e.test>",
];

/// The elements that frame the document, beyond those of mail.
const FRAME: &[&str] = &["html", "head", "meta", "title", "style", "body"];

/// Fails for whatever could run, load or lead where it should not.
fn assert_harmless(document: &str, images: bool) {
    let sink = Judge { document, images, style: RefCell::default() };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(document));
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let styles = tokenizer.sink.style.take();
    assert_styles(&styles, images, document);
}

struct Judge<'a> {
    document: &'a str,
    images: bool,
    style: RefCell<String>,
}

impl TokenSink for Judge<'_> {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        match token {
            Token::TagToken(tag) => {
                self.judge(&tag);
                if tag.kind == TagKind::StartTag && &*tag.name == "style" {
                    return TokenSinkResult::RawData(RawKind::Rawtext);
                }
            }
            Token::CharacterTokens(text) => self.style.borrow_mut().push_str(&text),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Judge<'_> {
    fn judge(&self, tag: &Tag) {
        let element = &*tag.name;
        let known = markup::ELEMENTS.contains(element) || FRAME.contains(&element);
        assert!(known, "<{element}> in {}", self.document);
        for attribute in &tag.attrs {
            let (name, value) = (&*attribute.name.local, &*attribute.value);
            let is_fine = match name {
                "src" | "background" => is_loadable(value, self.images),
                "href" => urls::may_be_followed(value) && element == "a",
                "style" => {
                    assert_styles(value, self.images, self.document);
                    true
                }
                "charset" | "name" | "content" => {
                    element == "meta" || (name == "name" && element == "a")
                }
                "target" => value == "_blank",
                _ => {
                    !name.starts_with("on")
                        && !["action", "formaction", "srcdoc", "srcset", "http-equiv", "ping"]
                            .contains(&name)
                }
            };
            assert!(is_fine, "{name}={value} in {}", self.document);
        }
    }
}

fn assert_styles(styles: &str, images: bool, document: &str) {
    let lower = styles.to_ascii_lowercase();
    for address in lower.split("url(").skip(1) {
        // Text that only mentions it has no quote behind it, since it is no style.
        if let Some(address) = address.strip_prefix('"') {
            assert!(is_loadable(address, images), "{address} in {document}");
        }
    }
}

fn is_loadable(url: &str, images: bool) -> bool {
    let lower = url.to_ascii_lowercase();
    (lower.starts_with("data:image/") && !lower.starts_with("data:image/svg"))
        || (images && (lower.starts_with("http://") || lower.starts_with("https://")))
}
