//! Rows of sequenced groups that are not absorbed yet, laid over the shelves for every lookup.
//!
//! Not here: service rows (in force in `service`). Always: what is here is also in the journal, or will never be acknowledged;
//! a lookup asks here first and the store second, so that an absorption between the two hides nothing.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ground::{RandomMap, RandomSet};
use proto::ids::StreamId;

use crate::reader::{pair, set_pair};
use crate::rows::{FindingHash, IndexKind, MentionPlace, PersonRef, Row, StreamPlace};

/// The rows of one group.
pub(crate) struct PendingGroup {
    pub(crate) group: u64,
    pub(crate) rows: Vec<Arc<Row>>,
}

/// The pending rows, by what they are looked up by.
#[derive(Default)]
pub(crate) struct Overlay {
    groups: VecDeque<PendingGroup>,
    rows: usize,
    persons: RandomMap<[u8; 16], Vec<Arc<Row>>>,
    cases: RandomMap<StreamId, Arc<Row>>,
    places: RandomMap<StreamId, StreamPlace>,
    aliases: RandomMap<FindingHash, Vec<(PersonRef, StreamId)>>,
    index: RandomMap<(IndexKind, FindingHash), Vec<(PersonRef, StreamId)>>,
    justified: RandomSet<[u8; 16]>,
    mentions: BTreeMap<MentionPlace, PersonRef>,
    suppression: RandomMap<FindingHash, Vec<Arc<Row>>>,
}

impl Overlay {
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    pub(crate) fn groups_through(&self, group: u64) -> impl Iterator<Item = &PendingGroup> {
        self.groups
            .iter()
            .take_while(move |pending| pending.group <= group)
    }

    pub(crate) fn add(&mut self, group: PendingGroup) {
        self.rows += group.rows.len();
        for row in &group.rows {
            self.lay(row);
        }
        self.groups.push_back(group);
    }

    /// Forgets the groups that the shelves have, and gives back what is to be freed.
    pub(crate) fn drop_through(&mut self, group: u64) -> Overlay {
        let mut before = std::mem::take(self);
        let split = before
            .groups
            .partition_point(|pending| pending.group <= group);
        for pending in before.groups.split_off(split) {
            self.add(pending);
        }
        before
    }

    fn lay(&mut self, row: &Arc<Row>) {
        match row.as_ref() {
            Row::Stream { stream, given, .. } => {
                self.justified.insert(set_pair(*given, *stream));
            }
            Row::Alias { hash, stream, .. } | Row::Index { hash, stream, .. } => {
                self.justified.insert(pair(hash, *stream));
            }
            _ => {}
        }
        match row.as_ref() {
            Row::Person { person, .. }
            | Row::Stream { person, .. }
            | Row::CasePointer { person, .. }
            | Row::Mention { person, .. }
            | Row::PersonLink { person, .. }
            | Row::FenceMark { person, .. } => {
                self.persons
                    .entry(person.person)
                    .or_default()
                    .push(row.clone());
            }
            Row::CaseStream { stream, .. } => _ = self.cases.insert(*stream, row.clone()),
            Row::StreamShelf { stream, place } => _ = self.places.insert(*stream, *place),
            Row::Alias {
                hash,
                person,
                stream,
            } => {
                self.aliases
                    .entry(*hash)
                    .or_default()
                    .push((*person, *stream));
            }
            Row::Index {
                kind,
                hash,
                person,
                stream,
            } => {
                self.index
                    .entry((*kind, *hash))
                    .or_default()
                    .push((*person, *stream));
            }
            Row::MentionShelf { mention, person } => {
                self.mentions.insert(*mention, *person);
            }
            Row::SuppressionToken { token, .. } => {
                self.suppression
                    .entry(*token)
                    .or_default()
                    .push(row.clone());
            }
            _ => {}
        }
    }

    pub(crate) fn person(&self, person: &PersonRef) -> &[Arc<Row>] {
        self.persons.get(&person.person).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn is_marked(&self, person: &PersonRef) -> bool {
        let marks = |row: &Arc<Row>| matches!(row.as_ref(), Row::FenceMark { .. });
        self.person(person).iter().any(marks)
    }

    pub(crate) fn case(&self, stream: StreamId) -> Option<Arc<Row>> {
        self.cases.get(&stream).cloned()
    }

    pub(crate) fn place(&self, stream: StreamId) -> Option<StreamPlace> {
        self.places.get(&stream).copied()
    }

    pub(crate) fn alias(&self, hash: &FindingHash) -> &[(PersonRef, StreamId)] {
        self.aliases.get(hash).map_or(&[], Vec::as_slice)
    }

    /// Whether a hash, or a whole set, is justified by a stream: see `reader::pair`.
    pub(crate) fn justifies(&self, pair: &[u8; 16]) -> bool {
        self.justified.contains(pair)
    }

    pub(crate) fn index(&self, kind: IndexKind, hash: FindingHash) -> &[(PersonRef, StreamId)] {
        self.index.get(&(kind, hash)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn mention(&self, mention: &MentionPlace) -> Option<PersonRef> {
        self.mentions.get(mention).copied()
    }

    pub(crate) fn suppression(&self, token: &FindingHash) -> &[Arc<Row>] {
        self.suppression.get(token).map_or(&[], Vec::as_slice)
    }
}
