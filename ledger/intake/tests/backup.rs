//! Backup and restore of a whole ledger: while it writes, across crashes, and against every file that is not what was written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ground::{Crash, Disk, Open, Random, RealDisk, SeededRandom, SharedDisk, SimDisk, TestClock};
use intake::IntakeError;
use intake::admit::cloudevent::structured;
use intake::admit::{Admitted, Publisher, admit};
use intake::append::Name;
use intake::backup::{
    BackupError, Bundle, Known, Part, RecoveryPublic, RecoverySecret, Request, RestoreVerdict,
    Source, Taken, backup_taken, list, recovery_key_pair, rehearse, restore, take, verify,
};
use intake::desk::Directed;
use intake::engine::{Outcome, Submit};
use intake::found::found;
use intake::ledger::{Ground, Opened, Places, Settings, open};
use intake::run::Engine;
use proto::{ChainNumber, Index, Origin, PublisherCode, StaffReference, UnixMillis};

const NOW_MS: i64 = 1_795_000_000_000;
/// A value that only slots and vault rows hold.
const MARK: &str = "MARK-8841097-";
const COLLECTED: &str = "uk.counterfoil.collection.collected.v1";

/// One ledger, and who may restore it.
struct Bench {
    ground: Ground,
    settings: Settings,
    ids: SeededRandom,
    public: RecoveryPublic,
    secret: RecoverySecret,
    backups: PathBuf,
}

/// An acknowledged event: how to publish it again, and its foil.
struct Acknowledged {
    id: [u8; 16],
    person: u64,
    index: Index,
    foil: Vec<u8>,
}

fn name() -> Name {
    Name {
        origin: Origin::new("test.westmere.example/counterfoil").expect("a good origin"),
        chain: ChainNumber(0),
    }
}

fn settings(base: &Path) -> Settings {
    let places = Places {
        dir: base.join("ledger"),
        checkpoints: base.join("checkpoints"),
    };
    let mut settings = Settings::new(name(), places, true, 640);
    settings.generation_events = 8;
    settings.journal.segment_bytes = 64 << 10;
    settings.journal.group_bytes_max = 32 << 10;
    settings.journal.torn_scan_bytes = 32 << 10;
    settings
}

fn bench(disk: SharedDisk, base: &Path) -> Bench {
    let ground = Ground {
        disk,
        clock: Arc::new(TestClock::at(NOW_MS)),
        random: Arc::new(SeededRandom::new(7)),
    };
    let settings = settings(base);
    let dpo = StaffReference::new("0".repeat(32)).expect("a good reference");
    found(&ground, &settings, &dpo).expect("an empty disk takes a ledger");
    let (public, secret) = recovery_key_pair(&SeededRandom::new(11));
    Bench {
        ground,
        settings,
        ids: SeededRandom::new(9),
        public,
        secret,
        backups: base.join("backups"),
    }
}

fn simulated(seed: u64) -> (SimDisk, Bench) {
    let disk = SimDisk::new(seed);
    let bench = bench(disk.shared(), Path::new("/"));
    (disk, bench)
}

impl Bench {
    /// The same ledger on another disk, with other luck.
    fn on(&self, disk: &SimDisk, seed: u64) -> Bench {
        Bench {
            ground: Ground {
                disk: disk.shared(),
                clock: self.ground.clock.clone(),
                random: Arc::new(SeededRandom::new(seed)),
            },
            settings: self.settings.clone(),
            ids: SeededRandom::new(seed),
            public: self.public,
            secret: RecoverySecret::parse(&self.secret.expose()).expect("its own text"),
            backups: self.backups.clone(),
        }
    }

    fn open(&self) -> Opened {
        open(&self.ground, &self.settings).expect("the ledger opens")
    }

    fn event(&self, id: [u8; 16], person: u64) -> Admitted {
        let id = uuid::Builder::from_random_bytes(id).into_uuid();
        let data = proto::example_data(proto::fact_by_type(COLLECTED).expect("known"));
        let text = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"//crm.westmere.example",
            "type":"{COLLECTED}","time":"2026-11-18T09:00:00Z",
            "datacontenttype":"application/json","data":{}}}"#,
            data.replace("C-1004417", &format!("{MARK}{person}"))
        );
        let event = structured(text.as_bytes()).expect("a good event");
        let publisher = Publisher {
            code: PublisherCode::new("crm").expect("a good code"),
            sources: ["//crm.westmere.example".to_owned()].into(),
            families: ["collection".to_owned()].into(),
            map_ids: false,
        };
        match admit(event, &publisher, UnixMillis(NOW_MS), &*self.ground.random) {
            Ok(admitted) => admitted,
            Err(refused) => panic!("not admitted: {}", refused.refusal),
        }
    }

    fn publish(&self, opened: &mut Opened, person: u64) -> Acknowledged {
        let id = ground::array(&self.ids as &dyn Random);
        let (index, foil) = match record(opened, self.event(id, person)) {
            Outcome::Recorded(receipt) => (receipt.index, receipt.foil.encode()),
            _ => panic!("a new event was not recorded"),
        };
        Acknowledged {
            id,
            person,
            index,
            foil,
        }
    }

    fn take(&self, opened: &Opened) -> Result<Taken, BackupError> {
        let request = Request {
            dir: self.backups.clone(),
            recovery: self.public,
            expires_on: Some(jiff::civil::date(2026, 12, 7)),
        };
        take(&self.ground, Source::of(opened), &request)
    }

    fn restore_to(
        &self,
        taken: &Bundle,
        base: &str,
        known: &Known,
    ) -> Result<Settings, BackupError> {
        let settings = settings(Path::new(base));
        restore(&self.ground, taken, &self.secret, &settings, known)?;
        Ok(settings)
    }

    fn rehearse(&self, taken: &Bundle, base: &str) -> Result<u64, BackupError> {
        let temporary = settings(Path::new(base));
        let known = Known::NothingNewer;
        let (_, report) = rehearse(&self.ground, taken, &self.secret, &temporary, &known)?;
        assert_eq!(
            (report.slots_gone, report.records_gone),
            (0, 0),
            "everything lives"
        );
        assert_eq!(report.records_opened, report.events);
        assert!(
            report.slots_opened >= report.events,
            "every event has a slot"
        );
        Ok(report.events)
    }

    /// C-2, C-3: acknowledged before n means the same foil again.
    fn check_foils(&self, opened: &mut Opened, known: &[Acknowledged], next: Index) {
        for event in known.iter().filter(|event| event.index < next) {
            match record(opened, self.event(event.id, event.person)) {
                Outcome::Repeated(receipt) => assert!(receipt.foil.encode() == event.foil),
                _ => panic!("the event at {} was not known", event.index),
            }
        }
    }
}

fn record(opened: &mut Opened, event: Admitted) -> Outcome {
    let outcomes = opened.stepped.record(vec![Directed::published(event)]);
    let mut outcomes = outcomes.expect("the disk works");
    outcomes.pop().expect("one outcome for one event")
}

fn bytes_of(disk: &SharedDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, Open::Read).expect("the file is there");
    let mut bytes = vec![0; file.len().expect("it has a length") as usize];
    file.read_exact_at(&mut bytes, 0).expect("it can be read");
    bytes
}

fn put_bytes(disk: &SharedDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, Open::Write).expect("the file is there");
    file.set_len(bytes.len() as u64).expect("it can be cut");
    file.write_all_at(bytes, 0).expect("it can be written");
}

#[test]
fn a_backup_between_steps_restores_to_the_same_ledger() {
    let (disk, bench) = simulated(1);
    let mut opened = bench.open();
    let (mut known, mut taken) = (Vec::new(), Vec::new());
    for number in 0..60_u64 {
        known.push(bench.publish(&mut opened, number % 9));
        match number % 13 {
            3 => {
                _ = opened
                    .stepped
                    .keeper
                    .flush()
                    .expect("run files are written")
            }
            5 => _ = opened.stepped.keeper.checkpoint().expect("a checkpoint"),
            7 => {
                let backup = bench.take(&opened).expect("a backup");
                let taken_event = backup_taken(
                    &bench.ground,
                    &name(),
                    proto::clear::Envelope::default(),
                    &backup,
                );
                let event = taken_event.expect("codes of good shape");
                opened.stepped.record(vec![event]).expect("the disk works");
                taken.push(backup.bundle);
            }
            _ => {}
        }
    }
    assert!(matches!(bench.take(&opened), Ok(last) if last.bundle.next > taken[3].next));
    assert!(
        matches!(bench.take(&opened), Err(BackupError::Exists)),
        "nothing was appended since"
    );
    drop(opened);
    let all = list(&bench.ground.disk, &bench.backups).expect("a directory");
    assert_eq!(all.len(), taken.len() + 1);
    let journal = bench.settings.places.journal();
    assert!(
        disk.durable_bytes(&journal.join("0000000001.segment"))
            .is_ok(),
        "two segments"
    );
    for (round, bundle) in all.iter().enumerate() {
        let base = format!("/rehearsal-{round}");
        assert_eq!(
            bench.rehearse(bundle, &base).expect("it is whole"),
            bundle.next.0
        );
        let root = bytes_of(
            &bench.ground.disk,
            &PathBuf::from(&base).join("ledger/vault/root"),
        );
        assert!(
            root.iter().all(|byte| *byte == 0),
            "a rehearsal leaves no root"
        );
        let restored =
            bench.restore_to(bundle, &format!("/restored-{round}"), &Known::NothingNewer);
        let restored = restored.expect("an empty place");
        disk.restart(Crash::PowerCut);
        let mut again = open(&bench.ground, &restored).expect("the restored ledger opens");
        let report = verify(&again).expect("everything opens");
        assert_eq!((report.events, report.slots_gone), (bundle.next.0 + 1, 0));
        assert_eq!(report.checkpoint_size, report.events);
        bench.check_foils(&mut again, &known, bundle.next);
        let first = again
            .records
            .at(bundle.next)
            .expect("its first event")
            .record;
        assert_eq!(first.expect("its key lives").fact.name, "ledger.restored");
        bench.publish(&mut again, 77);
    }
    // Nothing was appended after the last one: its journal is the ledger's, byte for byte.
    let last = PathBuf::from(format!("/rehearsal-{}", all.len() - 1)).join("ledger/journal");
    for segment in ["0000000000.segment", "0000000001.segment", "ledger"] {
        let (a, b) = (journal.join(segment), last.join(segment));
        assert!(
            bytes_of(&bench.ground.disk, &a) == bytes_of(&bench.ground.disk, &b),
            "{segment}"
        );
    }
}

#[test]
fn a_backup_while_the_threads_write_is_true_for_one_position() {
    let (_, bench) = simulated(2);
    let opened = bench.open();
    let (vault, records, published) = (
        opened.vault.clone(),
        opened.records.clone(),
        opened.published.clone(),
    );
    let stepped = opened.stepped;
    let mut keeping = stepped.keeper;
    let engine = Engine::start(
        stepped.sequencer,
        stepped.appender,
        stepped.desk,
        bench.ground.clock.clone(),
    );
    let engine = engine.expect("threads start");
    let name = name();
    let source = Source {
        name: &name,
        journal: records.journal(),
        vault: &vault,
        published: &published,
    };
    let request = Request {
        dir: bench.backups.clone(),
        recovery: bench.public,
        expires_on: None,
    };
    let taken = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            let runtime = runtime.expect("a runtime");
            for number in 0..80_u64 {
                let id = ground::array(&bench.ids as &dyn Random);
                let sent = runtime.block_on(engine.submit(vec![bench.event(id, number % 20)]));
                assert!(matches!(
                    sent.expect("it works").as_slice(),
                    [Outcome::Recorded(_)]
                ));
            }
        });
        let keeper = scope.spawn(move || {
            while !writer.is_finished() {
                keeping.absorb_now().expect("absorbed");
                keeping.checkpoint().expect("a checkpoint");
                std::thread::yield_now();
            }
        });
        let mut taken = Vec::new();
        while !keeper.is_finished() {
            match take(&bench.ground, source, &request) {
                Ok(backup) => taken.push(backup.bundle),
                Err(BackupError::Exists) => {}
                Err(cause) => panic!("{}: {cause}", cause.code()),
            }
        }
        taken
    });
    engine.finish();
    assert!(!taken.is_empty());
    let step = taken.len().div_ceil(4);
    for (round, bundle) in taken.iter().step_by(step).enumerate() {
        let events = bench.rehearse(bundle, &format!("/rehearsal-{round}"));
        assert_eq!(events.expect("it is whole"), bundle.next.0);
    }
}

#[test]
fn a_power_cut_during_a_backup_leaves_none_or_a_whole_one() {
    let (disk, bench) = simulated(3);
    let mut opened = bench.open();
    for number in 0..25 {
        bench.publish(&mut opened, number % 4);
    }
    drop(opened);
    let trial = disk.fork(100);
    let there = bench.on(&trial, 100);
    let opened = there.open();
    let before = trial.operations();
    there.take(&opened).expect("a backup");
    let operations = trial.operations() - before;
    drop(opened);
    let (mut none, mut whole) = (0, 0);
    for at in (0..operations).step_by(3).chain(operations - 8..operations) {
        let trial = disk.fork(200 + at);
        let there = bench.on(&trial, 100);
        let opened = there.open();
        trial.crash_at(trial.operations() + at);
        assert!(
            there.take(&opened).is_err(),
            "operation {at} of {operations}"
        );
        drop(opened);
        trial.restart(if at % 2 == 0 {
            Crash::PowerCut
        } else {
            Crash::Kill
        });
        let opened = there.open();
        let found = if trial
            .shared()
            .exists(&there.backups)
            .expect("the disk works")
        {
            list(&trial.shared(), &there.backups).expect("a directory")
        } else {
            Vec::new()
        };
        match found.first() {
            None => {
                none += 1;
                assert!(
                    there.take(&opened).is_ok(),
                    "the next one is not in the way, {at}"
                );
            }
            Some(bundle) => {
                whole += 1;
                assert_eq!(
                    there.rehearse(bundle, "/r").expect("it is whole"),
                    bundle.next.0
                );
            }
        }
    }
    assert!(none > 0 && whole > 0, "{none} {whole}");
}

#[test]
fn a_power_cut_during_a_restore_leaves_nothing_that_opens_or_everything() {
    let (disk, bench) = simulated(4);
    let mut opened = bench.open();
    let known: Vec<Acknowledged> = (0..20).map(|n| bench.publish(&mut opened, n % 4)).collect();
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    let trial = disk.fork(100);
    let there = bench.on(&trial, 100);
    let before = trial.operations();
    there
        .restore_to(&bundle, "/new", &Known::NothingNewer)
        .expect("an empty place");
    let operations = trial.operations() - before;
    let (mut refused, mut whole) = (0, 0);
    for at in (0..operations).step_by(7).chain(operations - 6..operations) {
        let trial = disk.fork(200 + at);
        let there = bench.on(&trial, 100);
        trial.crash_at(trial.operations() + at);
        let cut = there.restore_to(&bundle, "/new", &Known::NothingNewer);
        assert!(cut.is_err(), "operation {at} of {operations}");
        trial.restart(if at % 2 == 0 {
            Crash::PowerCut
        } else {
            Crash::Kill
        });
        match open(&there.ground, &settings(Path::new("/new"))) {
            Err(_) => refused += 1,
            Ok(mut opened) => {
                whole += 1;
                let report = verify(&opened).expect("everything opens");
                assert_eq!((report.events, report.slots_gone), (bundle.next.0 + 1, 0));
                there.check_foils(&mut opened, &known, bundle.next);
            }
        }
        // The operator begins again elsewhere.
        there
            .restore_to(&bundle, "/newer", &Known::NothingNewer)
            .expect("an empty place");
    }
    assert!(refused > 0 && whole > 0, "{refused} {whole}");
}

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

#[test]
fn a_real_disk_takes_a_backup_and_gives_it_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let bench = bench(Arc::new(RealDisk), dir.path());
    let mut opened = bench.open();
    let known: Vec<Acknowledged> = (0..10).map(|n| bench.publish(&mut opened, n % 3)).collect();
    let bundle = bench.take(&opened).expect("a backup").bundle;
    drop(opened);
    let base = dir.path().join("new");
    let base = base.to_str().expect("UTF-8");
    let restored = bench
        .restore_to(&bundle, base, &Known::NothingNewer)
        .expect("an empty place");
    let mut again = open(&bench.ground, &restored).expect("it opens");
    bench.check_foils(&mut again, &known, bundle.next);
    assert_eq!(
        RealDisk
            .open(&bundle.vault(), Open::Read)
            .and_then(|f| f.mode())
            .ok(),
        Some(0o600)
    );
}
