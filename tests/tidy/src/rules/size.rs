//! Rule: files of at most 500 lines (a warning above 400), functions of at most 70. The limits are a
//! ratchet: they only ever move down.

use crate::finding::Finding;
use crate::rust_text::code_only;
use crate::tree::{SourceFile, Tree};

const FILE_LINES_MAX: usize = 500;
const FILE_LINES_WARNED: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;
const COUNTED: [&str; 5] = [".rs", ".py", ".sh", ".go", ".html"];

/// Files and functions that have outgrown their limit.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let files = tree
        .files
        .iter()
        .filter(|file| COUNTED.iter().any(|end| file.path.ends_with(end)));
    let mut findings: Vec<Finding> = files.filter_map(file_length).collect();
    for file in tree.rust() {
        for (name, line, length) in functions(&code_only(&file.text)) {
            if length > FUNCTION_LINES_MAX {
                let message = format!("fn {name} has {length} lines of {FUNCTION_LINES_MAX}");
                findings.push(Finding::new("function-length", (&file.path, line), message));
            }
        }
    }
    findings
}

fn file_length(file: &SourceFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let message = format!("{lines} lines of {FILE_LINES_MAX}: one subject, one file");
    let finding = Finding::new("file-length", (&file.path, 0), message);
    match lines {
        n if n <= FILE_LINES_WARNED => None,
        n if n <= FILE_LINES_MAX => Some(finding.into_warning()),
        _ => Some(finding),
    }
}

/// Name, first line and number of lines of every function with a body. `code` has no literals.
fn functions(code: &str) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let before = code.get(..at).and_then(|text| text.chars().next_back());
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let rest = code.get(at + 3..).unwrap_or_default();
        let name: String = rest
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if let Some(body_end) = body_end(rest).filter(|_| !name.is_empty()) {
            let line = 1 + lines_in(code.get(..at).unwrap_or_default());
            found.push((
                name,
                line,
                1 + lines_in(rest.get(..body_end).unwrap_or_default()),
            ));
        }
    }
    found
}

/// Where the braces that follow a signature close again; none for a declaration that ends in `;`.
fn body_end(signature: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0, 0);
    for (at, c) in signature.char_indices() {
        match c {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn lines_in(text: &str) -> usize {
    text.matches('\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_found_and_a_growing_one_warned_of() {
        let (long, growing) = ("//\n".repeat(501), "//\n".repeat(401));
        let found = check(&Tree::of(&[
            ("a.rs", &long),
            ("b.rs", &growing),
            ("c.rs", "//\n"),
        ]));
        let seen: Vec<_> = found.iter().map(|f| (f.path.as_str(), f.warning)).collect();
        assert_eq!(seen, [("a.rs", false), ("b.rs", true)]);
    }

    #[test]
    fn a_long_function_is_found_whatever_its_strings_hold() {
        let body = "    f(\"}\"); // }\n".repeat(69);
        let text =
            format!("trait T {{ fn no(x: [u8; 3]); }}\nfn fits() {{\n}}\nfn long() {{\n{body}}}\n");
        let found = check(&Tree::of(&[("a.rs", &text)]));
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].rule, found[0].line), ("function-length", 4));
        assert!(found[0].message.contains("fn long has 71 lines"));
    }
}
