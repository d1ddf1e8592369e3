//! Rule: every Rust file opens with `//!`: what it is, what it is not, what always holds.

use crate::finding::Finding;
use crate::tree::Tree;

/// Files whose first line is not a module document.
pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    tree.rust()
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| {
            let message = "open with //!: what this file is, what it is not, what always holds";
            Finding::new("module-doc", (&file.path, 1), message)
        })
        .collect()
}

#[test]
fn a_file_without_a_document_is_found() {
    let tree = Tree::of(&[
        ("a.rs", "use x;\n//! late\n"),
        ("b.rs", "//! B.\n"),
        ("c.md", "hello"),
    ]);
    let found: Vec<String> = check(&tree)
        .into_iter()
        .map(|finding| finding.path)
        .collect();
    assert_eq!(found, ["a.rs"]);
}
