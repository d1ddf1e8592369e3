//! What each call does to the names of the simulated machine: finding, creating, renaming, removing, syncing a directory.
//!
//! Not contents. Always: a change of names counts as an operation and is a crash point; finding one is not.

use std::io;
use std::path::{Component, Path};

use super::content::Content;
use super::names::{Names, Node};
use super::schedule::Call;
use super::world::{Fate, ROOT, World, down};
use crate::Site;

impl World {
    pub(super) fn node(&self, path: &Path) -> io::Result<Option<Node>> {
        let mut node = Node::Directory(ROOT);
        for name in parts(path)? {
            let Node::Directory(id) = node else {
                return Err(io::ErrorKind::NotADirectory.into());
            };
            match self.names(id)?.get(name) {
                Some(next) => node = next,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    fn names(&self, id: u64) -> io::Result<&Names> {
        self.directories
            .get(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn names_mut(&mut self, id: u64) -> io::Result<&mut Names> {
        self.directories
            .get_mut(&id)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn directory(&self, path: &Path) -> io::Result<u64> {
        match self.node(path)? {
            Some(Node::Directory(id)) => Ok(id),
            Some(Node::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<u64> {
        match self.node(path)? {
            Some(Node::File(id)) => Ok(id),
            Some(Node::Directory(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn exists(&self, path: &Path) -> io::Result<bool> {
        self.alive(self.incarnation)?;
        Ok(self.node(path)?.is_some())
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        self.alive(self.incarnation)?;
        Ok(self.names(self.directory(path)?)?.all())
    }

    /// Every file that has a name, with its path.
    pub(super) fn named_files(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        let mut open = vec![(String::new(), ROOT)];
        while let Some((path, id)) = open.pop() {
            for (name, node) in self
                .directories
                .get(&id)
                .into_iter()
                .flat_map(Names::entries)
            {
                match node {
                    Node::File(file) => found.push((format!("{path}/{name}"), file)),
                    Node::Directory(directory) => open.push((format!("{path}/{name}"), directory)),
                }
            }
        }
        found.sort_unstable();
        found
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<()> {
        let mut at = ROOT;
        for name in parts(path)? {
            match self.names(at)?.get(name) {
                Some(Node::Directory(id)) => at = id,
                Some(Node::File(_)) => return Err(io::ErrorKind::NotADirectory.into()),
                None => {
                    let fate = self.begin(
                        Call {
                            name: "create_dir",
                            target: at,
                            offset: 0,
                            length: 0,
                        },
                        name.as_bytes(),
                    )?;
                    let id = self.new_node();
                    self.directories.insert(id, Names::default());
                    self.changed(fate, at, |names| names.set(name, Node::Directory(id)))?;
                    at = id;
                }
            }
        }
        self.alive(self.incarnation)
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<u64> {
        let (parent, name) = self.place(path)?;
        if self.names(parent)?.get(name).is_some() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let fate = self.begin(
            Call {
                name: "create",
                target: parent,
                offset: 0,
                length: 0,
            },
            name.as_bytes(),
        )?;
        let id = self.new_node();
        self.files.insert(id, Content::new());
        self.changed(fate, parent, |names| names.set(name, Node::File(id)))?;
        Ok(id)
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = Node::File(self.file(from)?);
        let ((source, old), (target, new)) = (self.place(from)?, self.place(to)?);
        if let Some(Node::Directory(_)) = self.names(target)?.get(new) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let fate = self.begin(
            Call {
                name: "rename",
                target: source,
                offset: target,
                length: 0,
            },
            new.as_bytes(),
        )?;
        if source == target {
            return self.changed(fate, source, |names| names.rename(old, new, node));
        }
        // Across directories the two sides arrive independently, so a file may end with two names or none.
        self.changed(Fate::Lives, target, |names| names.set(new, node))?;
        self.changed(fate, source, |names| names.unset(old))
    }

    pub(super) fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.file(path)?;
        let (parent, name) = self.place(path)?;
        let fate = self.begin(
            Call {
                name: "remove",
                target: parent,
                offset: 0,
                length: 0,
            },
            name.as_bytes(),
        )?;
        self.changed(fate, parent, |names| names.unset(name))
    }

    /// Makes one change of names, or stops the machine before or after it.
    fn changed(
        &mut self,
        fate: Fate,
        directory: u64,
        change: impl FnOnce(&mut Names),
    ) -> io::Result<()> {
        if fate == Fate::Lives || self.random.chance(500) {
            change(self.names_mut(directory)?);
        }
        if fate == Fate::Dies {
            Err(down())
        } else {
            Ok(())
        }
    }

    pub(super) fn sync_dir(&mut self, path: &Path, site: Site) -> io::Result<()> {
        let id = self.directory(path)?;
        let fate = self.begin(
            Call {
                name: site.0,
                target: id,
                offset: 0,
                length: 0,
            },
            b"sync_dir",
        )?;
        let is_dropped = self.schedule.tally(site);
        self.schedule.mix(u64::from(is_dropped));
        if self.schedule.sync_fails(site) {
            return Err(rustix::io::Errno::IO.into());
        }
        if !is_dropped && (fate == Fate::Lives || self.random.chance(500)) {
            self.names_mut(id)?.sync();
        }
        if fate == Fate::Dies {
            Err(down())
        } else {
            Ok(())
        }
    }

    fn place<'a>(&self, path: &'a Path) -> io::Result<(u64, &'a str)> {
        let name = parts(path)?
            .last()
            .copied()
            .ok_or(io::ErrorKind::InvalidInput)?;
        Ok((
            self.directory(path.parent().unwrap_or(Path::new("/")))?,
            name,
        ))
    }

    pub(super) fn new_node(&mut self) -> u64 {
        self.next_node += 1;
        self.next_node
    }
}

/// The names along a path, from the root; `.` is skipped and `..` refused.
fn parts(path: &Path) -> io::Result<Vec<&str>> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => {
                names.push(name.to_str().ok_or(io::ErrorKind::InvalidInput)?)
            }
            Component::RootDir | Component::CurDir => {}
            Component::ParentDir | Component::Prefix(_) => {
                return Err(io::ErrorKind::InvalidInput.into());
            }
        }
    }
    Ok(names)
}
