//! A vault against a model: what was staged is found, whether pending, absorbed, replayed or restored.

mod kinds;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ground::{Random, SeededRandom, SharedDisk, SimDisk};
use proptest::prelude::*;
use proto::Personal;
use proto::ids::{ActivityCode, Month, NumberInStream, Origin, PartyCode, SlotNumber, StreamId};

use super::*;
use crate::keys::{Key32, StreamKeys, StreamSecret};
use crate::open::{Options, init, open};
use crate::rows::{FindingHash, IndexKind, MentionPlace, PersonRef, StreamPlace};

pub(crate) const DIR: &str = "/ledger/vault";

pub(crate) fn options() -> Options {
    Options {
        persons_expected: 200,
        streams_cached_max: 1_000,
        ..Options::new(Origin::new("test.westmere.example/counterfoil").expect("an origin"))
    }
}

/// A simulated disk with a vault on it, and the groups that its journal would hold.
pub(crate) struct Bench {
    pub(crate) sim: SimDisk,
    pub(crate) disk: SharedDisk,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) sections: Vec<(u64, Index, Vec<u8>)>,
}

impl Bench {
    pub(crate) fn new(seed: u64) -> Bench {
        let sim = SimDisk::new(seed);
        let disk = sim.shared();
        let random: Arc<dyn Random> = Arc::new(SeededRandom::new(seed));
        init(&disk, Path::new(DIR), &options(), &random).expect("init");
        Bench {
            sim,
            disk,
            random,
            sections: Vec::new(),
        }
    }

    pub(crate) fn open(&self) -> Vault {
        let vault = open(&self.disk, Path::new(DIR), &options(), &self.random).expect("opens");
        for (group, first, section) in &self.sections {
            vault
                .replay_section(*group, *first, section)
                .expect("replays");
        }
        vault
    }

    /// One group with these rows, sealed into the journal and staged.
    pub(crate) fn group(&mut self, vault: &Vault, rows: Vec<Row>) -> Position {
        let group = self.sections.last().map_or(1, |(group, ..)| group + 1);
        let first = Index(group * 10);
        let section = vault.seal_section(&rows, group, first, 1).expect("seals");
        self.sections.push((group, first, section));
        vault.stage(rows, group).expect("stages");
        Position {
            group,
            index: Index(first.0 + 10),
        }
    }
}

/// What was put in, kept apart from the vault.
#[derive(Default)]
pub(crate) struct Model {
    pub(crate) aliases: BTreeMap<String, PersonRef>,
    pub(crate) streams: BTreeMap<StreamId, (PersonRef, String, StreamKeys)>,
    names: BTreeMap<String, BTreeSet<PersonRef>>,
    pub(crate) mentions: BTreeMap<MentionPlace, (PersonRef, StreamSecret)>,
    record_keys: BTreeMap<u32, Key32>,
}

pub(crate) fn text(text: &str) -> Personal<String> {
    Personal::new(text.to_owned())
}

pub(crate) fn activity(name: &str) -> ActivityCode {
    ActivityCode::new(name).expect("a code")
}

fn party() -> PartyCode {
    PartyCode::new("northgate").expect("a code")
}

impl Model {
    /// Rows for an event of this person (by number) in this activity, as the sequencer would mint them.
    pub(crate) fn event(&mut self, vault: &Vault, person: u16, name: &str) -> Vec<Row> {
        let (reader, random) = (vault.reader(), &*vault.shared.random);
        let id = person.to_string();
        let mut rows = Vec::new();
        let alias = reader.alias_hash("crm", &text(&id));
        let known = self.aliases.get(&id).copied();
        let person = known.unwrap_or_else(|| reader.draw_person());
        if known.is_none() {
            rows.push(Row::Person {
                person,
                label_key: Key32::random(random),
            });
            self.aliases.insert(id.clone(), person);
        }
        let mut streams = self.streams.values();
        if streams.any(|(of, activity, _)| *of == person && activity == name) {
            return rows;
        }
        let keys = StreamKeys {
            stream: StreamId(ground::array(random)),
            secret: StreamSecret::random(random),
        };
        let stream = keys.stream;
        rows.push(Row::Stream {
            person,
            stream,
            activity: activity(name),
            party: party(),
            secret: keys.secret.clone(),
            alone: false,
            given: 0,
        });
        rows.push(Row::StreamShelf {
            stream,
            place: StreamPlace::Person(person),
        });
        rows.push(Row::Alias {
            hash: alias,
            person,
            stream,
        });
        let full = format!("Person{} Example", id.len());
        if let Some(hash) = reader.index_hash(IndexKind::Name, &text(&full)) {
            rows.push(Row::Index {
                kind: IndexKind::Name,
                hash,
                person,
                stream,
            });
        }
        self.names.entry(full).or_default().insert(person);
        self.streams.insert(stream, (person, name.to_owned(), keys));
        rows
    }

    /// Rows for a mention of a person in somebody's stream.
    pub(crate) fn mention(
        &mut self,
        vault: &Vault,
        carrier: StreamId,
        person: PersonRef,
    ) -> Vec<Row> {
        let number = NumberInStream(self.mentions.len() as u64);
        let mention = MentionPlace {
            carrier,
            number,
            slot: SlotNumber(1),
        };
        let secret = StreamSecret::random(&*vault.shared.random);
        self.mentions.insert(mention, (person, secret.clone()));
        vec![
            Row::Mention {
                person,
                mention,
                secret,
            },
            Row::MentionShelf { mention, person },
        ]
    }

    fn record_key(&mut self, vault: &Vault, month: u32) -> Vec<Row> {
        let key = Key32::random(&*vault.shared.random);
        self.record_keys.insert(month, key.clone());
        vec![Row::RecordKey {
            class: 3,
            month: Month(month),
            key,
        }]
    }

    /// Everything that was put in is found, and nothing is found that was not.
    pub(crate) fn check(&self, vault: &Vault) {
        let reader = vault.reader();
        for (id, person) in &self.aliases {
            let hash = reader.alias_hash("crm", &text(id));
            assert_eq!(reader.person_by_alias(&hash).expect("reads"), Some(*person));
        }
        let stranger = reader.alias_hash("crm", &text("nobody"));
        assert_eq!(reader.person_by_alias(&stranger).expect("reads"), None);
        for (stream, (person, name, keys)) in &self.streams {
            let found = reader
                .stream(person, &activity(name), &party())
                .expect("reads");
            assert_eq!(found.as_ref(), Some(keys));
            assert_eq!(
                reader.keys_of_stream(*stream).expect("reads").as_ref(),
                Some(keys)
            );
            assert_eq!(
                reader.person_of_stream(*stream).expect("reads"),
                Some(*person)
            );
            let none = reader
                .stream(person, &activity("other"), &party())
                .expect("reads");
            assert_eq!(none, None);
        }
        for person in self.aliases.values() {
            let found: BTreeSet<StreamId> = reader
                .streams_of(person)
                .expect("reads")
                .iter()
                .map(|stream| stream.keys.stream)
                .collect();
            let put: BTreeSet<StreamId> = self
                .streams
                .iter()
                .filter(|(_, (of, ..))| of == person)
                .map(|(stream, _)| *stream)
                .collect();
            assert_eq!(found, put);
        }
        for (name, persons) in &self.names {
            let hash = reader
                .index_hash(IndexKind::Name, &text(name))
                .expect("a form");
            let found = reader.find(&[(IndexKind::Name, hash)]).expect("reads");
            assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), *persons);
            for person in persons {
                assert!(
                    reader
                        .find(&[(IndexKind::Name, hash)])
                        .expect("reads")
                        .contains(person)
                );
            }
        }
        for (mention, (_, secret)) in &self.mentions {
            assert_eq!(
                reader.mention_secret(mention).expect("reads").as_ref(),
                Some(secret)
            );
        }
        for (month, key) in &self.record_keys {
            let found = reader.record_key(3, Month(*month)).expect("there");
            assert!(found.0 == *key);
        }
    }
}

#[derive(Clone, Debug)]
enum Do {
    Event(u16, u8),
    Mention(u16),
    RecordKey(u32),
    Absorb,
    Reopen,
}

fn doing() -> impl Strategy<Value = Do> {
    prop_oneof![
        8 => (0u16..40, 0u8..4).prop_map(|(person, activity)| Do::Event(person, activity)),
        2 => (0u16..40).prop_map(Do::Mention),
        1 => (202_601u32..202_612).prop_map(Do::RecordKey),
        1 => Just(Do::Absorb),
        1 => Just(Do::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pending_absorbed_and_replayed_views_are_equal(steps in prop::collection::vec(doing(), 1..60), seed: u64) {
        let mut bench = Bench::new(seed);
        let mut vault = bench.open();
        let (mut model, mut position) = (Model::default(), vault.position());
        for step in steps {
            let rows = match step {
                Do::Event(person, name) => model.event(&vault, person, &format!("a{name}")),
                Do::Mention(nth) => {
                    let carriers: Vec<StreamId> = model.streams.keys().copied().collect();
                    let persons: Vec<PersonRef> = model.aliases.values().copied().collect();
                    match carriers.get(usize::from(nth) % carriers.len().max(1)) {
                        Some(carrier) => {
                            let person = persons[usize::from(nth) * 7 % persons.len()];
                            model.mention(&vault, *carrier, person)
                        }
                        None => Vec::new(),
                    }
                }
                Do::RecordKey(month) => model.record_key(&vault, month),
                Do::Absorb => {
                    vault.absorb(position).expect("absorbs");
                    prop_assert_eq!((vault.pending_rows(), vault.position()), (0, position));
                    Vec::new()
                }
                Do::Reopen => {
                    drop(vault);
                    vault = bench.open();
                    Vec::new()
                }
            };
            position = bench.group(&vault, rows);
            model.check(&vault);
        }
        vault.absorb(position).expect("absorbs");
        model.check(&vault);
        drop(vault);
        model.check(&bench.open());
    }
}

#[test]
fn a_crowded_shelf_is_split_and_everything_is_still_found() {
    let mut bench = Bench::new(3);
    let vault = bench.open();
    let mut model = Model::default();
    let mut position = vault.position();
    for round in 0..3 {
        // Each round doubles what lies on a shelf.
        let rows = (0..280)
            .flat_map(|n| model.event(&vault, n, &format!("round{round}")))
            .collect();
        position = bench.group(&vault, rows);
        vault.absorb(position).expect("absorbs");
        model.check(&vault);
    }
    assert!(
        vault
            .shared
            .counts
            .get(Level::Person, 0)
            .is_some_and(|parts| parts > 1)
    );
    drop(vault);
    model.check(&bench.open());
    let _ = position;
}

#[test]
fn what_is_missing_is_not_created_and_what_is_there_not_overwritten() {
    let bench = Bench::new(4);
    let dir = Path::new(DIR);
    let again = init(&bench.disk, dir, &options(), &bench.random);
    assert!(matches!(again, Err(VaultError::Exists)));
    let elsewhere = open(
        &bench.disk,
        Path::new("/nowhere"),
        &options(),
        &bench.random,
    );
    assert!(matches!(elsewhere, Err(VaultError::Missing(_))));
    let mut other = options();
    other.origin = Origin::new("test.other.example/counterfoil").expect("an origin");
    assert!(matches!(
        open(&bench.disk, dir, &other, &bench.random),
        Err(VaultError::OtherLedger)
    ));
    for file in ["root", "table", "shelves.redb"] {
        let bench = Bench::new(5);
        bench.disk.remove(&dir.join(file)).expect("removes");
        let before = bench.disk.list(dir).expect("lists");
        let refused = open(&bench.disk, dir, &options(), &bench.random);
        assert!(matches!(refused, Err(VaultError::Missing(_))), "{file}");
        assert_eq!(bench.disk.list(dir).expect("lists"), before, "{file}");
    }
}

#[test]
fn a_failed_sync_is_final() {
    let mut bench = Bench::new(6);
    let vault = bench.open();
    let mut model = Model::default();
    let rows = model.event(&vault, 1, "a");
    let position = bench.group(&vault, rows);
    bench.sim.fail_sync(Some(crate::backend::SITE), 0);
    if vault.absorb(position).is_ok() {
        bench.sim.fail_sync(Some(crate::backend::SITE), 1);
        let rows = model.event(&vault, 2, "a");
        assert!(vault.absorb(bench.group(&vault, rows)).is_err());
    }
    assert!(vault.is_fatal());
    assert!(matches!(
        vault.stage(Vec::new(), 99),
        Err(VaultError::Fatal)
    ));
    assert!(matches!(
        vault.absorb(Position {
            group: 99,
            index: Index(0)
        }),
        Err(VaultError::Fatal)
    ));
}

#[test]
fn groups_come_in_order_and_once() {
    let mut bench = Bench::new(7);
    let vault = bench.open();
    let position = bench.group(&vault, Vec::new());
    assert!(matches!(
        vault.stage(Vec::new(), position.group),
        Err(VaultError::OutOfOrder(_))
    ));
    vault.absorb(position).expect("absorbs");
    vault
        .replay_section(position.group, Index(0), &[9; 3])
        .expect("skipped unread");
}

#[test]
fn a_backup_restores_into_a_vault_of_new_keys() {
    let mut bench = Bench::new(8);
    let vault = bench.open();
    let mut model = Model::default();
    for person in 0..50 {
        let rows = model.event(&vault, person, "a");
        let position = bench.group(&vault, rows);
        vault.absorb(position).expect("absorbs");
    }
    let export = vault.export();
    let head = export.head();
    let rows: Vec<Row> = export.flat_map(|rows| rows.expect("reads")).collect();
    // In any order: the finding key may come last, or first as an export has it.
    for (name, reversed) in [("/restored", false), ("/reversed", true)] {
        let fresh = Path::new(name);
        let mut rows = rows.clone();
        if reversed {
            rows.reverse();
        }
        let rows = rows.into_iter().map(Ok);
        crate::import(&bench.disk, fresh, &options(), &bench.random, head, rows).expect("imports");
        let restored = open(&bench.disk, fresh, &options(), &bench.random).expect("opens");
        assert_eq!(restored.position(), vault.position());
        model.check(&restored);
    }
    let keyless = rows.into_iter().filter(|row| row.level() != Level::Service);
    let keyless = keyless.map(Ok);
    let dir = Path::new("/keyless");
    let refused = crate::import(&bench.disk, dir, &options(), &bench.random, head, keyless);
    assert!(matches!(refused, Err(VaultError::Malformed(_))));
    let never = open(&bench.disk, dir, &options(), &bench.random);
    assert!(matches!(never, Err(VaultError::Missing(_))));
}

#[test]
fn errors_and_reports_name_no_key() {
    let mut bench = Bench::new(9);
    let vault = bench.open();
    let position = bench.group(&vault, Vec::new());
    let text = format!(
        "{:?} {:?} {:?}",
        vault.report(),
        position,
        FindingHash([0xab; 16])
    );
    assert!(!text.contains("171"), "{text}");
}
