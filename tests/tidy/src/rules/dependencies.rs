//! Rule: the dependency tree keeps to deny.toml: licences, banned crates, sources. It reads what
//! `cargo tree` resolves and the lists of deny.toml itself, so that there is one policy whether or not
//! cargo-deny is installed. Not checked here: advisories (they need the network) and duplicate versions.

use std::process::Command;

use crate::finding::Finding;
use crate::toml_lines::{Entry, entries, strings};
use crate::tree::Tree;

/// The lists of deny.toml that are enforced.
struct Policy {
    licences: Vec<String>,
    banned: Vec<String>,
    registries: Vec<String>,
}

/// Crates that the policy refuses.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let fail = |message: String| vec![Finding::new("dependencies", ("deny.toml", 0), message)];
    let Some(file) = tree.get("deny.toml") else {
        return fail("deny.toml is missing".to_owned());
    };
    let policy = policy(&file.text);
    let mut findings = Vec::new();
    match crates_in_tree(tree) {
        Ok(lines) => findings.extend(lines.lines().filter_map(|line| judge_crate(&policy, line))),
        Err(message) => findings.extend(fail(message)),
    }
    if let Some(lock) = tree.get("Cargo.lock") {
        findings.extend(judge_sources(&policy, &lock.text));
    }
    findings
}

fn policy(text: &str) -> Policy {
    let found = entries(text);
    let list = |section: &str, key: &str| -> &str {
        let is_it = |entry: &&Entry| entry.section == section && entry.key == key;
        found
            .iter()
            .find(is_it)
            .map_or("", |entry| entry.value.as_str())
    };
    let banned = list("bans", "deny").split("crate =").skip(1);
    Policy {
        licences: strings(list("licenses", "allow")),
        banned: banned
            .filter_map(|part| strings(part).into_iter().next())
            .collect(),
        registries: strings(list("sources", "allow-registry")),
    }
}

/// One `name version|licence` a line, over all kinds of dependencies.
fn crates_in_tree(tree: &Tree) -> Result<String, String> {
    let arguments = [
        "tree",
        "--workspace",
        "--edges",
        "normal,build,dev",
        "--prefix",
        "none",
    ];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args([
            "--format",
            "{p}|{l}",
            "--locked",
            "--offline",
            "--no-dedupe",
        ])
        .current_dir(&tree.root)
        .output()
        .map_err(|error| format!("cargo tree did not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "cargo tree: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ));
    }
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect();
    lines.sort();
    lines.dedup();
    Ok(lines.join("\n"))
}

fn judge_crate(policy: &Policy, line: &str) -> Option<Finding> {
    let (package, licence) = line.split_once('|')?;
    let name = package.split(' ').next().unwrap_or_default();
    let message = if policy.banned.iter().any(|banned| banned == name) {
        format!("{name} is banned: see deny.toml for what to use")
    } else if !licence_allowed(&policy.licences, licence) {
        format!("{name} is under '{licence}', which deny.toml does not allow")
    } else {
        return None;
    };
    Some(Finding::new("dependencies", ("Cargo.lock", 0), message))
}

/// An expression of licences joined by OR, AND and `/` (an old OR), with parentheses. The whole is
/// allowed when it is true with every allowed licence as true.
fn licence_allowed(allowed: &[String], expression: &str) -> bool {
    let spaced = expression
        .replace('/', " OR ")
        .replace('(', " ( ")
        .replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let value = either(allowed, &words, &mut at);
    value && at == words.len()
}

fn either(allowed: &[String], words: &[&str], at: &mut usize) -> bool {
    let mut value = both(allowed, words, at);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        value |= both(allowed, words, at);
    }
    value
}

fn both(allowed: &[String], words: &[&str], at: &mut usize) -> bool {
    let mut value = one(allowed, words, at);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        value &= one(allowed, words, at);
    }
    value
}

fn one(allowed: &[String], words: &[&str], at: &mut usize) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let value = either(allowed, words, at);
        *at += 1;
        return value;
    }
    let mut licence = (*word).to_owned();
    if words.get(*at) == Some(&"WITH") {
        licence = format!("{licence} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
    }
    allowed.contains(&licence)
}

fn judge_sources(policy: &Policy, lock: &str) -> Vec<Finding> {
    let sources = entries(lock)
        .into_iter()
        .filter(|entry| entry.key == "source");
    let is_allowed = |value: &str| {
        policy
            .registries
            .iter()
            .any(|url| value.contains(url.as_str()))
    };
    sources
        .filter(|entry| !is_allowed(&entry.value))
        .map(|entry| {
            let message = format!("{} is not a source that deny.toml allows", entry.value);
            Finding::new("dependencies", ("Cargo.lock", entry.line), message)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Policy {
        policy(
            "[licenses]\nallow = [\n \"MIT\",\n \"Apache-2.0\", \"A WITH B\" ]\n[bans]\ndeny = [\n \
             { crate = \"ring\", reason = \"x\" },\n]\n[sources]\nallow-registry = [\"https://a\"]\n",
        )
    }

    #[test]
    fn licence_expressions_are_weighed() {
        let allowed = example().licences;
        for good in [
            "MIT",
            "MIT OR GPL",
            "GPL/MIT",
            "(GPL OR MIT) AND Apache-2.0",
            "A WITH B",
        ] {
            assert!(licence_allowed(&allowed, good), "{good}");
        }
        for bad in [
            "",
            "GPL",
            "MIT AND GPL",
            "A",
            "A WITH C",
            "(GPL AND MIT) OR GPL",
            "MIT MIT",
        ] {
            assert!(!licence_allowed(&allowed, bad), "{bad}");
        }
    }

    #[test]
    fn a_banned_crate_a_bad_licence_and_a_foreign_source_are_found() {
        let policy = example();
        let bad = ["ring v0.17.0|MIT", "strict v1.0.0|GPL-3.0"];
        assert!(bad.iter().all(|line| judge_crate(&policy, line).is_some()));
        assert!(judge_crate(&policy, "fine v1.0.0 (proc-macro)|MIT").is_none());
        let lock = "[[package]]\nsource = \"registry+https://a\"\nsource = \"git+https://b\"\n";
        assert_eq!(judge_sources(&policy, lock).len(), 1);
    }
}
