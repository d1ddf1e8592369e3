//! Rotations end to end, and cut at every disk operation.

mod justified;
mod late;
mod old_pages;

use std::path::Path;

use ground::Crash;

use super::*;
use crate::open::open;
use crate::part::PartRows;
use crate::vault::tests::{Bench, DIR, Model, options};

/// Absorbs, carries the intake key and steps until done.
pub(crate) fn rotate(
    bench: &mut Bench,
    vault: &Vault,
    destroy: Destroy,
) -> Result<Rotated, VaultError> {
    let key = vault.rotation_begin(destroy)?;
    let mut position = bench.group(vault, vec![key]);
    loop {
        match vault.rotate_step(position)? {
            RotationStep::AwaitsBacklog(_) => vault.absorb(position)?,
            RotationStep::Done(rotated) => return Ok(rotated),
            RotationStep::AwaitsIntakeKey => position = bench.group(vault, Vec::new()),
            _ => {}
        }
    }
}

/// A whole night: next finding keys, every finding shelf re-sealed, the old keys dropped.
pub(crate) fn night(bench: &mut Bench, vault: &Vault) {
    for finding in [FindingKeys::Begin, FindingKeys::Finish] {
        let keys = Destroy {
            finding,
            ..Destroy::default()
        };
        rotate(bench, vault, keys).expect("rotates");
        while finding == FindingKeys::Begin && !vault.nightly_step(1 << 20).expect("re-seals") {}
    }
}

fn filled(seed: u64) -> (Bench, Vault, Model) {
    let mut bench = Bench::new(seed);
    let vault = bench.open();
    let mut model = Model::default();
    for person in 0..30 {
        for name in ["a", "b"] {
            let rows = model.event(&vault, person, name);
            bench.group(&vault, rows);
        }
    }
    let carrier = *model.streams.keys().next().expect("there are streams");
    let others: Vec<PersonRef> = model.aliases.values().copied().take(3).collect();
    for person in others {
        let rows = model.mention(&vault, carrier, person);
        bench.group(&vault, rows);
    }
    let rows = model.event(&vault, 99, "a");
    let position = bench.group(&vault, rows);
    vault.absorb(position).expect("absorbs");
    (bench, vault, model)
}

fn victim(model: &Model) -> (PersonRef, StreamId) {
    let (stream, (person, ..)) = model.streams.iter().next().expect("there are streams");
    (*person, *stream)
}

fn destroy_stream(model: &Model) -> Destroy {
    let (person, stream) = victim(model);
    let entry = DestroyStream {
        stream,
        last: Index(7),
        person: Some(person),
    };
    Destroy {
        streams: vec![entry],
        ..Destroy::default()
    }
}

fn secrets_on_disk(bench: &Bench, secret: &[u8]) -> bool {
    bench
        .sim
        .raw()
        .iter()
        .any(|raw| raw.bytes.windows(secret.len()).any(|bytes| bytes == secret))
}

#[test]
fn a_destroyed_stream_is_gone_and_everything_else_is_found() {
    let (mut bench, vault, mut model) = filled(1);
    let (person, stream) = victim(&model);
    let keys = vault
        .reader()
        .keys_of_stream(stream)
        .expect("reads")
        .expect("lives");
    let generation = vault.generation();
    let root_before = bench
        .sim
        .durable_bytes(&Path::new(DIR).join("root"))
        .expect("there");
    let rotated = rotate(&mut bench, &vault, destroy_stream(&model)).expect("rotates");
    assert_eq!(rotated.generation, generation + 1);
    assert!(rotated.tags.contains(&keys.fence_tag()));
    // The stream carried three mentions: they died with it, in the same transaction.
    assert_eq!(rotated.tags.len(), 4);
    let reader = vault.reader();
    assert_eq!(reader.keys_of_stream(stream).expect("reads"), None);
    assert!(reader.is_fenced(&keys.fence_tag()));
    assert_eq!(reader.destroyed_tags().len(), 4);
    for mention in model.mentions.keys() {
        assert_eq!(reader.mention_secret(mention).expect("reads"), None);
    }
    let streams = reader.streams_of(&person).expect("reads");
    assert!(streams.iter().all(|found| found.keys.stream != stream));

    // The old root is in no byte of the disk.
    let slot = usize::from(generation % 2 == 1) * 512;
    let old_root = root_before.get(slot + 16..slot + 48).expect("a slot");
    assert!(old_root.iter().any(|byte| *byte != 0));
    assert!(
        !secrets_on_disk(&bench, old_root),
        "the old root is still on the disk"
    );
    assert!(!secrets_on_disk(&bench, keys.secret.expose()));

    model.streams.remove(&stream);
    model.mentions.clear();
    model.check(&vault);
    drop(vault);
    let again = bench.open();
    model.check(&again);
    assert!(!again.report().finished_rotation);
}

#[test]
fn record_and_dedup_keys_are_destroyed_and_a_person_dies_with_the_last_stream() {
    let (mut bench, vault, model) = filled(2);
    let month = proto::ids::Month(202_601);
    let key = Row::RecordKey {
        class: 2,
        month,
        key: Key32::new([1; 32]),
    };
    let dedup = Row::DedupKey {
        source: "//crm".into(),
        year: 2026,
        key: Key32::new([2; 32]),
    };
    let position = bench.group(&vault, vec![key, dedup]);
    vault.absorb(position).expect("absorbs");
    let person = *model.aliases.get("99").expect("known");
    let streams = vault.reader().streams_of(&person).expect("reads");
    let destroy = Destroy {
        streams: streams
            .iter()
            .map(|found| DestroyStream {
                stream: found.keys.stream,
                last: Index(1),
                person: Some(person),
            })
            .collect(),
        record_keys: vec![RecordKeyName { class: 2, month }],
        dedup_keys: vec![("//crm".into(), 2026)],
        ..Destroy::default()
    };
    assert!(vault.reader().exists(&person).expect("reads"));
    rotate(&mut bench, &vault, destroy).expect("rotates");
    drop(vault);
    let vault = bench.open();
    let reader = vault.reader();
    assert!(!reader.exists(&person).expect("reads"));
    assert!(reader.record_key(2, month).is_none());
    assert!(reader.dedup_keys("//crm").is_empty());
}

#[test]
fn the_nightly_re_key_drops_what_names_the_dead_and_keeps_the_rest() {
    let (mut bench, vault, mut model) = filled(3);
    let (_, stream) = victim(&model);
    rotate(&mut bench, &vault, destroy_stream(&model)).expect("rotates");
    let begin = Destroy {
        finding: FindingKeys::Begin,
        ..Destroy::default()
    };
    rotate(&mut bench, &vault, begin).expect("rotates");
    let early = vault.rotation_begin(Destroy {
        finding: FindingKeys::Finish,
        ..Destroy::default()
    });
    assert!(matches!(early, Err(VaultError::OutOfOrder(_))));
    // Rows come in, and the process restarts, while it runs.
    let mut vault = vault;
    let mut person = 200;
    while !vault.nightly_step(1).expect("re-seals") {
        let rows = model.event(&vault, person, "night");
        let position = bench.group(&vault, rows);
        vault.absorb(position).expect("absorbs");
        drop(vault);
        vault = bench.open();
        assert!(vault.report().nightly_at.is_some());
        person += 1;
    }
    let finish = Destroy {
        finding: FindingKeys::Finish,
        ..Destroy::default()
    };
    rotate(&mut bench, &vault, finish).expect("rotates");
    model.streams.remove(&stream);
    model.mentions.clear();
    model.check(&vault);
    for rows in vault.export() {
        for row in rows.expect("reads") {
            let bytes = row.encode().expect("encodes");
            let names = bytes.windows(16).any(|window| window == stream.0);
            assert!(
                !names || row.level() == Level::Service,
                "{row:?} names the dead"
            );
        }
    }
    assert!(
        vault.rotation_begin(Destroy::default()).is_ok(),
        "nothing is left under way"
    );
}

/// Every disk operation of a rotation is the last one before a crash, of each kind. After it the vault opens, nothing that lives is lost,
/// and either the rotation never happened or it is finished by `open`.
#[test]
fn a_rotation_may_be_cut_anywhere() {
    let (mut bench, vault, model) = filled(4);
    drop(vault);
    let (_, stream) = victim(&model);
    let before = bench.sim.fork(1);
    let vault = bench.open();
    let start = bench.sim.operations();
    rotate(&mut bench, &vault, destroy_stream(&model)).expect("rotates");
    let count = bench.sim.operations() - start;
    drop(vault);
    assert!(count > 10, "{count} operations");
    let sections = bench.sections.clone();
    for cut in 1..=count {
        for crash in [Crash::Kill, Crash::PowerCut] {
            let sim = before.fork(cut);
            let mut bench = Bench {
                disk: sim.shared(),
                random: bench.random.clone(),
                sections: sections[..sections.len() - 1].to_vec(),
                sim,
            };
            let vault = bench.open();
            bench.sim.crash_at(bench.sim.operations() + cut);
            let cut_short = rotate(&mut bench, &vault, destroy_stream(&model)).is_err();
            drop(vault);
            bench.sim.restart(crash);
            let vault = bench.open();
            let gone = vault
                .reader()
                .keys_of_stream(stream)
                .expect("reads")
                .is_none();
            assert!(gone || cut_short, "cut at {cut}: done and undone");
            if !gone {
                rotate(&mut bench, &vault, destroy_stream(&model)).expect("again");
            }
            let mut left = Model::default();
            left.aliases = model.aliases.clone();
            left.streams = model.streams.clone();
            left.streams.remove(&stream);
            left.check(&vault);
        }
    }
}

#[test]
fn without_an_opening_slot_nothing_is_written() {
    let (bench, vault, _) = filled(5);
    drop(vault);
    let path = Path::new(DIR).join("root");
    let file = bench.disk.open(&path, ground::Open::Write).expect("opens");
    file.write_all_at(&[7; 512], 512).expect("writes");
    let before = bench.disk.open(&path, ground::Open::Read).expect("opens");
    let refused = open(&bench.disk, Path::new(DIR), &options(), &bench.random);
    assert!(matches!(refused, Err(VaultError::NoOpeningSlot)));
    let mut bytes = [0; 512];
    before.read_exact_at(&mut bytes, 512).expect("reads");
    assert_eq!(bytes, [7; 512], "left as it was for whoever looks into it");
}

/// A night whose event the ledger had no room for must not forbid every later one.
#[test]
fn a_rotation_whose_key_is_in_no_group_is_given_up() {
    let (mut bench, vault, _) = filled(11);
    vault.rotation_begin(Destroy::default()).expect("begins");
    assert!(vault.rotation_begin(Destroy::default()).is_err());
    vault.rotation_abandon();
    let key = vault
        .rotation_begin(Destroy::default())
        .expect("begins anew");
    bench.group(&vault, vec![key]);
    vault.rotation_abandon();
    assert!(
        vault.rotation_begin(Destroy::default()).is_err(),
        "its key is in a group: it goes on"
    );
}
