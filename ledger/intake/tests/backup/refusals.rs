//! Files that are not what was written, targets that are not empty, ledgers that may not go on; and what no file may hold.

use std::path::Path;
use std::sync::Arc;

use ground::{Crash, Open, Random, SeededRandom, TestClock};
use intake::IntakeError;
use intake::backup::{
    BackupError, Known, Part, RestoreVerdict, list, recovery_key_pair, rehearse, restore,
    restore_closing, verify,
};
use intake::engine::Outcome;
use intake::ledger::{Ground, open};
use proto::Origin;

use crate::bench::{Bench, MARK, NOW_MS, bytes_of, put_bytes, record, settings, simulated};

#[test]
fn a_flipped_or_missing_byte_anywhere_is_refused_before_anything_is_written() {
    let (disk, bench) = simulated(5);
    let mut opened = bench.open();
    for number in 0..12 {
        bench.publish(&mut opened, number % 3);
    }
    opened.stepped.keeper.checkpoint().expect("a checkpoint");
    let bundle = bench.take(&opened).expect("a backup").bundle;
    let (shared, luck) = (disk.shared(), SeededRandom::new(6));
    for path in [bundle.journal(), bundle.vault(), bundle.manifest()] {
        let whole = bytes_of(&shared, &path);
        let draws = (0..60).map(|_| u64::from_be_bytes(ground::array(&luck as &dyn Random)));
        let length = whole.len() as u64;
        let places = draws
            .map(|draw| draw % length)
            .chain(0..48)
            .chain(length - 8..length);
        for place in places {
            let mut other = whole.clone();
            other[place as usize] ^= 1 << (place % 8);
            put_bytes(&shared, &path, &other);
            let refused = bench.restore_to(&bundle, "/new", &Known::NothingNewer);
            assert!(refused.is_err(), "byte {place} of {}", path.display());
        }
        for length in [0, 1, 9, whole.len() / 2, whole.len() - 1] {
            put_bytes(&shared, &path, &whole[..length]);
            let refused = bench.restore_to(&bundle, "/new", &Known::NothingNewer);
            assert!(refused.is_err(), "{length} bytes of {}", path.display());
        }
        let longer = [&whole[..], &[0]].concat();
        put_bytes(&shared, &path, &longer);
        assert!(
            bench
                .restore_to(&bundle, "/new", &Known::NothingNewer)
                .is_err()
        );
        assert!(
            !shared.exists(Path::new("/new")).expect("the disk works"),
            "nothing was written"
        );
        put_bytes(&shared, &path, &whole);
    }
    bench
        .restore_to(&bundle, "/new", &Known::NothingNewer)
        .expect("whole again");
}

#[test]
fn another_key_ledger_backup_or_a_full_target_is_refused_by_its_code() {
    let (disk, bench) = simulated(6);
    let mut opened = bench.open();
    bench.publish(&mut opened, 1);
    let older = bench.take(&opened).expect("a backup").bundle;
    bench.publish(&mut opened, 2);
    let newer = bench.take(&opened).expect("a backup").bundle;
    let shared = disk.shared();
    let known = Known::NothingNewer;
    let place = settings(Path::new("/new"));
    let (_, stranger) = recovery_key_pair(&SeededRandom::new(99));
    let refused = restore(&bench.ground, &newer, &stranger, &place, &known);
    assert!(matches!(refused, Err(BackupError::WrongKey(id)) if id == bench.public.id()));
    let mut other = settings(Path::new("/new"));
    other.name.origin = Origin::new("test.eastmere.example/counterfoil").expect("a good origin");
    let refused = restore(&bench.ground, &newer, &bench.secret, &other, &known);
    assert!(matches!(refused, Err(BackupError::OtherLedger)));
    let refused = restore(
        &bench.ground,
        &newer,
        &bench.secret,
        &bench.settings,
        &known,
    );
    assert!(matches!(
        refused,
        Err(BackupError::TargetNotEmpty("ledger directory"))
    ));
    let mut full = settings(Path::new("/new"));
    full.places.checkpoints = bench.settings.places.checkpoints.clone();
    let refused = restore(&bench.ground, &newer, &bench.secret, &full, &known);
    assert!(matches!(
        refused,
        Err(BackupError::TargetNotEmpty("checkpoint directory"))
    ));
    for (from, to) in [
        (older.vault(), newer.vault()),
        (older.journal(), newer.journal()),
    ] {
        let own = bytes_of(&shared, &to);
        put_bytes(&shared, &to, &bytes_of(&shared, &from));
        let refused = bench.restore_to(&newer, "/new", &known);
        assert!(matches!(refused, Err(BackupError::Mixed)));
        put_bytes(&shared, &to, &own);
    }
    let gone = bytes_of(&shared, &newer.vault());
    shared.remove(&newer.vault()).expect("it can be removed");
    let refused = bench.restore_to(&newer, "/new", &known);
    assert!(matches!(refused, Err(BackupError::Missing(Part::Vault))));
    shared
        .open(&newer.vault(), Open::Create)
        .expect("it can be made");
    put_bytes(&shared, &newer.vault(), &gone);
    let forged = Known::Note(b"test.westmere.example/counterfoil/0\n9\nAAAA\n\n".to_vec());
    let refused = bench.restore_to(&newer, "/new", &forged);
    assert!(matches!(refused, Err(BackupError::BadCheckpoint(_))));
    assert!(
        !shared.exists(Path::new("/new")).expect("the disk works"),
        "nothing was written"
    );
    bench
        .restore_to(&newer, "/new", &known)
        .expect("nothing was in its way");
}

/// C-4: what was signed after the backup, or beside it, keeps the restored ledger from writing.
#[test]
fn a_ledger_that_signed_more_is_restored_to_be_read_only() {
    let (disk, bench) = simulated(7);
    let mut opened = bench.open();
    bench.publish(&mut opened, 1);
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    // The same ledger went another way on a copy of its disk.
    let fork = disk.fork(8);
    let there = bench.on(&fork, 8);
    let note_of = |bench: &Bench, person| {
        let mut opened = bench.open();
        bench.publish(&mut opened, person);
        opened.stepped.keeper.checkpoint().expect("a checkpoint");
        let newest = opened.published.newest().expect("a checkpoint");
        (
            Known::Note(newest.note.clone().into_bytes()),
            newest.checkpoint.size,
            opened,
        )
    };
    let (known, size, opened) = note_of(&bench, 2);
    let later = bench.take(&opened).expect("a backup").bundle;
    let (forked, _, _) = note_of(&there, 3);

    let short = settings(Path::new("/short"));
    let restored = restore(&bench.ground, &bundle, &bench.secret, &short, &known);
    let verdict = restored.expect("an empty place").verdict;
    assert_eq!(
        verdict,
        RestoreVerdict::Shorter {
            restored: bundle.next.0,
            known: size
        }
    );
    let temporary = settings(Path::new("/rehearsal"));
    let rehearsed = rehearse(&bench.ground, &bundle, &bench.secret, &temporary, &known);
    let (rehearsed, report) = rehearsed.expect("the backup itself is whole");
    assert_eq!((rehearsed.verdict, report.events), (verdict, bundle.next.0));
    disk.restart(Crash::PowerCut);
    match open(&bench.ground, &short) {
        Err(IntakeError::Journal(journal::JournalError::Damaged(_))) => {}
        Err(cause) => panic!("refused for another reason: {cause}"),
        Ok(_) => panic!("it would sign a tree that does not extend the last one"),
    }
    let journal = short.places.journal();
    let read = journal::open_read_only(&bench.ground.disk, &journal, journal::Floor::default());
    let read = read.expect("it can be read");
    assert_eq!(read.reader.watermark().next, bundle.next);

    let refused = bench.restore_to(&later, "/forked", &forked);
    assert!(matches!(refused, Err(BackupError::Forked)));
    assert!(open(&bench.ground, &settings(Path::new("/forked"))).is_err());
    let longer = bench
        .restore_to(&later, "/longer", &known)
        .expect("it reaches the checkpoint");
    open(&bench.ground, &longer).expect("it goes on");
}

/// C-4: each time another chain under other keys, whatever was signed before; what the backup has keeps its foils.
#[test]
fn a_closed_chain_is_followed_by_one_that_contradicts_nothing() {
    let (disk, bench) = simulated(9);
    let mut opened = bench.open();
    let mut before = vec![bench.publish(&mut opened, 1)];
    before.push(bench.publish(&mut opened, 2));
    let bundle = bench.take(&opened).expect("a backup").bundle;
    let lost = bench.publish(&mut opened, 3);
    opened.stepped.keeper.checkpoint().expect("a checkpoint");
    let newest = opened.published.newest().expect("a checkpoint");
    drop(opened);
    let known = Known::Note(newest.note.clone().into_bytes());
    let mut lines = vec![newest.checkpoint.origin_line.clone()];
    let mut second = NOW_MS;
    for (place, known) in [("/first", &known), ("/second", &Known::NothingNewer)] {
        second += 1000;
        let ground = Ground {
            clock: Arc::new(TestClock::at(second)),
            ..bench.ground.clone()
        };
        let to = settings(Path::new(place));
        let (_, closing) =
            restore_closing(&ground, &bundle, &bench.secret, &to, known).expect("goes on");
        let missing = newest.checkpoint.size - bundle.next.0;
        let shown = matches!(known, Known::Note(_));
        assert_eq!(closing.lost, if shown { missing } else { 0 });
        disk.restart(Crash::PowerCut);
        let to = to.on_chain(closing.opened);
        let mut opened = open(&bench.ground, &to).expect("it goes on");
        bench.check_foils(&mut opened, &before, bundle.next);
        // The lost event again: another link at an index of another chain.
        let again = bench.event(lost.id, lost.person);
        let Outcome::Recorded(receipt) = record(&mut opened, again) else {
            panic!("what was lost is new")
        };
        let foil = receipt.foil();
        assert_ne!(foil.encode(), lost.foil);
        assert_eq!(foil.chain, closing.opened);
        opened.stepped.keeper.checkpoint().expect("a checkpoint");
        let signed = opened.published.newest().expect("a checkpoint");
        lines.push(signed.checkpoint.origin_line.clone());
        verify(&opened.records, &opened.published, &opened.tree).expect("everything opens");
        drop(opened);
        // Another start, from the floor that the opened chain signed.
        let opened = open(&bench.ground, &to).expect("it starts again");
        if place == "/first" {
            let taken = bench.take(&opened).expect("a backup of both chains");
            assert_eq!(taken.manifest.statement.chain, closing.opened);
        }
    }
    let all = lines.len();
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), all, "one name signs two histories: {lines:?}");
}

#[test]
fn no_backup_file_holds_a_value_a_root_or_a_recovery_secret() {
    let (disk, bench) = simulated(8);
    let mut opened = bench.open();
    for number in 0..30 {
        bench.publish(&mut opened, number);
    }
    bench.take(&opened).expect("a backup");
    // Magic and generation lie before the key in each of the two slots.
    let root = bytes_of(&disk.shared(), &bench.settings.places.vault().join("root"));
    let roots: Vec<&[u8]> = [16..48, 528..560]
        .into_iter()
        .map(|place| &root[place])
        .collect();
    assert!(
        roots.iter().any(|root| root.iter().any(|byte| *byte != 0)),
        "a root is there"
    );
    let secret = bench.secret.expose();
    let mut forbidden: Vec<&[u8]> = vec![MARK.as_bytes(), secret.as_bytes()];
    forbidden.extend(
        roots
            .into_iter()
            .filter(|root| root.iter().any(|byte| *byte != 0)),
    );
    let mut seen = 0;
    for raw in disk.raw() {
        if !raw.name.starts_with("/backups/") {
            continue;
        }
        seen += 1;
        for word in &forbidden {
            let found = raw.bytes.windows(word.len()).any(|window| window == *word);
            assert!(!found, "{} holds what it must not", raw.name);
        }
    }
    assert!(seen >= 3);
    for bundle in list(&disk.shared(), &bench.backups).expect("a directory") {
        for path in [bundle.journal(), bundle.vault(), bundle.manifest()] {
            let file = disk.shared().open(&path, Open::Read).expect("it is there");
            assert_eq!(file.mode().expect("it has a mode"), 0o600);
        }
    }
}
