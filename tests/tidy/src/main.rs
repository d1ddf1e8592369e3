//! The house rules that a program can check, as a program: `cargo run -p tidy` prints every finding and
//! warning, `cargo test -p tidy` fails while there is a finding. Not a formatter and not a lint of
//! expressions: rustfmt and clippy do those.
#![expect(clippy::print_stdout, reason = "a command-line tool prints")]

mod finding;
mod rules;
mod rust_text;
mod toml_lines;
mod tree;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::finding::Finding;
use crate::tree::Tree;

fn main() -> io::Result<ExitCode> {
    let findings = check_repository()?;
    for finding in &findings {
        println!("{finding}");
    }
    let failing = findings.iter().filter(|finding| !finding.warning).count();
    println!(
        "tidy: {failing} findings, {} warnings",
        findings.len() - failing
    );
    Ok(if failing == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn check_repository() -> io::Result<Vec<Finding>> {
    let tree = Tree::read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")))?;
    let mut findings = rules::check_text(&tree);
    findings.extend(rules::check_dependencies(&tree));
    Ok(findings)
}

#[test]
fn the_checkout_is_tidy() {
    let findings = check_repository().expect("the checkout that was just built can be read");
    let failing: Vec<String> = findings
        .iter()
        .filter(|finding| !finding.warning)
        .map(ToString::to_string)
        .collect();
    assert!(
        failing.is_empty(),
        "{} findings:\n{}",
        failing.len(),
        failing.join("\n")
    );
}
