//! Rule: a code that stops an operator has its page. Whatever names `deploy/runbooks/CODE.md` finds it, every code of an error whose `code`
//! is that of its runbook has one, each page says what it means, what to check and what to run, and no page is of a code that nothing has.

use std::collections::BTreeSet;

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};

const FOLDER: &str = "deploy/runbooks/";
/// The doc comment of a function that maps errors to codes.
const MARK: &str = "The code of its runbook";
const PARTS: [&str; 3] = [
    "**What it means.**",
    "**What to check.**",
    "**What to run.**",
];

/// Codes without a page, pages without a part, pages without a code.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut named = BTreeSet::new();
    let sources = tree.files.iter().filter(|file| file.path.ends_with(".rs"));
    for file in sources.filter(|file| !file.path.starts_with("tests/tidy/")) {
        for (line, code) in codes(file) {
            if !tree.has(&format!("{FOLDER}{code}.md")) {
                let message = format!("{code} has no {FOLDER}{code}.md");
                findings.push(Finding::new("runbooks", (&file.path, line), message));
            }
            named.insert(code);
        }
    }
    let pages = tree
        .files
        .iter()
        .filter(|file| file.path.starts_with(FOLDER));
    for page in pages.filter(|page| page.path.ends_with(".md")) {
        let code = page.path.trim_start_matches(FOLDER).trim_end_matches(".md");
        if !named.contains(code) {
            let message = format!("no error has the code {code}");
            findings.push(Finding::new("runbooks", (&page.path, 1), message));
        }
        for part in PARTS.into_iter().filter(|part| !page.text.contains(part)) {
            let message = format!("{part} is missing");
            findings.push(Finding::new("runbooks", (&page.path, 1), message));
        }
    }
    findings
}

/// The codes that a file gives, with their lines.
fn codes(file: &SourceFile) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut mapping = false;
    for (number, line) in file.text.lines().enumerate() {
        for rest in line.split(FOLDER).skip(1) {
            let name = rest.split(".md").next().unwrap_or_default();
            found.extend(is_code(name).then(|| (number + 1, name.to_owned())));
        }
        // From its doc comment to the brace that closes the function.
        mapping = (mapping || line.contains(MARK)) && line != "    }";
        if mapping {
            let quoted = line.split('"').skip(1).step_by(2);
            let quoted = quoted.filter(|text| is_code(text));
            found.extend(quoted.map(|text| (number + 1, text.to_owned())));
        }
    }
    found
}

fn is_code(text: &str) -> bool {
    text.len() > 3
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

#[test]
fn codes_without_a_page_and_pages_without_a_code_are_found() {
    let tree = Tree::of(&[
        (
            "ledger/a/src/error.rs",
            "    /// The code of its runbook.\n    pub fn code(&self) -> &str {\n        \"DISK_GONE\"\n    }\n    // \"NO_CODE\"\n",
        ),
        (
            "ledger/a/src/lib.rs",
            "// see deploy/runbooks/OTHER_CODE.md\n",
        ),
        (
            "deploy/runbooks/OTHER_CODE.md",
            "**What it means.** **What to check.** **What to run.**",
        ),
        (
            "deploy/runbooks/OLD_CODE.md",
            "**What it means.** **What to run.**",
        ),
    ]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    let expected = [
        "DISK_GONE has no deploy/runbooks/DISK_GONE.md",
        "no error has the code OLD_CODE",
        "**What to check.** is missing",
    ];
    assert_eq!(found, expected);
}
