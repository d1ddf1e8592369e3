//! Rows that came lately lie in a part beside the others: found, replaced, destroyed and re-keyed like the rest.

use super::*;
use crate::part::{LATE, PartPlace};
use crate::shelves::open_stored;

/// Rows in the parts of what came lately, on all shelves.
fn late_rows(vault: &Vault) -> usize {
    let (view, geometry) = (vault.shared.view(), vault.shared.geometry);
    let mut rows = 0;
    for level in [Level::Person, Level::Case, Level::Finding, Level::Service] {
        for shelf in 0..geometry.count(level) {
            let place = PartPlace {
                level,
                shelf,
                part: LATE,
                parts: 0,
            };
            let read = |stored: &[u8]| open_stored(&view.table, place, None, stored);
            let late = view.parts.part(level, shelf, LATE, read).expect("reads");
            rows += late.map_or(0, |(late, _)| late.len());
        }
    }
    rows
}

#[test]
fn what_came_lately_is_found_destroyed_and_re_keyed_like_the_rest() {
    let mut bench = Bench::new(43);
    let vault = bench.open();
    let mut model = Model::default();
    let rows = (0..300)
        .flat_map(|n| model.event(&vault, n, "first"))
        .collect();
    let position = bench.group(&vault, rows);
    vault.absorb(position).expect("absorbs");
    assert_eq!(late_rows(&vault), 0, "a shelf begins with its parts");
    let first: Vec<StreamId> = model.streams.keys().copied().collect();
    let mut staged = 0;
    for round in 0..12 {
        let name = if round < 11 {
            format!("late{round}")
        } else {
            "last".to_owned()
        };
        let rows: Vec<Row> = (0..12)
            .flat_map(|n| model.event(&vault, n, &name))
            .collect();
        staged += rows.len();
        let position = bench.group(&vault, rows);
        vault.absorb(position).expect("absorbs");
    }
    model.check(&vault);
    let lately = late_rows(&vault);
    assert!(
        (1..staged).contains(&lately),
        "{lately} of {staged}: some went to the parts"
    );

    let last = |(_, activity, _): &(PersonRef, String, _)| activity == "last";
    let found = model.streams.iter().find(|(_, of)| last(of));
    let (stream, person) = found
        .map(|(stream, (person, ..))| (*stream, *person))
        .expect("there");
    assert!(!first.contains(&stream));
    let entry = DestroyStream {
        stream,
        last: Index(7),
        person: Some(person),
    };
    let destroy = Destroy {
        streams: vec![entry],
        ..Destroy::default()
    };
    rotate(&mut bench, &vault, destroy).expect("rotates");
    model.streams.remove(&stream);
    assert_eq!(vault.reader().keys_of_stream(stream).expect("reads"), None);
    night(&mut bench, &vault);
    let named: usize = vault
        .export()
        .flat_map(|rows| rows.expect("opens"))
        .filter(|row| matches!(row, Row::StreamShelf { stream: of, .. } if *of == stream))
        .count();
    assert_eq!(named, 0, "the night drops what names the dead");
    drop(vault);
    let vault = bench.open();
    model.check(&vault);
    assert_eq!(vault.reader().keys_of_stream(stream).expect("reads"), None);
}
