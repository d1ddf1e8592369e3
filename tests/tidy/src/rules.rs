//! The rules, one file each, and the order in which they are printed.

mod citations;
mod dependencies;
mod documents;
mod floors;
mod module_doc;
mod rooms;
mod runbooks;
mod size;
mod words;

use crate::finding::Finding;
use crate::tree::Tree;

/// Every rule that needs nothing but the text of the checkout.
pub(crate) fn check_text(tree: &Tree) -> Vec<Finding> {
    let rules: [fn(&Tree) -> Vec<Finding>; 8] = [
        module_doc::check,
        size::check,
        words::check,
        floors::check,
        rooms::check,
        documents::check,
        citations::check,
        runbooks::check,
    ];
    rules.iter().flat_map(|rule| rule(tree)).collect()
}

/// Licences, bans and sources of the dependency tree, as cargo resolves it.
pub(crate) fn check_dependencies(tree: &Tree) -> Vec<Finding> {
    dependencies::check(tree)
}
