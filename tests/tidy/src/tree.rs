//! The checkout as text: every file's path and content, read once. Not git: a source archive is judged
//! like a clone. Folders named `target` and `.git` are never entered; what is not UTF-8 is left out.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// One file of the checkout.
#[derive(Debug)]
pub(crate) struct SourceFile {
    /// Path from the root, with forward slashes.
    pub(crate) path: String,
    /// The whole text.
    pub(crate) text: String,
}

/// All files under one root, sorted by path, and the names that lie in the root itself.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    pub(crate) files: Vec<SourceFile>,
    pub(crate) root_entries: Vec<String>,
}

/// Folders that hold nothing of ours.
const NEVER_ENTERED: [&str; 2] = ["target", ".git"];

impl Tree {
    /// Reads the checkout at `root`. Errors are those of the file system.
    pub(crate) fn read(root: &Path) -> io::Result<Tree> {
        let mut tree = Tree {
            root: root.to_path_buf(),
            ..Tree::default()
        };
        for entry in fs::read_dir(root)? {
            tree.root_entries
                .push(entry?.file_name().to_string_lossy().into_owned());
        }
        tree.root_entries.sort();
        read_folder(root, "", &mut tree.files)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    /// The Rust files.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// The file at exactly this path.
    pub(crate) fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder of this path is in the checkout.
    pub(crate) fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        self.files
            .iter()
            .any(|file| file.path == path || file.path.starts_with(&folder))
    }

    /// A tree made of the given paths and texts, for the rules' own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let files: Vec<SourceFile> = files
            .iter()
            .map(|(path, text)| SourceFile {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let mut root_entries: Vec<String> = files
            .iter()
            .map(|file| file.path.split('/').next().unwrap_or_default().to_owned())
            .collect();
        root_entries.sort();
        root_entries.dedup();
        Tree {
            root: PathBuf::new(),
            files,
            root_entries,
        }
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Vec<SourceFile>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}/{name}")
        };
        let kind = entry.file_type()?;
        if kind.is_dir() && !NEVER_ENTERED.contains(&name.as_str()) {
            read_folder(&entry.path(), &path, files)?;
        } else if kind.is_file()
            && let Ok(text) = fs::read_to_string(entry.path())
        {
            files.push(SourceFile { path, text });
        }
    }
    Ok(())
}
