//! The names of one simulated directory, twice: what is seen and what the device has.
//!
//! Not contents. Always: the two differ only by changes that await a sync of this directory; a rename within it arrives whole or not at all.

use std::collections::BTreeMap;

use crate::SeededRandom;

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Node {
    File(u64),
    Directory(u64),
}

#[derive(Clone)]
enum Change {
    Set(String, Node),
    Unset(String),
    Move {
        from: String,
        to: String,
        node: Node,
    },
}

#[derive(Clone, Default)]
pub(super) struct Names {
    now: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    pending: Vec<Change>,
}

impl Names {
    pub(super) fn get(&self, name: &str) -> Option<Node> {
        self.now.get(name).copied()
    }

    pub(super) fn all(&self) -> Vec<String> {
        self.now.keys().cloned().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (&String, Node)> {
        self.now.iter().map(|(name, node)| (name, *node))
    }

    pub(super) fn set(&mut self, name: &str, node: Node) {
        self.change(Change::Set(name.to_owned(), node));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.change(Change::Unset(name.to_owned()));
    }

    pub(super) fn rename(&mut self, from: &str, to: &str, node: Node) {
        self.change(Change::Move {
            from: from.to_owned(),
            to: to.to_owned(),
            node,
        });
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.now, &change);
        self.pending.push(change);
    }

    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.now);
        self.pending.clear();
    }

    /// Any of the unsynced changes arrive; the rest never happened.
    pub(super) fn power_cut(&mut self, random: &SeededRandom, arrives_per_thousand: u64) {
        for change in std::mem::take(&mut self.pending) {
            if random.chance(arrives_per_thousand) {
                apply(&mut self.durable, &change);
            }
        }
        self.now.clone_from(&self.durable);
    }
}

fn apply(names: &mut BTreeMap<String, Node>, change: &Change) {
    match change {
        Change::Set(name, node) => _ = names.insert(name.clone(), *node),
        Change::Unset(name) => _ = names.remove(name),
        Change::Move { from, to, node } => {
            names.remove(from);
            names.insert(to.clone(), *node);
        }
    }
}
