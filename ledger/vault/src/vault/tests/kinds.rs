//! Cases, suppression, links and fences: each found while pending, once absorbed and after a start, and gone when it should be.

use proto::ids::UnixMillis;

use super::*;
use crate::reader::VaultReader;
use crate::rotation::tests::{night, rotate};
use crate::rotation::{Destroy, DestroyStream};
use crate::rows::{FenceScope, SecretKind};

/// Checks once the rows are staged, once they are absorbed, and after a start in either state.
fn in_every_state(
    bench: &mut Bench,
    vault: Vault,
    rows: Vec<Row>,
    check: impl Fn(&VaultReader),
) -> Vault {
    let position = bench.group(&vault, rows);
    check(&vault.reader());
    drop(vault);
    let vault = bench.open();
    check(&vault.reader());
    vault.absorb(position).expect("absorbs");
    check(&vault.reader());
    drop(vault);
    let vault = bench.open();
    check(&vault.reader());
    vault
}

fn person_row(vault: &Vault) -> (PersonRef, Row) {
    let person = vault.reader().draw_person();
    let label_key = Key32::random(&*vault.shared.random);
    (person, Row::Person { person, label_key })
}

fn stream_rows(vault: &Vault, person: PersonRef) -> (StreamKeys, Vec<Row>) {
    let random = &*vault.shared.random;
    let keys = StreamKeys {
        stream: StreamId(ground::array(random)),
        secret: StreamSecret::random(random),
    };
    let rows = vec![
        Row::Stream {
            person,
            stream: keys.stream,
            activity: activity("a"),
            party: party(),
            secret: keys.secret.clone(),
            alone: false,
            given: 0,
        },
        Row::StreamShelf {
            stream: keys.stream,
            place: StreamPlace::Person(person),
        },
    ];
    (keys, rows)
}

fn destroy(streams: &[(StreamId, PersonRef)]) -> Destroy {
    let entry = |(stream, person): &(StreamId, PersonRef)| DestroyStream {
        stream: *stream,
        last: Index(1),
        person: Some(*person),
    };
    Destroy {
        streams: streams.iter().map(entry).collect(),
        ..Destroy::default()
    }
}

#[test]
fn a_case_has_a_shelf_of_its_own_draw_and_the_person_points_to_it() {
    let mut bench = Bench::new(31);
    let vault = bench.open();
    let (person, person_row) = person_row(&vault);
    let reader = vault.reader();
    let hash = reader.case_hash("//crm", &text("case 17"));
    let alias = reader.alias_hash("//crm", &text("case 17"));
    assert_ne!(hash, alias, "no alias is a case");
    let (stream, shelf) = (StreamId([7; 16]), reader.draw_case_shelf());
    let keys = StreamKeys {
        stream,
        secret: StreamSecret::new([8; 32]),
    };
    let rows = vec![
        person_row,
        Row::CaseStream {
            shelf,
            stream,
            activity: activity("rights"),
            party: PartyCode::new("").expect("no party"),
            secret: keys.secret.clone(),
        },
        Row::CasePointer {
            person,
            stream,
            case_shelf: shelf,
        },
        Row::StreamShelf {
            stream,
            place: StreamPlace::Case(shelf),
        },
        Row::Alias {
            hash,
            person,
            stream,
        },
    ];
    let vault = in_every_state(&mut bench, vault, rows, |reader| {
        let found = reader.case_by_hash(&hash).expect("reads");
        assert_eq!(found, Some((person, keys.clone())));
        assert_eq!(
            reader.keys_of_stream(stream).expect("reads"),
            Some(keys.clone())
        );
        assert_eq!(reader.person_of_stream(stream).expect("reads"), None);
        let streams = reader.streams_of(&person).expect("reads");
        let case = streams.first().expect("one");
        assert!(case.is_case && case.keys == keys && streams.len() == 1);
        let by_name = reader.stream(&person, &activity("rights"), &party());
        assert_eq!(by_name.expect("reads"), None, "a case has no name");
    });
    let rotated = rotate(&mut bench, &vault, destroy(&[(stream, person)])).expect("rotates");
    assert_eq!(rotated.tags, vec![keys.fence_tag()]);
    let reader = vault.reader();
    assert_eq!(reader.case_by_hash(&hash).expect("reads"), None);
    assert!(reader.streams_of(&person).expect("reads").is_empty());
    assert!(
        !reader.exists(&person).expect("reads"),
        "the case was their last"
    );
}

#[test]
fn a_suppression_token_holds_until_it_expires_and_through_a_night() {
    let mut bench = Bench::new(32);
    let vault = bench.open();
    let reader = vault.reader();
    let token = |value| reader.suppression_token(IndexKind::Email, &text(value));
    let hash = token("Alex@example.org").expect("a form");
    assert_eq!(token(" alex@Example.ORG"), Some(hash));
    assert_eq!(token("  "), None);
    let indexed = reader.index_hash(IndexKind::Email, &text("alex@example.org"));
    assert_ne!(indexed, Some(hash), "under a key of its own");
    assert!(reader.secret(SecretKind::Suppression, 0).is_some());
    let purpose = activity("marketing");
    let rows =
        [("marketing", 100), ("research", 50)].map(|(purpose, expires)| Row::SuppressionToken {
            token: hash,
            purpose: activity(purpose),
            expires: UnixMillis(expires),
        });
    let check = |reader: &VaultReader| {
        let at = |now| reader.suppressed(&hash, UnixMillis(now)).expect("reads");
        let mut all = at(49);
        all.sort_unstable();
        assert_eq!(all, vec![purpose.clone(), activity("research")]);
        assert_eq!(at(50), vec![purpose.clone()]);
        assert!(at(100).is_empty());
        let other = reader.suppressed(&FindingHash([1; 16]), UnixMillis(0));
        assert!(other.expect("reads").is_empty());
    };
    let vault = in_every_state(&mut bench, vault, rows.to_vec(), check);
    night(&mut bench, &vault);
    check(&vault.reader());
    // A later expiry replaces the earlier one.
    let longer = Row::SuppressionToken {
        token: hash,
        purpose: purpose.clone(),
        expires: UnixMillis(200),
    };
    let position = bench.group(&vault, vec![longer]);
    vault.absorb(position).expect("absorbs");
    let late = vault.reader().suppressed(&hash, UnixMillis(150));
    assert_eq!(late.expect("reads"), vec![purpose]);
}

#[test]
fn a_link_joins_both_sides_and_dies_with_the_stream_that_justifies_it() {
    let mut bench = Bench::new(33);
    let vault = bench.open();
    let ((one, row), (two, other)) = (person_row(&vault), person_row(&vault));
    let (first, mut rows) = stream_rows(&vault, one);
    let (second, more) = stream_rows(&vault, two);
    let office = StreamId([3; 16]);
    rows.extend(more);
    rows.extend([row, other]);
    for (person, other) in [(one, two), (two, one)] {
        rows.push(Row::PersonLink {
            person,
            other,
            stream: office,
        });
    }
    let vault = in_every_state(&mut bench, vault, rows, |reader| {
        assert_eq!(reader.links_of(&one).expect("reads"), vec![two]);
        assert_eq!(reader.links_of(&two).expect("reads"), vec![one]);
    });
    // The link's own stream goes: both sides lose it, and keep their streams.
    let both = destroy(&[(office, one), (office, two)]);
    rotate(&mut bench, &vault, both).expect("rotates");
    let reader = vault.reader();
    for (person, keys) in [(one, first), (two, second)] {
        assert!(reader.links_of(&person).expect("reads").is_empty());
        assert_eq!(
            reader.keys_of_stream(keys.stream).expect("reads"),
            Some(keys)
        );
    }
}

/// S-3: from the staged mark on, whatever was cached before.
#[test]
fn a_fence_closes_the_person_or_the_activity_at_once_and_for_good() {
    let mut bench = Bench::new(34);
    let vault = bench.open();
    let ((one, row), (two, other)) = (person_row(&vault), person_row(&vault));
    let (keys, mut rows) = stream_rows(&vault, one);
    let (_, more) = stream_rows(&vault, two);
    rows.extend(more);
    rows.extend([row, other]);
    let tag = keys.fence_tag();
    let free = |reader: &VaultReader| {
        for person in [one, two] {
            assert!(!reader.is_marked(&person, &activity("a")).expect("reads"));
            assert!(!reader.is_fenced_entirely(&person).expect("reads"));
        }
        assert!(!reader.is_fenced(&tag));
    };
    let vault = in_every_state(&mut bench, vault, rows, |reader| {
        free(reader);
        free(reader);
    });
    let mark = |person, scope| Row::FenceMark {
        person,
        scope,
        at: Index(9),
    };
    let fence = vec![
        mark(one, FenceScope::Person),
        mark(two, FenceScope::Activity(activity("a"))),
        Row::FencedTag { tag, at: Index(9) },
    ];
    let vault = in_every_state(&mut bench, vault, fence, |reader| {
        let marked = |person, name| reader.is_marked(person, &activity(name)).expect("reads");
        assert!(marked(&one, "a") && marked(&one, "b") && marked(&two, "a"));
        assert!(!marked(&two, "b"));
        assert!(reader.is_fenced_entirely(&one).expect("reads"));
        assert!(!reader.is_fenced_entirely(&two).expect("reads"));
        assert!(reader.is_fenced(&tag));
    });
    // Rotations and nights leave the fence; the mark dies with the person, the tag stays destroyed.
    rotate(&mut bench, &vault, Destroy::default()).expect("rotates");
    night(&mut bench, &vault);
    assert!(
        vault
            .reader()
            .is_marked(&one, &activity("a"))
            .expect("reads")
    );
    rotate(&mut bench, &vault, destroy(&[(keys.stream, one)])).expect("rotates");
    let reader = vault.reader();
    assert!(reader.fence_marks(&one).expect("reads").is_empty());
    assert!(!reader.exists(&one).expect("reads") && reader.is_fenced(&tag));
    assert!(reader.is_marked(&two, &activity("a")).expect("reads"));
}
