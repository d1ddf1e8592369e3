//! D1: a closed group becomes durable; only then is its note signed and anyone answered.
//!
//! Not here: what is in the group ([`crate::sequence`]). Always: after one failed write or sync nothing is acknowledged any more;
//! what became of that group is decided by recovery at the next start (C-2).

use std::borrow::Cow;
use std::sync::Arc;

use chain::foil::{Foil, FoilNote, foil_key_name};
use chain::link::LinkBytes;
use chain::note::SigningKey;
use chain::tree::Levels;
use journal::{SegmentPreparer, Writer};
use proto::{ChainNumber, Hash, Index, Origin, UnixMillis};

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
    pub(crate) fn placed(&self, position: usize) -> Option<&Placed> {
        self.placed.get(position)
    }

    /// The foil of the event at this position in the group.
    pub(crate) fn shown(&self, position: usize) -> Option<ShownFoil<'_>> {
        let placed = self.placed(position)?;
        Some(ShownFoil {
            origin: &self.name.origin,
            chain: self.name.chain,
            link: &placed.link,
            record: &placed.record,
            salt: &placed.salt,
            path: Cow::Owned(self.tree.path(position as u64)),
            note: &self.note,
        })
    }

    /// How many events it holds.
    pub fn count(&self) -> usize {
        self.placed.len()
    }
}

/// A foil whose parts still lie in their group: what an answer is written from.
pub(crate) struct ShownFoil<'a> {
    pub(crate) origin: &'a Origin,
    pub(crate) chain: ChainNumber,
    pub(crate) link: &'a LinkBytes,
    pub(crate) record: &'a [u8],
    pub(crate) salt: &'a [u8; 32],
    pub(crate) path: Cow<'a, [Hash]>,
    pub(crate) note: &'a str,
}

impl<'a> ShownFoil<'a> {
    /// Lends the parts of a foil.
    pub(crate) fn of(foil: &'a Foil) -> ShownFoil<'a> {
        ShownFoil {
            origin: &foil.origin,
            chain: foil.chain,
            link: &foil.link,
            record: &foil.record,
            salt: &foil.salt,
            path: Cow::Borrowed(&foil.path),
            note: &foil.note,
        }
    }

    /// The foil, in one piece.
    pub(crate) fn to_foil(&self) -> Foil {
        Foil {
            origin: self.origin.clone(),
            chain: self.chain,
            link: *self.link,
            record: self.record.to_vec(),
            salt: *self.salt,
            path: self.path.to_vec(),
            note: self.note.to_owned(),
        }
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
