//! Small programs over `smtp-server`, one idea each: see `examples/`.
//!
//! * `embed`: the README's server in 25 lines.
//! * `sink`: accept everything, keep nothing; the server of the benchmarks.
//! * `guarded`: names, lists, greylisting and rates decide who may send.
//! * `blocking`: a session on `std::net`, without tokio.

/// The README's example, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

#[cfg(test)]
mod tests {
    #[test]
    fn the_readme_shows_the_embed_example() {
        let readme = include_str!("../../README.md");
        let embed = include_str!("../examples/embed.rs");
        let code = embed.lines().filter(|line| !line.starts_with("//!")).collect::<Vec<_>>();
        assert!(readme.contains(code.join("\n").trim()), "README.md and embed.rs differ");
        assert!(code.len() <= 25 + 1, "the example has more than 25 lines");
    }
}
