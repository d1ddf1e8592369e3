//! One ledger on a disk, who may restore it, and how events get into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ground::{Open, Random, SeededRandom, SharedDisk, SimDisk, TestClock};
use intake::admit::cloudevent::structured;
use intake::admit::{Admitted, Publisher, admit};
use intake::append::Name;
use intake::backup::{
    BackupError, Bundle, Known, RecoveryPublic, RecoverySecret, Request, Source, Taken,
    VerifyReport, recovery_key_pair, rehearse, restore, take, verify,
};
use intake::desk::Directed;
use intake::engine::Outcome;
use intake::found::found;
use intake::ledger::{Ground, Opened, Places, Settings, open};
use proto::{ChainNumber, Index, Origin, PublisherCode, StaffReference, UnixMillis};

pub(crate) const NOW_MS: i64 = 1_795_000_000_000;
/// A value that only slots and vault rows hold.
pub(crate) const MARK: &str = "MARK-8841097-";
pub(crate) const COLLECTED: &str = "uk.counterfoil.collection.collected.v1";

/// One ledger, and who may restore it.
pub(crate) struct Bench {
    pub(crate) ground: Ground,
    pub(crate) settings: Settings,
    pub(crate) ids: SeededRandom,
    pub(crate) public: RecoveryPublic,
    pub(crate) secret: RecoverySecret,
    pub(crate) backups: PathBuf,
}

/// An acknowledged event: how to publish it again, and its foil.
pub(crate) struct Acknowledged {
    pub(crate) id: [u8; 16],
    pub(crate) person: u64,
    pub(crate) index: Index,
    pub(crate) foil: Vec<u8>,
}

pub(crate) fn name() -> Name {
    Name {
        origin: Origin::new("test.westmere.example/counterfoil").expect("a good origin"),
        chain: ChainNumber(0),
    }
}

pub(crate) fn settings(base: &Path) -> Settings {
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

pub(crate) fn bench(disk: SharedDisk, base: &Path) -> Bench {
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

pub(crate) fn simulated(seed: u64) -> (SimDisk, Bench) {
    let disk = SimDisk::new(seed);
    let bench = bench(disk.shared(), Path::new("/"));
    (disk, bench)
}

impl Bench {
    /// The same ledger on another disk, with other luck.
    pub(crate) fn on(&self, disk: &SimDisk, seed: u64) -> Bench {
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

    pub(crate) fn open(&self) -> Opened {
        open(&self.ground, &self.settings).expect("the ledger opens")
    }

    pub(crate) fn event(&self, id: [u8; 16], person: u64) -> Box<Admitted> {
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

    pub(crate) fn publish(&self, opened: &mut Opened, person: u64) -> Acknowledged {
        let id = ground::array(&self.ids as &dyn Random);
        let (index, foil) = match record(opened, self.event(id, person)) {
            Outcome::Recorded(receipt) => (receipt.index, receipt.foil().encode()),
            _ => panic!("a new event was not recorded"),
        };
        Acknowledged {
            id,
            person,
            index,
            foil,
        }
    }

    pub(crate) fn take(&self, opened: &Opened) -> Result<Taken, BackupError> {
        let request = Request {
            dir: self.backups.clone(),
            recovery: self.public,
            expires_on: Some(jiff::civil::date(2026, 12, 7)),
        };
        take(&self.ground, Source::of(opened), &request)
    }

    pub(crate) fn restore_to(
        &self,
        taken: &Bundle,
        base: &str,
        known: &Known,
    ) -> Result<Settings, BackupError> {
        let settings = settings(Path::new(base));
        restore(&self.ground, taken, &self.secret, &settings, known)?;
        Ok(settings)
    }

    pub(crate) fn rehearse(&self, taken: &Bundle, base: &str) -> Result<u64, BackupError> {
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
    pub(crate) fn check_foils(&self, opened: &mut Opened, known: &[Acknowledged], next: Index) {
        for event in known.iter().filter(|event| event.index < next) {
            match record(opened, self.event(event.id, event.person)) {
                Outcome::Repeated(receipt) => assert!(receipt.foil().encode() == event.foil),
                _ => panic!("the event at {} was not known", event.index),
            }
        }
    }
}

pub(crate) fn record(opened: &mut Opened, event: Box<Admitted>) -> Outcome {
    let outcomes = opened.stepped.record(vec![Directed::published(event)]);
    let mut outcomes = outcomes.expect("the disk works");
    outcomes.pop().expect("one outcome for one event")
}

pub(crate) fn bytes_of(disk: &SharedDisk, path: &Path) -> Vec<u8> {
    let file = disk.open(path, Open::Read).expect("the file is there");
    let mut bytes = vec![0; file.len().expect("it has a length") as usize];
    file.read_exact_at(&mut bytes, 0).expect("it can be read");
    bytes
}

pub(crate) fn put_bytes(disk: &SharedDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, Open::Write).expect("the file is there");
    file.set_len(bytes.len() as u64).expect("it can be cut");
    file.write_all_at(bytes, 0).expect("it can be written");
}

pub(crate) fn verified(opened: &Opened) -> VerifyReport {
    verify(&opened.records, &opened.published, &opened.tree).expect("everything opens")
}
