//! D1: a closed group becomes durable; only then is its note signed and anyone answered.
//!
//! Not here: what is in the group ([`crate::sequence`]). Always: after one failed write or sync nothing is acknowledged any more;
//! what became of that group is decided by recovery at the next start (C-2).

use std::sync::Arc;

use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::note::SigningKey;
use chain::tree::Levels;
use journal::{SegmentPreparer, Writer};
use proto::{ChainNumber, Hash, Index, Origin, UnixMillis};

use crate::engine::Receipt;
use crate::error::IntakeError;
use crate::sequence::{Closed, Placed};

/// Whose ledger this is; in every foil.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Name {
    /// The ledger's origin.
    pub origin: Origin,
    /// The chain.
    pub chain: ChainNumber,
}

/// A durable group with its signed note: all that its foils are made of.
pub struct DurableGroup {
    name: Name,
    /// Index of the first event.
    pub first: Index,
    note: String,
    tree: Levels,
    placed: Vec<Placed>,
}

impl DurableGroup {
    /// The receipt of the event at this position in the group.
    pub fn receipt(&self, position: usize) -> Option<Receipt> {
        let placed = self.placed.get(position)?;
        let place = position as u64;
        Some(Receipt {
            index: Index(self.first.0 + place),
            foil: Foil {
                origin: self.name.origin.clone(),
                chain: self.name.chain,
                link: placed.link,
                record: placed.record.clone(),
                salt: placed.salt,
                path: self.tree.path(place),
                note: self.note.clone(),
            },
        })
    }

    /// How many events it holds.
    pub fn count(&self) -> usize {
        self.placed.len()
    }
}

/// The writing side: one thread owns it.
pub struct Appender {
    writer: Writer,
    name: Name,
    key: SigningKey,
}

impl Appender {
    /// Appends through this writer, signing foil notes with this key.
    pub fn new(writer: Writer, name: Name, key: SigningKey) -> Appender {
        Appender { writer, name, key }
    }

    /// Makes a group durable (D1), then signs its note.
    ///
    /// # Errors
    /// Any error is final: the process stops acknowledging.
    pub fn append(&mut self, closed: Closed) -> Result<Arc<DurableGroup>, IntakeError> {
        let Closed {
            prepared,
            first,
            time,
            leaves,
            placed,
        } = closed;
        // D1. A crash before the sync returns leaves a torn tail or a whole group that nobody was told of.
        self.writer.commit(prepared)?;
        let (count, tree) = (leaves.len() as u64, Levels::of(leaves));
        let group = GroupLinks {
            first,
            count,
            root: tree.root(),
            time,
        };
        let note = sign_note(&self.name, &self.key, group)?;
        Ok(Arc::new(DurableGroup {
            name: self.name.clone(),
            first,
            note,
            tree,
            placed,
        }))
    }

    /// Lays out the next segment from another thread, while nobody waits.
    pub fn preparer(&self) -> SegmentPreparer {
        self.writer.preparer()
    }
}

/// What a group's note says of its links.
#[derive(Clone, Copy, Debug)]
pub struct GroupLinks {
    /// Index of the first.
    pub first: Index,
    /// How many.
    pub count: u64,
    /// RFC 6962 root over them.
    pub root: Hash,
    /// Time in the group's header.
    pub time: UnixMillis,
}

/// The signed note of a group: deterministic, so that asked again it is the same.
///
/// # Errors
/// The chain's, for a statement that could not be read again.
pub fn sign_note(name: &Name, key: &SigningKey, group: GroupLinks) -> Result<String, IntakeError> {
    let note = FoilNote {
        key_name: foil_key_name(&name.origin, name.chain),
        first: group.first,
        count: group.count,
        root: group.root,
        time: group.time,
    };
    Ok(note.sign(key)?)
}
