//! Rule: an id that a file cites exists. Invariants (C-3, S-1) are those of ARCHITECTURE.md; clauses are
//! WL-01 to WL-52 and CL-01 to CL-119, the rows that were read out of the two councils' notices. And an
//! invariant that this version claims is cited by code somewhere, or nobody guards it.

use crate::finding::Finding;
use crate::tree::{SourceFile, Tree};

/// Family and how many invariants it has.
const INVARIANTS: [(&str, u32); 6] = [("C", 5), ("S", 3), ("U", 1), ("P", 3), ("R", 1), ("A", 1)];
const CLAUSES: [(&str, u32); 2] = [("WL", 52), ("CL", 119)];

/// Longer numbers are not ids of ours: C-1004417 is an invented customer.
const DIGITS_MAX: usize = 3;

/// Invariants whose work has not begun: erasure (S-2, U-1) and deadlines.
const NOT_YET_GUARDED: [&str; 3] = ["S-2", "U-1", "R-1"];

/// Citations of what does not exist, and invariants that nothing cites.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> = tree
        .files
        .iter()
        .filter(|file| {
            [".rs", ".md", ".proto"]
                .iter()
                .any(|end| file.path.ends_with(end))
        })
        .flat_map(unknown_ids)
        .collect();
    if tree.has("ledger") {
        findings.extend(unguarded(tree));
    }
    findings
}

fn unknown_ids(file: &SourceFile) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for (family, digits) in cited(line) {
            let known = INVARIANTS
                .iter()
                .chain(&CLAUSES)
                .find(|(name, _)| *name == family);
            let Some((_, most)) = known else { continue };
            let is_clause = CLAUSES.iter().any(|(name, _)| *name == family);
            if digits.len() > DIGITS_MAX {
                continue; // somebody's customer number
            }
            let width_fits = if is_clause {
                digits.len() >= 2
            } else {
                !digits.starts_with('0')
            };
            let exists = digits
                .parse::<u32>()
                .is_ok_and(|n| (1..=*most).contains(&n));
            if !(exists && width_fits) {
                let message = format!("{family}-{digits} is no id of ours");
                findings.push(Finding::new("citations", (&file.path, number + 1), message));
            }
        }
    }
    findings
}

/// Every `LETTERS-DIGITS` of the line that stands alone: letters of one of our families, a hyphen, digits.
fn cited(line: &str) -> Vec<(&str, &str)> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    line.split(|c: char| !is_part(c))
        .filter_map(|word| word.split_once('-'))
        .filter(|(family, _)| !family.is_empty() && family.chars().all(|c| c.is_ascii_uppercase()))
        .filter(|(_, digits)| !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit()))
        .collect()
}

fn unguarded(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (family, most) in INVARIANTS {
        for number in 1..=most {
            let id = format!("{family}-{number}");
            let is_cited = |file: &SourceFile| {
                !file.path.starts_with("tests/tidy/")
                    && file
                        .text
                        .lines()
                        .flat_map(cited)
                        .any(|(f, n)| format!("{f}-{n}") == id)
            };
            if !NOT_YET_GUARDED.contains(&id.as_str()) && !tree.rust().any(is_cited) {
                let message = format!("no code or test cites {id}: who guards it?");
                findings.push(Finding::new("citations", ("ARCHITECTURE.md", 0), message));
            }
        }
    }
    findings
}

#[test]
fn unknown_ids_and_unguarded_invariants_are_found() {
    let all = "//! C-1 C-2, (C-3) C-4 S-1 S-3 P-1 P-2 P-3 A-1 WL-52 CL-119 UTF-8 C-1004417\n";
    let bad = format!(
        "{} {} {}",
        concat!("C-", "6"),
        concat!("WL-", "53"),
        concat!("CL-", "7")
    );
    let tree = Tree::of(&[("ledger/a.rs", all), ("b.md", &bad)]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    let gone = |family: &str, n: &str| format!("{family}-{n} is no id of ours");
    let expected = [
        gone("C", "6"),
        gone("WL", "53"),
        gone("CL", "7"),
        "no code or test cites C-5: who guards it?".to_owned(),
    ];
    assert_eq!(found, expected);
}
