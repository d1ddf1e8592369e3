//! Real input: every row of the receipt log goes through map and admission, and is accepted or explained.
//!
//! Skipped by name where the file is not at hand; nothing of it is kept in the repository.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::PathBuf;

use ground::SeededRandom;
use intake::admit::csv_map::CsvMap;
use intake::admit::{Publisher, admit, cloudevent};
use proto::{PublisherCode, UnixMillis};

const MAP: &str = include_str!("../data/maps/receipt.toml");
/// 2026-11-02T00:00:00Z.
const NOW: UnixMillis = UnixMillis(1_793_577_600_000);

fn publisher(map: &CsvMap) -> Publisher {
    Publisher {
        code: PublisherCode::new("permits").expect("a code"),
        sources: BTreeSet::from([map.source().to_owned()]),
        families: BTreeSet::from(["collection".to_owned()]),
        map_ids: true,
    }
}

#[test]
fn the_shipped_map_explains_every_column_it_drops() {
    let map = CsvMap::parse(MAP).expect("the shipped map is good");
    assert_eq!(map.name(), "receipt");
    assert_eq!(map.dropped().len(), 7);
    assert!(
        map.dropped()
            .iter()
            .all(|dropped| !dropped.reason.is_empty())
    );
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn all_8577_rows_of_the_receipt_log_are_accepted() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/receipt.csv");
    let Ok(file) = File::open(&path) else {
        eprintln!(
            "skipped: all_8577_rows_of_the_receipt_log_are_accepted (receipt.csv is not at hand)"
        );
        return;
    };
    let map = CsvMap::parse(MAP).expect("the shipped map is good");
    let publisher = publisher(&map);
    let random = SeededRandom::new(8_577);
    let (mut cases, mut ids) = (BTreeSet::new(), BTreeSet::new());
    let (mut accepted, mut explained) = (BTreeMap::new(), Vec::new());
    for row in map.rows(file).expect("the header fits the map") {
        let row = match row {
            Ok(row) => row,
            Err(error) => {
                explained.push(error.to_string());
                continue;
            }
        };
        let Ok(event) = cloudevent::structured(row.event.expose()) else {
            panic!("the map writes events")
        };
        match admit(event, &publisher, NOW, &random) {
            Ok(admitted) => {
                let alias = admitted
                    .split
                    .subject
                    .aliases
                    .first()
                    .expect("the map gives an alias");
                cases.insert(alias.local_id.expose().clone());
                assert!(
                    ids.insert(admitted.id.expose().to_owned()),
                    "ids are unique"
                );
                assert!(
                    admitted.findings.is_empty(),
                    "no row tells of a special category"
                );
                *accepted.entry(admitted.split.fact.name).or_insert(0) += 1;
            }
            Err(refused) => explained.push(format!("line {}: {}", row.line, refused.refusal)),
        }
    }
    assert_eq!(explained, Vec::<String>::new());
    assert_eq!(cases.len(), 1_434);
    let expected = [
        ("collection.collected", 7_143),
        ("collection.service-requested", 1_434),
    ];
    assert_eq!(accepted, BTreeMap::from(expected));
}
