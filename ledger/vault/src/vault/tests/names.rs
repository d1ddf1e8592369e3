//! What is remembered of a person's streams by name: it may deny only what is on no shelf and not staged.

use super::*;
use crate::shared::Names;

const PERSON: u16 = 7;

/// A vault whose person has streams in ten activities, all on shelves and none kept opened.
fn absorbed() -> (Bench, Vault, Model) {
    let (mut bench, mut model) = (Bench::new(71), Model::default());
    let vault = bench.open();
    for number in 0..10 {
        let rows = model.event(&vault, PERSON, &format!("activity-{number}"));
        let position = bench.group(&vault, rows);
        vault.absorb(position).expect("absorbs");
    }
    vault.shared.caches.clear();
    (bench, vault, model)
}

fn person(model: &Model) -> PersonRef {
    *model.aliases.get(&PERSON.to_string()).expect("is there")
}

fn find(vault: &Vault, person: &PersonRef, name: &str) -> Option<StreamKeys> {
    let reader = vault.reader();
    reader
        .stream(person, &activity(name), &party())
        .expect("reads")
}

#[test]
fn what_is_staged_after_a_person_was_read_is_found_on_its_shelf() {
    let (mut bench, vault, mut model) = absorbed();
    let person = person(&model);
    assert_eq!(find(&vault, &person, "late"), None);
    let caches = &vault.shared.caches;
    let denied = |name: &str| {
        let key = vault.shared.name_key(&person, &activity(name), &party());
        let known = caches.names.get(&person.person);
        known.is_some_and(|names| !names.may_hold(&key))
    };
    assert!(denied("late") && denied("never"), "read once, known now");

    let rows = model.event(&vault, PERSON, "late");
    let position = bench.group(&vault, rows);
    assert!(
        find(&vault, &person, "late").is_some(),
        "while it is pending"
    );
    vault.absorb(position).expect("absorbs");
    caches.named.clear();
    assert!(!denied("late") && denied("never"));
    model.check(&vault);
}

#[test]
fn whoever_read_a_person_before_a_stream_was_staged_remembers_nothing() {
    let (mut bench, vault, mut model) = absorbed();
    let person = person(&model);
    let names = &vault.shared.caches.names;
    let before = names.version();
    let rows = model.event(&vault, PERSON, "late");
    let position = bench.group(&vault, rows);
    vault.absorb(position).expect("absorbs");
    names.put(before, person.person, Names::default());
    assert_eq!(names.get(&person.person), None);
    model.check(&vault);
}

#[test]
fn a_staged_person_and_stream_are_known_without_their_shelf() {
    let (mut bench, mut model) = (Bench::new(72), Model::default());
    let vault = bench.open();
    let rows = model.event(&vault, PERSON, "first");
    let position = bench.group(&vault, rows);
    vault.absorb(position).expect("absorbs");
    let (person, caches) = (person(&model), &vault.shared.caches);
    let key = |name: &str| vault.shared.name_key(&person, &activity(name), &party());
    let names = caches.names.get(&person.person).expect("is known");
    assert!(names.may_hold(&key("first")) && !names.may_hold(&key("never")));
    assert_eq!(
        caches.named.get(&key("first")),
        find(&vault, &person, "first")
    );
    // A rotation forgets all of it.
    caches.clear();
    assert_eq!(caches.names.get(&person.person), None);
    model.check(&vault);
}

/// A section's rows are shuffled: half the time a stream is replayed before its person.
#[test]
fn a_replayed_stream_is_not_denied_once_it_lies_on_its_shelf() {
    for seed in 0..20 {
        let (mut bench, mut model) = (Bench::new(seed), Model::default());
        let vault = bench.open();
        let rows = model.event(&vault, PERSON, "first");
        let position = bench.group(&vault, rows);
        drop(vault);
        let vault = bench.open();
        vault.absorb(position).expect("absorbs");
        vault.shared.caches.named.clear();
        let person = person(&model);
        assert!(find(&vault, &person, "first").is_some(), "seed {seed}");
        model.check(&vault);
    }
}
