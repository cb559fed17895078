//! The pure half has no runtime in its dependency tree, and the codec needs no operating system.

use std::path::Path;
use std::process::Command;

/// Names of the packages that `package` needs with these features off or on.
fn dependencies(package: &str, more: &[&str]) -> Vec<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| env!("CARGO").to_owned());
    let output = Command::new(cargo)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--prefix", "none", "--edges", "normal", "--package", package])
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8(output.stdout).unwrap();
    tree.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

const IMPURE: [&str; 7] = ["tokio", "rustls", "tokio-rustls", "mio", "socket2", "tracing", "libc"];

#[test]
fn a_session_needs_no_runtime() {
    let needed = dependencies("smtp-server", &["--no-default-features"]);
    assert!(needed.contains(&"smtp-proto".to_owned()), "{needed:?}");
    for package in IMPURE {
        assert!(!needed.contains(&package.to_owned()), "{package} in {needed:?}");
    }
    // The same list with the driver shows that the check can fail.
    assert!(dependencies("smtp-server", &[]).contains(&"tokio".to_owned()));
}

#[test]
fn the_codec_needs_no_operating_system() {
    let needed = dependencies("smtp-proto", &["--all-features"]);
    for package in IMPURE {
        assert!(!needed.contains(&package.to_owned()), "{package} in {needed:?}");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../smtp-proto/src/lib.rs");
    let source = std::fs::read_to_string(source).unwrap();
    assert!(source.lines().any(|line| line == "#![no_std]"));
    assert!(!source.contains("extern crate std"));
}
