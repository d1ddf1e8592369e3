//! Rule: the root holds a fixed set of entries, and every crate folder, `tests` and `deploy` has a
//! README.md of under 40 lines. A new root entry is a decision.

use crate::finding::Finding;
use crate::tree::Tree;

const ROOT_ENTRIES: [&str; 17] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "Makefile",
    "Cargo.toml",
    "Cargo.lock",
    "clippy.toml",
    "rustfmt.toml",
    "deny.toml",
    "target",
    "proto",
    "ledger",
    "projectors",
    "consumers",
    "tests",
    "deploy",
];
const ROOM_README_LINES_MAX: usize = 39;
const ROOT_README_LINES_MAX: usize = 60;

/// Unknown root entries, rooms without a README, READMEs that have become documents.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &tree.root_entries {
        if !entry.starts_with('.') && !ROOT_ENTRIES.contains(&entry.as_str()) {
            findings.push(Finding::new(
                "root",
                (entry, 0),
                "no such entry belongs in the root",
            ));
        }
    }
    for room in rooms(tree) {
        if tree.get(&format!("{room}/README.md")).is_none() {
            let message = "say in under 40 lines what comes in, what goes out, what always holds";
            findings.push(Finding::new(
                "room",
                (&format!("{room}/README.md"), 0),
                message,
            ));
        }
    }
    for file in tree
        .files
        .iter()
        .filter(|file| file.path.ends_with("README.md"))
    {
        let is_root = !file.path.contains('/');
        let most = if is_root {
            ROOT_README_LINES_MAX
        } else {
            ROOM_README_LINES_MAX
        };
        let lines = file.text.lines().count();
        if lines > most {
            let message = format!("{lines} lines of {most}: a README fits one screen");
            findings.push(Finding::new("room", (&file.path, 0), message));
        }
    }
    findings
}

fn rooms(tree: &Tree) -> Vec<String> {
    let manifests = tree
        .files
        .iter()
        .filter_map(|file| file.path.strip_suffix("/Cargo.toml"));
    let mut rooms: Vec<String> = manifests.map(str::to_owned).collect();
    rooms.extend(
        ["deploy"]
            .iter()
            .filter(|room| tree.has(room))
            .map(|room| (*room).to_owned()),
    );
    rooms
}

#[test]
fn strangers_in_the_root_and_bare_rooms_are_found() {
    let long = "x\n".repeat(40);
    let tree = Tree::of(&[
        ("plan.md", ""),
        (".ci/run", ""),
        ("proto/Cargo.toml", ""),
        ("proto/README.md", &long),
        ("deploy/a", ""),
    ]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|finding| format!("{} {}", finding.rule, finding.path))
        .collect();
    assert_eq!(
        found,
        [
            "root plan.md",
            "room deploy/README.md",
            "room proto/README.md"
        ]
    );
}
