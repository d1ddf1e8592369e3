//! Rule: words that stand for work not done, names that stand for no subject, and tests that wait for
//! time. The words are built from pieces here, so that this file does not find itself.

use crate::finding::Finding;
use crate::rust_text::code_only;
use crate::tree::{SourceFile, Tree};

const EVERYWHERE: [&str; 3] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
];
const IN_CODE: [(&str, &str); 3] = [
    (
        concat!("unimple", "mented!"),
        "write it, or return an error",
    ),
    (concat!("to", "do!"), "write it, or return an error"),
    (
        concat!("#[ig", "nore"),
        "a test that does not run proves nothing: mend it or remove it",
    ),
];
const IN_TESTS: (&str, &str) = (
    concat!("sle", "ep("),
    "tests wait for the thing itself, never for time",
);
const NO_SUBJECT: [&str; 7] = [
    "utils", "util", "helpers", "helper", "common", "misc", "types",
];
const TEXT: [&str; 9] = [
    ".rs", ".md", ".sh", ".toml", ".proto", ".sql", ".py", ".go", "Makefile",
];

/// Machine paths, as they must never be committed.
const MACHINE_PATHS: [&str; 4] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
];

/// Banned words, module names and machine paths.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &tree.files {
        if TEXT.iter().any(|end| file.path.ends_with(end)) {
            findings.extend(unfinished(file));
            findings.extend(machine_paths(file));
        }
        if file.path.ends_with(".rs") {
            findings.extend(in_code(file));
            findings.extend(module_name(file));
        }
    }
    findings
}

fn unfinished(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in numbered(&file.text) {
        for word in EVERYWHERE.iter().filter(|word| has_word(text, word)) {
            let message = format!("{word}: open work is an issue, not a comment");
            findings.push(Finding::new("banned-word", (&file.path, line), message));
        }
    }
    findings
}

fn machine_paths(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, text) in numbered(&file.text) {
        for path in MACHINE_PATHS.iter().filter(|path| begins_path(text, path)) {
            let message = format!("{path} is a path of one machine");
            findings.push(Finding::new("machine-path", (&file.path, line), message));
        }
    }
    findings
}

fn in_code(file: &SourceFile) -> Vec<Finding> {
    let code = code_only(&file.text);
    let is_test = file.path.starts_with("tests/")
        || file.path.contains("/tests/")
        || file.path.ends_with("/tests.rs");
    let tests_begin = code.lines().position(|line| line.trim() == "#[cfg(test)]");
    let mut findings = Vec::new();
    for (line, text) in numbered(&code) {
        let in_test = is_test || tests_begin.is_some_and(|begin| line > begin);
        let banned = IN_CODE.iter().chain(in_test.then_some(&IN_TESTS));
        for (word, instead) in banned.filter(|(word, _)| text.contains(word)) {
            let message = format!("{word}: {instead}");
            findings.push(Finding::new("banned-word", (&file.path, line), message));
        }
    }
    findings
}

fn module_name(file: &SourceFile) -> Option<Finding> {
    let parts: Vec<&str> = file.path.trim_end_matches(".rs").split('/').collect();
    let bad = parts.iter().find(|part| NO_SUBJECT.contains(part))?;
    let message = format!("'{bad}' names no subject: put the code beside its user");
    Some(Finding::new("module-name", (&file.path, 0), message))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, line))
}

fn has_word(text: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        !is_letter(before.chars().next_back()) && !is_letter(after.chars().next())
    })
}

/// Whether the text holds `path` as the beginning of an absolute path, not in the middle of another.
fn begins_path(text: &str, path: &str) -> bool {
    text.match_indices(path).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || "._-}".contains(c))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_rules(path: &str, text: &str, expected: &[&str]) {
        let found: Vec<&str> = check(&Tree::of(&[(path, text)]))
            .iter()
            .map(|f| f.rule)
            .collect();
        assert_eq!(found, expected, "{path}: {text}");
    }

    #[test]
    fn banned_words_are_found() {
        check_rules("a.rs", concat!("// TO", "DO later"), &["banned-word"]);
        check_rules(
            "a.rs",
            concat!("let x = ", "to", "do!();"),
            &["banned-word"],
        );
        check_rules(
            "a.rs",
            concat!("#[ig", "nore = \"slow\"]"),
            &["banned-word"],
        );
        check_rules("a.rs", concat!("let mas", "TO", "DON = 1;"), &[]);
    }

    #[test]
    fn waiting_for_time_is_found_in_tests_only() {
        let waiting = concat!("fn f() { sle", "ep(x) }");
        check_rules("tests/a.rs", waiting, &["banned-word"]);
        check_rules("ledger/a/src/b.rs", waiting, &[]);
        check_rules(
            "ledger/a/src/b.rs",
            &format!("x\n#[cfg(test)]\n{waiting}"),
            &["banned-word"],
        );
    }

    #[test]
    fn names_without_a_subject_and_machine_paths_are_found() {
        check_rules("ledger/a/src/utils.rs", "//! U.", &["module-name"]);
        check_rules(
            "a.md",
            concat!("see /ho", "me/someone/x"),
            &["machine-path"],
        );
        check_rules("a.md", concat!("see council.example/ho", "me/x"), &[]);
    }
}
