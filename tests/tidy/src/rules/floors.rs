//! Rule: a crate of ours depends only on crates of a lower floor, and a crate is named as its folder.
//! The table is the architecture; changing it needs a decision record.

use crate::finding::Finding;
use crate::toml_lines::{Entry, entries, strings};
use crate::tree::{SourceFile, Tree};

/// Folder and floor of every crate that may exist.
const FLOORS: [(&str, u32); 21] = [
    ("proto", 0),
    ("ledger/ground", 0),
    ("ledger/chain", 1),
    ("projectors/rules", 1),
    ("ledger/vault", 2),
    ("ledger/journal", 2),
    ("ledger/stream", 2),
    ("consumers/verifier", 2),
    ("ledger/intake", 3),
    ("projectors/fold", 3),
    ("projectors/views", 4),
    ("consumers/questions", 5),
    ("consumers/evidence", 6),
    ("consumers/console", 7),
    ("consumers/counterfoil", 8),
    ("tests/tidy", 9),
    ("tests/people", 9),
    ("tests/bench", 10),
    ("tests/simulation", 10),
    ("tests/fuzz", 10),
    ("tests", 11),
];

/// Crates that may depend on nothing of ours but what is listed.
const ONLY: [(&str, &[&str]); 2] = [("verifier", &["proto", "chain"]), ("tidy", &[])];

/// Dependencies that point upward or sideways, crates outside the table, folders named otherwise.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let manifests = tree.files.iter().filter_map(|file| {
        file.path
            .strip_suffix("/Cargo.toml")
            .map(|folder| (folder, file))
    });
    manifests
        .flat_map(|(folder, file)| check_manifest(folder, file))
        .collect()
}

fn check_manifest(folder: &str, file: &SourceFile) -> Vec<Finding> {
    let found = entries(&file.text);
    let name = folder.rsplit('/').next().unwrap_or(folder);
    let Some(floor) = FLOORS
        .iter()
        .find(|(known, _)| *known == folder)
        .map(|(_, floor)| *floor)
    else {
        let message = "this folder is not in the floor table of tests/tidy";
        return vec![Finding::new("floors", (&file.path, 0), message)];
    };
    let mut findings = Vec::new();
    let is_name = |entry: &&Entry| entry.section == "package" && entry.key == "name";
    if let Some(entry) = found.iter().find(is_name)
        && strings(&entry.value).first().map(String::as_str) != Some(name)
    {
        let message = format!("the crate in {folder} must be named {name}");
        findings.push(Finding::new("floors", (&file.path, entry.line), message));
    }
    for entry in found
        .iter()
        .filter(|entry| entry.section.ends_with("dependencies"))
    {
        let dependency = entry.key.split('.').next().unwrap_or_default();
        if let Some(message) = judge(name, floor, dependency) {
            findings.push(Finding::new("floors", (&file.path, entry.line), message));
        }
    }
    findings
}

/// What is wrong with `name` depending on `dependency`; nothing for a crate that is not ours.
fn judge(name: &str, floor: u32, dependency: &str) -> Option<String> {
    let (_, below) = FLOORS
        .iter()
        .find(|(folder, _)| folder.rsplit('/').next() == Some(dependency))?;
    let only = ONLY
        .iter()
        .find(|(crate_name, _)| *crate_name == name)
        .map(|(_, list)| *list);
    if only.is_some_and(|list| !list.contains(&dependency)) {
        return Some(format!(
            "{name} depends on nothing of ours but {:?}",
            only.unwrap_or_default()
        ));
    }
    (*below >= floor)
        .then(|| format!("{name} (floor {floor}) may not depend on {dependency} (floor {below})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_manifest_text(folder: &str, text: &str, expected: &[&str]) {
        let path = format!("{folder}/Cargo.toml");
        let found = check(&Tree::of(&[(path.as_str(), text)]));
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (finding, part) in found.iter().zip(expected) {
            assert!(finding.message.contains(part), "{finding}");
        }
    }

    #[test]
    fn upward_and_sideways_dependencies_are_found() {
        let text = "[package]\nname = \"vault\"\n[dependencies]\nproto.workspace = true\n\
                    journal = { path = \"x\" }\n[dev-dependencies]\nintake.workspace = true\n";
        check_manifest_text(
            "ledger/vault",
            text,
            &["on journal (floor 2)", "on intake (floor 3)"],
        );
    }

    #[test]
    fn strangers_wrong_names_and_the_verifiers_extras_are_found() {
        check_manifest_text(
            "ledger/new",
            "[package]\nname = \"new\"\n",
            &["floor table"],
        );
        check_manifest_text(
            "ledger/chain",
            "[package]\nname = \"links\"\n",
            &["named chain"],
        );
        let text = "[package]\nname = \"verifier\"\n[dependencies]\nground.workspace = true\n";
        check_manifest_text("consumers/verifier", text, &["nothing of ours but"]);
    }
}
