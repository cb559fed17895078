//! Tests as a stranger writes them: each is shown, word for word, in the README or in the documentation of
//! `smtp_server::testing`.

mod first;
mod with_lettre;
mod with_mail_send;
mod with_std;

/// The code of an example, without its contract.
fn code(source: &str) -> String {
    let lines = source.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>();
    lines.join("\n").trim().to_owned()
}

#[test]
fn the_readme_shows_the_first_test() {
    let readme = include_str!("../../README.md");
    let code = code(include_str!("inbox/first.rs"));
    // Without the line that names the program under test.
    let (_, first) = code.split_once('\n').unwrap();
    assert!(readme.contains(first), "README.md and first.rs differ");
}

#[test]
fn the_documentation_shows_the_others() {
    let docs = include_str!("../../smtp-server/src/testing.rs");
    let docs = docs.lines().map_while(|line| line.strip_prefix("//!"));
    let docs = docs.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>();
    let examples = [
        ("with_lettre.rs", include_str!("inbox/with_lettre.rs")),
        ("with_mail_send.rs", include_str!("inbox/with_mail_send.rs")),
        ("with_std.rs", include_str!("inbox/with_std.rs")),
    ];
    for (name, source) in examples {
        assert!(docs.join("\n").contains(&code(source)), "testing.rs and {name} differ");
    }
}
