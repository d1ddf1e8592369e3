//! What the sequencer minted or numbered lately, in memory, so that it needs no disk to put events in order.
//!
//! Two generations: `active` takes everything new; `previous` is the one before. A resolve that began at most one
//! generation ago plus these two generations see everything there is. An older resolve is *stale* and is done again.
//! Not here: durable state. All of it is found again by reading the journal from where the derived files end.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ground::{RandomMap, RandomSet};
use proto::{ActivityCode, IdTag, Index, NumberInStream, PartyCode, StreamId};
use vault::{FindingHash, PersonRef, StreamKeys};

/// Events a generation takes before it is frozen.
pub const GENERATION_EVENTS_MAX: usize = 32_768;

/// The last record of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Head {
    /// Number of the stream's last event.
    pub number: NumberInStream,
    /// Its index in the chain.
    pub last: Index,
}

/// A person's stream, named by what makes it one: person, activity, outside party.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct StreamName {
    /// Whose stream.
    pub person: PersonRef,
    /// Which activity.
    pub activity: ActivityCode,
    /// Which outside party.
    pub party: PartyCode,
}

/// One generation of things that the derived files do not have yet.
#[derive(Default)]
pub struct Generation {
    /// Repeat tags of recorded events.
    pub ids: RandomMap<IdTag, Index>,
    /// Heads of streams that got an event.
    pub heads: RandomMap<StreamId, Head>,
    /// Index after the generation's last event.
    pub end: u64,
    people: RandomMap<FindingHash, PersonRef>,
    minted: RandomSet<PersonRef>,
    cases: RandomMap<FindingHash, (PersonRef, StreamKeys)>,
    streams: HashMap<StreamName, StreamKeys>,
    justified: RandomSet<(FindingHash, StreamId)>,
}

impl Generation {
    /// Room for so many events, so that no map grows while events wait.
    fn with_room(events: usize) -> Generation {
        let mut generation = Generation::default();
        generation.ids.reserve(events);
        generation.heads.reserve(events);
        generation
    }
}

/// The frozen generations that are not in a run file yet, shared with resolvers. Oldest first.
#[derive(Default)]
pub struct Frozen {
    list: RwLock<Vec<Arc<Generation>>>,
    epoch: AtomicU64,
}

impl Frozen {
    /// How many generations were frozen so far. Read it before looking anything up.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::SeqCst)
    }

    /// The generations waiting for a run file.
    pub fn list(&self) -> Vec<Arc<Generation>> {
        self.list
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Looks in the waiting generations, newest first.
    pub fn find<T>(&self, look: impl Fn(&Generation) -> Option<T>) -> Option<T> {
        let list = self.list.read().unwrap_or_else(PoisonError::into_inner);
        list.iter().rev().find_map(|generation| look(generation))
    }

    /// Drops generations that a published run file now covers: those that end at or below `end`.
    pub fn drop_through(&self, end: u64) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.retain(|generation| generation.end > end);
    }

    fn push(&self, generation: Arc<Generation>) {
        let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
        list.push(generation);
        self.epoch.fetch_add(1, Ordering::SeqCst);
    }
}

/// The sequencer's own memory. One owner, no lock.
pub struct Recent {
    active: Generation,
    previous: Arc<Generation>,
    frozen: Arc<Frozen>,
    events_max: usize,
}

impl Recent {
    /// An empty memory that freezes into `frozen` every `events_max` events.
    pub fn new(frozen: Arc<Frozen>, events_max: usize) -> Recent {
        Recent {
            active: Generation::with_room(events_max),
            previous: Arc::new(Generation::default()),
            frozen,
            events_max,
        }
    }

    /// True where a look-up that began at `epoch` may have missed something this memory no longer has.
    pub fn is_stale(&self, epoch: u64) -> bool {
        self.frozen.epoch() > epoch + 1
    }

    /// Notes a recorded event.
    pub fn record(&mut self, idtag: IdTag, stream: StreamId, head: Head) {
        self.active.ids.insert(idtag, head.last);
        self.active.heads.insert(stream, head);
        self.active.end = head.last.0 + 1;
    }

    /// Notes a recorded event whose record is gone: only that its id was used.
    pub fn record_id(&mut self, idtag: IdTag, index: Index) {
        self.active.ids.insert(idtag, index);
        self.active.end = index.0 + 1;
    }

    /// Notes whom an alias now names.
    pub fn note_person(&mut self, alias: FindingHash, person: PersonRef) {
        self.active.people.insert(alias, person);
    }

    /// Notes a person minted: every stream that has their name was minted later, and is remembered as long as they are.
    pub fn note_minted(&mut self, person: PersonRef) {
        self.active.minted.insert(person);
    }

    /// Whether the person was minted so lately that all their streams are here.
    pub fn has_all_streams_of(&self, person: &PersonRef) -> bool {
        self.look(|generation| generation.minted.get(person).copied())
            .is_some()
    }

    /// Notes the stream of a case reference.
    pub fn note_case(&mut self, case: FindingHash, person: PersonRef, keys: StreamKeys) {
        self.active.cases.insert(case, (person, keys));
    }

    /// Notes a minted stream.
    pub fn note_stream(&mut self, name: StreamName, keys: StreamKeys) {
        self.active.streams.insert(name, keys);
    }

    /// Notes that rows were staged which justify this alias or value by this stream.
    pub fn note_justified(&mut self, hash: FindingHash, stream: StreamId) {
        self.active.justified.insert((hash, stream));
    }

    /// Whether such rows were staged lately.
    pub fn justifies(&self, hash: &FindingHash, stream: StreamId) -> bool {
        self.look(|generation| generation.justified.get(&(*hash, stream)).copied())
            .is_some()
    }

    /// The index recorded under this tag lately.
    pub fn index_of(&self, idtag: &IdTag) -> Option<Index> {
        self.look(|generation| generation.ids.get(idtag).copied())
    }

    /// The head of this stream, if it got an event lately.
    pub fn head_of(&self, stream: &StreamId) -> Option<Head> {
        self.look(|generation| generation.heads.get(stream).copied())
    }

    /// The person minted for this alias lately.
    pub fn person_of(&self, alias: &FindingHash) -> Option<PersonRef> {
        self.look(|generation| generation.people.get(alias).copied())
    }

    /// The case stream minted for this reference lately.
    pub fn case_of(&self, case: &FindingHash) -> Option<(PersonRef, StreamKeys)> {
        self.look(|generation| generation.cases.get(case).cloned())
    }

    /// The stream minted under this name lately.
    pub fn stream_of(&self, name: &StreamName) -> Option<StreamKeys> {
        self.look(|generation| generation.streams.get(name).cloned())
    }

    /// Freezes the active generation once it is full. Called between groups, after the group's rows were staged.
    pub fn freeze_if_full(&mut self) {
        if self.active.ids.len() >= self.events_max {
            self.freeze();
        }
    }

    /// Freezes the active generation whatever it holds.
    pub fn freeze(&mut self) {
        let next = Generation::with_room(self.events_max);
        let full = Arc::new(std::mem::replace(&mut self.active, next));
        self.active.end = full.end;
        self.previous = full.clone();
        self.frozen.push(full);
    }

    fn look<T>(&self, look: impl Fn(&Generation) -> Option<T>) -> Option<T> {
        look(&self.active).or_else(|| look(&self.previous))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(number: u64, last: u64) -> Head {
        Head {
            number: NumberInStream(number),
            last: Index(last),
        }
    }

    #[test]
    fn two_generations_are_seen_and_a_third_makes_old_lookups_stale() {
        let frozen = Arc::new(Frozen::default());
        let mut recent = Recent::new(frozen.clone(), 2);
        let began = frozen.epoch();
        for number in 0..6_u8 {
            recent.record(
                IdTag([number; 16]),
                StreamId([number; 16]),
                head(0, u64::from(number)),
            );
            recent.freeze_if_full();
        }
        assert!(recent.is_stale(began));
        assert_eq!(recent.index_of(&IdTag([0; 16])), None);
        assert_eq!(recent.index_of(&IdTag([5; 16])), Some(Index(5)));
        let tag = IdTag([0; 16]);
        assert_eq!(frozen.find(|g| g.ids.get(&tag).copied()), Some(Index(0)));
        frozen.drop_through(4);
        assert_eq!(frozen.find(|g| g.ids.get(&tag).copied()), None);
        assert_eq!(frozen.list().len(), 1);
    }
}
