//! Rule: what a document names exists. Paths in backticks and in links of every Markdown file are looked
//! up in the checkout, and ARCHITECTURE.md names every crate.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};

const FOLDERS: [&str; 7] = [
    "proto/",
    "ledger/",
    "projectors/",
    "consumers/",
    "tests/",
    "deploy/",
    ".ci/",
];

/// Paths that lead nowhere, and crates that the architecture does not know.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let markdown = tree.files.iter().filter(|file| file.path.ends_with(".md"));
    let mut findings: Vec<Finding> = markdown.flat_map(|file| dead_paths(tree, file)).collect();
    if let Some(architecture) = tree.get("ARCHITECTURE.md") {
        let folders = tree
            .files
            .iter()
            .filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
        for folder in folders.filter(|folder| !architecture.text.contains(&format!("`{folder}`"))) {
            let message = format!("`{folder}` is a crate and is not named here");
            findings.push(Finding::new("documents", ("ARCHITECTURE.md", 0), message));
        }
    }
    findings
}

fn dead_paths(tree: &Tree, file: &SourceFile) -> Vec<Finding> {
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_block = false;
    for (number, line) in file.text.lines().enumerate() {
        in_block ^= line.trim_start().starts_with("```");
        if in_block {
            continue;
        }
        for named in line.split('`').skip(1).step_by(2).filter_map(as_path) {
            let beside = format!("{folder}/{named}");
            if !tree.has(named) && !tree.has(beside.trim_start_matches('/')) {
                let message = format!("`{named}` does not exist");
                findings.push(Finding::new("documents", (&file.path, number + 1), message));
            }
        }
    }
    findings
}

/// The path that a quoted phrase names, if it is one: it begins with a folder of ours and has no
/// pattern or placeholder in it.
fn as_path(quoted: &str) -> Option<&str> {
    let path = quoted.trim_end_matches('/');
    let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder))
        && !path.contains(['*', '<', '{', ' ', '(', '$'])
        && path == path.trim();
    is_path.then_some(path)
}

#[test]
fn dead_paths_and_forgotten_crates_are_found() {
    let tree = Tree::of(&[
        (
            "ARCHITECTURE.md",
            "`proto` and `ledger/gone/src/a.rs` and `proto/src/lib.rs`\n",
        ),
        ("proto/Cargo.toml", ""),
        ("proto/src/lib.rs", ""),
        ("ledger/vault/Cargo.toml", ""),
        ("README.md", "```\n`deploy/none`\n```\n`deploy/*.toml`\n"),
    ]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    let expected = [
        "`ledger/gone/src/a.rs` does not exist",
        "`ledger/vault` is a crate and is not named here",
    ];
    assert_eq!(found, expected);
}
