//! An alias and a value die with the last stream that justifies them, and not before (design section 4).

use proto::Personal;

use super::*;
use crate::keys::StreamSecret;
use crate::reader::Given;
use crate::rows::{FindingHash, IndexKind, StreamPlace};
use crate::vault::tests::{activity, text};

fn given(vault: &Vault) -> Given {
    let reader = vault.reader();
    let name: &Personal<String> = &text("Alex Example");
    Given {
        aliases: vec![reader.alias_hash("crm", &text("17"))],
        index: vec![(
            IndexKind::Name,
            reader.index_hash(IndexKind::Name, name).expect("a form"),
        )],
    }
}

/// Rows of a stream of the person with what was given beside it, as the sequencer mints them.
fn stream_rows(
    vault: &Vault,
    person: PersonRef,
    name: &str,
    given: &Given,
) -> (StreamId, Vec<Row>) {
    let random = &*vault.shared.random;
    let stream = StreamId(ground::array(random));
    let mut rows = vec![
        Row::Stream {
            person,
            stream,
            activity: activity(name),
            party: proto::ids::PartyCode::new("northgate").expect("a code"),
            secret: StreamSecret::random(random),
            alone: false,
            given: given.tag(),
        },
        Row::StreamShelf {
            stream,
            place: StreamPlace::Person(person),
        },
    ];
    rows.extend(justify(given, person, stream));
    (stream, rows)
}

fn justify(given: &Given, person: PersonRef, stream: StreamId) -> Vec<Row> {
    let aliases = given.aliases.iter().map(|hash| Row::Alias {
        hash: *hash,
        person,
        stream,
    });
    let index = given.index.iter().map(|(kind, hash)| Row::Index {
        kind: *kind,
        hash: *hash,
        person,
        stream,
    });
    aliases.chain(index).collect()
}

fn found(vault: &Vault, given: &Given) -> (Option<PersonRef>, Vec<PersonRef>) {
    let reader = vault.reader();
    let alias: &FindingHash = given.aliases.first().expect("one");
    (
        reader.person_by_alias(alias).expect("reads"),
        reader.find(&given.index).expect("reads"),
    )
}

fn destroy(stream: StreamId, person: PersonRef) -> Destroy {
    Destroy {
        streams: vec![DestroyStream {
            stream,
            last: Index(1),
            person: Some(person),
        }],
        ..Destroy::default()
    }
}

/// Rows on the finding shelves that name this stream.
fn named_on_shelves(vault: &Vault, stream: StreamId) -> usize {
    let rows = vault.export().flat_map(|rows| rows.expect("reads"));
    rows.filter(|row| {
        let bytes = row.encode().expect("encodes");
        row.level() == Level::Finding && bytes.windows(16).any(|id| id == stream.0)
    })
    .count()
}

#[test]
fn what_two_streams_justify_outlives_the_first_and_dies_with_the_second() {
    for nights in [false, true] {
        let mut bench = Bench::new(21);
        let vault = bench.open();
        let (person, given) = (vault.reader().draw_person(), given(&vault));
        let label_key = Key32::new([1; 32]);
        let (first, mut rows) = stream_rows(&vault, person, "a", &given);
        rows.push(Row::Person { person, label_key });
        bench.group(&vault, rows);
        let (second, rows) = stream_rows(&vault, person, "b", &given);
        bench.group(&vault, rows);
        assert_eq!(found(&vault, &given), (Some(person), vec![person]));

        rotate(&mut bench, &vault, destroy(first, person)).expect("rotates");
        if nights {
            night(&mut bench, &vault);
            assert_eq!(named_on_shelves(&vault, first), 0);
        }
        assert_eq!(found(&vault, &given), (Some(person), vec![person]));
        let reader = vault.reader();
        let alias = given.aliases.first().expect("one");
        assert!(!reader.justifies_alias(alias, first).expect("reads"));
        assert!(reader.justifies_alias(alias, second).expect("reads"));

        rotate(&mut bench, &vault, destroy(second, person)).expect("rotates");
        assert_eq!(found(&vault, &given), (None, vec![]));
        night(&mut bench, &vault);
        assert_eq!(found(&vault, &given), (None, vec![]));
        assert_eq!(named_on_shelves(&vault, second), 0);
        drop(vault);
        assert_eq!(found(&bench.open(), &given), (None, vec![]));
    }
}

#[test]
fn what_a_stream_justifies_is_known_pending_absorbed_and_after_a_start() {
    let mut bench = Bench::new(22);
    let vault = bench.open();
    let (person, all) = (vault.reader().draw_person(), given(&vault));
    let some = Given {
        aliases: all.aliases.clone(),
        index: Vec::new(),
    };
    let (full, mut rows) = stream_rows(&vault, person, "a", &all);
    let (bare, more) = stream_rows(&vault, person, "b", &Given::default());
    rows.extend(more);
    let check = |vault: &Vault, late: &Given| {
        let reader = vault.reader();
        let missing = |given, stream| reader.missing(given, &person, stream).expect("reads");
        assert_eq!(missing(&all, full), Given::default());
        assert_eq!(missing(&some, full), Given::default(), "a part of it");
        assert_eq!(missing(&all, bare), *late);
        assert_eq!(missing(&all, StreamId([9; 16])), all);
        let (kind, hash) = all.index.first().expect("one");
        assert!(reader.justifies_value(*kind, hash, full).expect("reads"));
    };
    let position = bench.group(&vault, rows);
    check(&vault, &all);
    vault.absorb(position).expect("absorbs");
    check(&vault, &all);
    check(&bench_again(&bench, vault), &all);
    let vault = bench.open();
    let position = bench.group(&vault, justify(&some, person, bare));
    let late = Given {
        aliases: Vec::new(),
        index: all.index.clone(),
    };
    check(&vault, &late);
    vault.absorb(position).expect("absorbs");
    check(&vault, &late);
}

fn bench_again(bench: &Bench, vault: Vault) -> Vault {
    drop(vault);
    bench.open()
}

/// Whoever is known by a mention alone is found no longer once the mention is destroyed, though its carrier lives; mentioned again, they are.
#[test]
fn an_alias_justified_by_a_mention_dies_with_the_last_mention() {
    let mut bench = Bench::new(23);
    let vault = bench.open();
    let reader = vault.reader();
    let all = given(&vault);
    let (carrier_person, person) = (reader.draw_person(), reader.draw_person());
    let (carrier, mut rows) = stream_rows(&vault, carrier_person, "a", &Given::default());
    let place = |number| MentionPlace {
        carrier,
        number: proto::ids::NumberInStream(number),
        slot: proto::ids::SlotNumber(1),
    };
    let mention = |number| {
        let mention = place(number);
        let secret = StreamSecret::random(&*vault.shared.random);
        let mut rows = vec![
            Row::Mention {
                person,
                mention,
                secret,
            },
            Row::MentionShelf { mention, person },
        ];
        rows.extend(justify(&all, person, carrier));
        rows
    };
    let label_key = Key32::new([1; 32]);
    rows.push(Row::Person { person, label_key });
    rows.extend(mention(0));
    rows.extend(mention(1));
    bench.group(&vault, rows);
    let without = |number| Destroy {
        mentions: vec![(person, place(number))],
        ..Destroy::default()
    };
    rotate(&mut bench, &vault, without(0)).expect("rotates");
    night(&mut bench, &vault);
    assert_eq!(found(&vault, &all), (Some(person), vec![person]));
    rotate(&mut bench, &vault, without(1)).expect("rotates");
    assert_eq!(found(&vault, &all), (None, vec![]));
    assert!(reader.keys_of_stream(carrier).expect("reads").is_some());
    night(&mut bench, &vault);
    assert_eq!(found(&vault, &all), (None, vec![]));
    let finding = vault.export().flat_map(|rows| rows.expect("reads"));
    assert!(
        !finding
            .into_iter()
            .any(|row| matches!(row, Row::Alias { .. }))
    );
    // Mentioned again in the same stream: the same rows stand again, now and after the next night.
    let mut rows = mention(2);
    rows.push(Row::Person {
        person,
        label_key: Key32::new([2; 32]),
    });
    bench.group(&vault, rows);
    assert_eq!(found(&vault, &all), (Some(person), vec![person]));
    rotate(&mut bench, &vault, Destroy::default()).expect("rotates");
    night(&mut bench, &vault);
    assert_eq!(found(&vault, &all), (Some(person), vec![person]));
}
