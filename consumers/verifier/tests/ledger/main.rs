//! A journal written here from the drawing, then damaged byte by byte: each damage is found where it is.

mod files;
mod hostile;
mod invented;

use std::fs;

use chain::checkpoint::Checkpoint;
use chain::note::SigningKey;
use chain::tree;
use invented::*;
use proto::{Hash, Index};
use verifier::{Opened, Opener, Word, verify_directory, verify_ledger};

#[test]
fn a_whole_journal_is_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    assert!(
        places.last().is_some_and(|place| place.0 > 0),
        "more than one segment"
    );
    let verdict = verify(dir.path(), &[0, 4, 10, 18]);
    assert_eq!(
        (verdict.word, verdict.exit_code()),
        (Word::Pinned, 0),
        "{}",
        verdict.to_text()
    );
    assert!(verdict.to_text().contains("verified with pinned keys"));
    assert_eq!(verdict.to_json()["verdict"], "verified with pinned keys");
    assert!(!verdict.not_established.is_empty());
    let unpinned = verify_directory(dir.path(), &[], &[checkpoint(18)], None).expect("readable");
    assert_eq!(unpinned.word, Word::Unpinned);
    assert!(unpinned.to_text().contains("consistent but unpinned"));
    let place = dir.path().to_str().expect("a path");
    assert!(verify_ledger(place, &keys(), &[checkpoint(18)]).is_ok_and(|v| v.word == Word::Pinned));
}

#[test]
fn every_changed_byte_below_the_checkpoint_is_found_in_its_group() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let (notes, keys) = ([checkpoint(18)], keys());
    let verify = || verify_directory(dir.path(), &keys, &notes, None).expect("readable");
    for (number, (segment, offset, length)) in places.iter().enumerate() {
        let first: usize = GROUPS[..number].iter().sum();
        // Every byte of the first two groups, which have all kinds of fields; then every fifth.
        let step = if number < 2 { 1 } else { 5 };
        for at in (*offset..offset + length).step_by(step) {
            change(dir.path(), *segment, at, 0x04);
            let verdict = verify();
            if verdict.word == Word::Failed {
                let damage = verdict.damage.expect("a failed verdict names it");
                let place = damage.place.expect("in a group");
                assert_eq!(
                    (place.segment, place.group),
                    (*segment, number as u64 + 1),
                    "{at}"
                );
                let index = damage.index.unwrap_or(first as u64);
                assert!((first as u64..first as u64 + GROUPS[number] as u64).contains(&index));
                assert!((*offset as u64..(offset + length) as u64).contains(&place.offset));
            } else {
                // Only slot bytes (or the full digest over them) may differ: with keys it shows.
                let said = verdict
                    .not_established
                    .iter()
                    .any(|line| line.contains("slot bytes"));
                assert!(said, "group {} byte {at}", number + 1);
            }
            change(dir.path(), *segment, at, 0x04);
        }
    }
    for at in (0..4096).step_by(13).chain([4095]) {
        change(dir.path(), 1, at, 0x01);
        assert_eq!(verify().word, Word::Failed, "segment header byte {at}");
        change(dir.path(), 1, at, 0x01);
    }
    assert_eq!(verify().word, Word::Pinned);
}

/// Knows what the records hold, as one who has the keys does.
struct Holder {
    gone: Option<u64>,
}

impl Opener for Holder {
    fn open(&mut self, index: Index, _sealed: &[u8]) -> Option<Opened> {
        let number = usize::try_from(index.0).expect("few");
        let digest = |n| (self.gone != Some(index.0)).then(|| chain::sha256(&slot(number, n)));
        Some(Opened {
            salt: [7; 32],
            record: record(number),
            slots: (0..slots(number)).map(digest).collect(),
        })
    }
}

#[test]
fn with_keys_a_changed_slot_is_named_and_an_erased_one_is_not_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let run = |gone| {
        let mut holder = Holder { gone };
        verify_directory(dir.path(), &keys(), &[checkpoint(18)], Some(&mut holder))
            .expect("readable")
    };
    assert_eq!(run(None).word, Word::Pinned);
    // Group 2 holds indices 1 to 3; the first slot byte behind its heads is index 1's.
    let (segment, offset, _) = places[1];
    let heads: usize = (1..4).map(|index| head(index, &links()[index]).len()).sum();
    change(dir.path(), segment, offset + 96 + heads + 3, 0xff);
    let damage = run(None).damage.expect("a changed slot");
    assert_eq!(
        (damage.rule.as_str(), damage.index),
        ("slot digest", Some(1))
    );
    assert_eq!(run(Some(1)).word, Word::Pinned);
    // The same change above the floor cannot be an erasure.
    let verdict = verify(dir.path(), &[1]);
    assert_eq!(
        verdict.damage.map(|damage| damage.rule),
        Some("full digest".to_owned())
    );
}

#[test]
fn missing_files_groups_and_forged_checkpoints() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let (segment, offset, length) = *places.last().expect("groups");
    let path = dir.path().join(format!("{segment:010}.segment"));
    let whole = fs::read(&path).expect("a segment");
    let mut cut = whole.clone();
    cut[offset..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    let damage = verify(dir.path(), &[18])
        .damage
        .expect("five links are missing");
    assert_eq!(
        (damage.expected.as_str(), damage.actual.as_str()),
        ("18", "13")
    );
    // Above the floor a missing group shows only to who holds a later checkpoint: the verdict says so.
    let verdict = verify(dir.path(), &[10]);
    assert_eq!(verdict.word, Word::Pinned);
    assert!(
        verdict
            .not_established
            .iter()
            .any(|line| line.contains("the last 3 links"))
    );
    // Half a group at the end is an unfinished write, and is said.
    cut[offset..offset + 96].copy_from_slice(&whole[offset..offset + 96]);
    fs::write(&path, &cut).expect("written");
    let verdict = verify(dir.path(), &[10]);
    assert_eq!(verdict.word, Word::Pinned);
    assert!(
        verdict
            .not_established
            .iter()
            .any(|line| line.contains("not whole"))
    );
    assert_eq!(verify(dir.path(), &[18]).word, Word::Failed);
    fs::write(&path, &whole).expect("written");

    let other = SigningKey::new(checkpoint_key().verifier().name(), &[3; 32]).expect("a key");
    let root = tree::root_of(
        &links()[..10]
            .iter()
            .map(chain::leaf_hash)
            .collect::<Vec<_>>(),
    );
    let forged = Checkpoint::new(&origin(), CHAIN, 10, root)
        .sign(&other)
        .expect("signed");
    let verdict = verify_directory(dir.path(), &keys(), &[forged.into_bytes()], None);
    assert_eq!(verdict.expect("readable").word, Word::Failed);
    let wrong = Checkpoint::new(&origin(), CHAIN, 10, Hash([1; 32])).sign(&checkpoint_key());
    let wrong = wrong.expect("signed").into_bytes();
    let verdict = verify_directory(dir.path(), &keys(), &[wrong], None).expect("readable");
    assert_eq!(
        verdict.damage.map(|damage| damage.rule),
        Some("tree root".to_owned())
    );
    fs::remove_file(dir.path().join("0000000000.segment")).expect("removed");
    assert_eq!(verify(dir.path(), &[18]).word, Word::Failed);
}

#[test]
fn a_watermark_promises_what_lies_below_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let places = write(dir.path());
    let mut mark = [
        b"CFOILWMK".as_slice(),
        &[0; 16],
        &7_u64.to_be_bytes(),
        &[0; 8],
        &18_u64.to_be_bytes(),
    ]
    .concat();
    mark = sealed(mark);
    mark.resize(512, 0);
    fs::write(dir.path().join("watermark"), mark).expect("written");
    assert_eq!(verify(dir.path(), &[10]).word, Word::Pinned);
    let (segment, offset, length) = *places.last().expect("groups");
    let path = dir.path().join(format!("{segment:010}.segment"));
    let mut cut = fs::read(&path).expect("a segment");
    cut[offset + 200..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    assert_eq!(verify(dir.path(), &[10]).word, Word::Failed);
    cut[offset..offset + length].fill(0);
    fs::write(&path, &cut).expect("written");
    let damage = verify(dir.path(), &[10])
        .damage
        .expect("a promised group is gone");
    assert_eq!(damage.rule, "groups up to the watermark");
}
