//! Every living key on every byte that the disk still has, after a rotation: nothing that was destroyed opens.

use super::*;
use crate::part::tests::open_prefix;
use crate::part::{PartPlace, ShelfKey};
use crate::table::Table;

/// Every shelf key of the table, with the shelf it is for.
fn keys(table: &Table) -> Vec<(Level, u32, ShelfKey)> {
    let next = table.finding_next.as_deref().unwrap_or_default();
    let levels = [
        (Level::Person, &table.person[..]),
        (Level::Case, &table.case),
        (Level::Finding, &table.finding),
        (Level::Finding, next),
        (Level::Service, std::slice::from_ref(&table.service)),
    ];
    let numbered = levels.into_iter().flat_map(|(level, keys)| {
        let shelves = (0..).zip(keys);
        shelves.map(move |(shelf, key)| (level, shelf, key.clone()))
    });
    numbered.collect()
}

/// All rows that any of these keys opens anywhere in the raw bytes of the disk: old pages and old copies of files included.
fn opened(bench: &Bench, keys: &[(Level, u32, ShelfKey)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for raw in bench.sim.raw() {
        for at in 0..raw.bytes.len() {
            let stored = &raw.bytes[at..];
            let young = stored.starts_with(&[0; 7]) && stored.get(7).is_some_and(|of| *of != 0);
            if !young || stored.get(8).is_none_or(|log| *log > 4) {
                continue;
            }
            for (level, shelf, key) in keys {
                let place = PartPlace {
                    level: *level,
                    shelf: *shelf,
                    part: 0,
                    parts: 0,
                };
                let part = open_prefix(key, place, stored);
                let decoded = part.iter().flat_map(PartRows::iter).map(Row::decode);
                rows.extend(decoded.map(|row| row.expect("a row")));
            }
        }
    }
    rows
}

fn holds(rows: &[Row], bytes: &[u8]) -> bool {
    rows.iter().any(|row| {
        let row = row.encode().expect("encodes");
        row.windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn no_living_key_opens_an_old_page_with_what_was_destroyed() {
    let (mut bench, vault, model) = filled(41);
    let (person, stream) = victim(&model);
    let reader = vault.reader();
    let victim = reader
        .keys_of_stream(stream)
        .expect("reads")
        .expect("lives");
    let neighbour = model.streams.iter().find(|(_, (of, ..))| *of != person);
    let (_, (.., neighbour)) = neighbour.expect("there are others");
    let before = keys(&vault.table());
    let held = opened(&bench, &before);
    assert!(
        holds(&held, victim.secret.expose()),
        "the search finds what is there"
    );
    let sections = bench.sections.clone();

    rotate(&mut bench, &vault, destroy_stream(&model)).expect("rotates");
    let stale = opened(&bench, &before);
    assert!(
        holds(&stale, victim.secret.expose()),
        "old pages are still in the file"
    );
    let living = keys(&vault.table());
    let left = opened(&bench, &living);
    assert!(
        holds(&left, neighbour.secret.expose()),
        "the search finds what lives"
    );
    assert!(!holds(&left, victim.secret.expose()));
    let names = |row: &Row| matches!(row, Row::Stream { stream: of, .. } if *of == stream);
    assert!(!left.iter().any(names));
    // No section of the journal that carried the secret opens either.
    for (_, _, section) in &sections {
        if let Some(id) = crate::section::key_id(section).expect("whole") {
            assert!(vault.shared.service().intake_key(&id).is_none());
        }
    }

    // After the night nothing that opens names the stream, but the queue for the cohort.
    night(&mut bench, &vault);
    let left = opened(&bench, &keys(&vault.table()));
    for row in left {
        let bytes = row.encode().expect("encodes");
        let names = bytes.windows(16).any(|window| window == stream.0);
        assert!(
            !names || row.level() == Level::Service,
            "{row:?} names the dead"
        );
    }
}
