//! Minting: new persons, streams, case streams and mention secrets for one event, as rows for the group's vault section.
//!
//! Not here: whether something must be minted (the sequencer knows). Always: every secret is fresh from `Random`;
//! nothing is visible to anyone before the event that needs it is placed.

use std::sync::Arc;

use ground::Random;
use proto::{EnvelopeClear, StreamId};
use vault::{
    FindingHash, Given, Key32, MentionPlace, PersonRef, Row, StreamKeys, StreamPlace, StreamSecret,
    Vault,
};

use crate::recent::{Recent, StreamName};
use crate::resolve::Party;

/// What one event mints.
pub(crate) struct Minted {
    vault: Arc<Vault>,
    random: Arc<dyn Random>,
    /// Rows for the group's section.
    pub(crate) rows: Vec<Row>,
    /// How many streams and mentions are new: the section is padded by this.
    pub(crate) streams: usize,
    people: Vec<(Vec<FindingHash>, PersonRef)>,
    named: Vec<(StreamName, StreamKeys)>,
    cases: Vec<(FindingHash, PersonRef, StreamKeys)>,
    new: Vec<StreamId>,
    aliases: Vec<(FindingHash, PersonRef)>,
    justified: Vec<(FindingHash, StreamId)>,
}

impl Minted {
    pub(crate) fn new(vault: Arc<Vault>, random: Arc<dyn Random>) -> Minted {
        Minted {
            vault,
            random,
            rows: Vec::new(),
            streams: 0,
            people: Vec::new(),
            named: Vec::new(),
            cases: Vec::new(),
            new: Vec::new(),
            aliases: Vec::new(),
            justified: Vec::new(),
        }
    }

    pub(crate) fn is_new(&self, keys: &StreamKeys) -> bool {
        self.new.contains(&keys.stream)
    }

    /// Whether this very event minted the person: then nothing marks them.
    pub(crate) fn is_new_person(&self, person: &PersonRef) -> bool {
        self.people.iter().any(|(_, known)| known == person)
    }

    /// The person that this very event minted for an alias.
    pub(crate) fn person_of(&self, alias: &FindingHash) -> Option<PersonRef> {
        let of = |(aliases, person): &(Vec<FindingHash>, PersonRef)| {
            aliases.contains(alias).then_some(*person)
        };
        self.people.iter().find_map(of)
    }

    pub(crate) fn person(&mut self, aliases: &[FindingHash]) -> PersonRef {
        let person = PersonRef {
            shelf: self.draw(self.vault.person_shelves()),
            person: ground::array(&*self.random),
        };
        self.rows.push(Row::Person {
            person,
            label_key: Key32::random(&*self.random),
        });
        self.people.push((aliases.to_vec(), person));
        person
    }

    /// A stream of a person. One that an event opens for itself alone is not found again by its name.
    pub(crate) fn stream(&mut self, name: StreamName, alone: bool, given: &Given) -> StreamKeys {
        let keys = self.keys();
        self.rows.push(Row::Stream {
            person: name.person,
            stream: keys.stream,
            activity: name.activity.clone(),
            party: name.party.clone(),
            secret: keys.secret.clone(),
            alone,
            given: given.tag(),
        });
        self.rows.push(Row::StreamShelf {
            stream: keys.stream,
            place: StreamPlace::Person(name.person),
        });
        if !alone {
            self.named.push((name, keys.clone()));
        }
        keys
    }

    /// A case's stream: on a shelf of its own draw, found by the case reference; the person only points to it.
    pub(crate) fn case(
        &mut self,
        case: FindingHash,
        person: PersonRef,
        clear: &EnvelopeClear,
    ) -> StreamKeys {
        let keys = self.keys();
        let shelf = self.draw(self.vault.case_shelves());
        self.rows.push(Row::CaseStream {
            shelf,
            stream: keys.stream,
            activity: clear.activity.clone(),
            party: clear.party.clone(),
            secret: keys.secret.clone(),
        });
        self.rows.push(Row::CasePointer {
            person,
            stream: keys.stream,
            case_shelf: shelf,
        });
        self.rows.push(Row::StreamShelf {
            stream: keys.stream,
            place: StreamPlace::Case(shelf),
        });
        self.rows.push(Row::Alias {
            hash: case,
            person,
            stream: keys.stream,
        });
        self.cases.push((case, person, keys.clone()));
        keys
    }

    pub(crate) fn mention(
        &mut self,
        mention: MentionPlace,
        person: PersonRef,
        party: &Party,
        recent: &Recent,
    ) -> StreamSecret {
        let secret = StreamSecret::random(&*self.random);
        self.rows.push(Row::Mention {
            person,
            mention,
            secret: secret.clone(),
        });
        self.rows.push(Row::MentionShelf { mention, person });
        self.streams += 1;
        let missing = if self.new.contains(&mention.carrier) {
            Given {
                aliases: party.aliases.clone(),
                index: Vec::new(),
            }
        } else {
            party.missing.clone()
        };
        self.justify(&missing, person, mention.carrier, recent);
        secret
    }

    /// Alias and blind-index rows that the stream does not justify yet. Every stream has its own: a row dies with the stream it names.
    pub(crate) fn justify(
        &mut self,
        missing: &Given,
        person: PersonRef,
        stream: StreamId,
        recent: &Recent,
    ) {
        let values = missing
            .index
            .iter()
            .map(|(kind, hash)| (Some(*kind), *hash));
        let aliases = missing.aliases.iter().map(|hash| (None, *hash));
        for (kind, hash) in aliases.chain(values) {
            if recent.justifies(&hash, stream) {
                continue;
            }
            self.rows.push(match kind {
                None => Row::Alias {
                    hash,
                    person,
                    stream,
                },
                Some(kind) => Row::Index {
                    kind,
                    hash,
                    person,
                    stream,
                },
            });
            if kind.is_none() {
                self.aliases.push((hash, person));
            }
            self.justified.push((hash, stream));
        }
    }

    /// Once the event is placed: makes what was minted known to the events behind it.
    pub(crate) fn note(&mut self, recent: &mut Recent) {
        let found_again = |(aliases, _): &&(Vec<_>, _)| !aliases.is_empty();
        for (_, person) in self.people.iter().filter(found_again) {
            recent.note_minted(*person);
        }
        for (alias, person) in self.aliases.drain(..) {
            recent.note_person(alias, person);
        }
        for (hash, stream) in self.justified.drain(..) {
            recent.note_justified(hash, stream);
        }
        for (name, keys) in self.named.drain(..) {
            recent.note_stream(name, keys);
        }
        for (case, person, keys) in self.cases.drain(..) {
            recent.note_case(case, person, keys);
        }
    }

    fn keys(&mut self) -> StreamKeys {
        let keys = StreamKeys {
            stream: StreamId(ground::array(&*self.random)),
            secret: StreamSecret::random(&*self.random),
        };
        self.new.push(keys.stream);
        self.streams += 1;
        keys
    }

    /// A shelf drawn at random; `shelves` is a power of two.
    fn draw(&self, shelves: u32) -> u32 {
        u32::from_be_bytes(ground::array(&*self.random)) & (shelves - 1)
    }
}
