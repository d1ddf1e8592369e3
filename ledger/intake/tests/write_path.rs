//! The write path on a simulated disk: recorded once, asked again, refused, and found again after every kind of start.

use std::path::PathBuf;
use std::sync::Arc;

use ground::{Crash, Random, SeededRandom, SimDisk, TestClock};
use intake::admit::cloudevent::structured;
use intake::admit::{Admitted, Publisher, admit};
use intake::append::Name;
use intake::desk::Directed;
use intake::engine::{Outcome, Receipt};
use intake::found::found;
use intake::ledger::{Ground, Opened, Places, Settings, open};
use intake::run::Engine;
use proto::{ChainNumber, Index, Origin, PublisherCode, StaffReference, UnixMillis};
use vault::{FenceScope, Row};

const NOW_MS: i64 = 1_795_000_000_000;

struct Bench {
    disk: SimDisk,
    ground: Ground,
    settings: Settings,
    ids: SeededRandom,
}

fn bench() -> Bench {
    let disk = SimDisk::new(1);
    let origin = Origin::new("test.westmere.example/counterfoil").expect("a good origin");
    let name = Name {
        origin,
        chain: ChainNumber(0),
    };
    let places = Places {
        dir: PathBuf::from("/ledger"),
        checkpoints: PathBuf::from("/checkpoints"),
    };
    let mut settings = Settings::new(name, places, true, 640);
    settings.generation_events = 8;
    settings.journal.segment_bytes = 64 << 10;
    settings.journal.group_bytes_max = 32 << 10;
    settings.journal.torn_scan_bytes = 32 << 10;
    let ground = Ground {
        disk: disk.shared(),
        clock: Arc::new(TestClock::at(NOW_MS)),
        random: Arc::new(SeededRandom::new(7)),
    };
    let dpo = StaffReference::new("0".repeat(32)).expect("a good reference");
    found(&ground, &settings, &dpo).expect("an empty disk takes a ledger");
    Bench {
        disk,
        ground,
        settings,
        ids: SeededRandom::new(9),
    }
}

impl Bench {
    fn open(&self) -> Opened {
        open(&self.ground, &self.settings).expect("the ledger opens")
    }

    fn event(&self, id: [u8; 16], local_id: &str, service: &str) -> Box<Admitted> {
        let id = uuid::Builder::from_random_bytes(id).into_uuid();
        let text = format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"//crm.westmere.example",
            "type":"uk.counterfoil.collection.collected.v1","time":"2026-11-18T09:00:00Z",
            "datacontenttype":"application/json","data":{}}}"#,
            proto::example_data(
                proto::fact_by_type("uk.counterfoil.collection.collected.v1").expect("known")
            )
            .replace("C-1004417", local_id)
            .replace("\"waste-collection\"", &format!("\"{service}-collection\""))
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

    fn id(&self) -> [u8; 16] {
        ground::array(&self.ids as &dyn Random)
    }
}

fn one(opened: &mut Opened, event: Box<Admitted>) -> Outcome {
    let mut outcomes = opened
        .stepped
        .record(vec![Directed::published(event)])
        .expect("the disk works");
    outcomes.pop().expect("one outcome for one event")
}

fn recorded(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Recorded(receipt) => receipt,
        Outcome::Repeated(_) => panic!("recorded before"),
        Outcome::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

fn repeated(outcome: Outcome) -> Receipt {
    match outcome {
        Outcome::Repeated(receipt) => receipt,
        Outcome::Recorded(_) => panic!("recorded twice"),
        Outcome::Refused(refusal) => panic!("refused: {refusal}"),
    }
}

/// C-2, C-3: the same event gets the same foil, in this process and after every kind of start.
#[test]
fn a_repeat_gets_the_same_foil_wherever_its_index_lies() {
    let bench = bench();
    let mut opened = bench.open();
    let mut known = Vec::new();
    for number in 0..40_u8 {
        let id = bench.id();
        let local = format!("L{}", number % 5);
        let receipt = recorded(one(&mut opened, bench.event(id, &local, "waste")));
        assert_eq!(receipt.index, Index(2 + u64::from(number)));
        receipt.foil().check().expect("the foil proves its event");
        known.push((id, local, receipt.foil().encode()));
        if number % 7 == 0 {
            opened
                .stepped
                .keeper
                .flush()
                .expect("run files are written");
        }
    }
    for round in 0..3 {
        for (id, local, foil) in &known {
            let receipt = repeated(one(&mut opened, bench.event(*id, local, "waste")));
            assert!(
                receipt.foil().encode() == *foil,
                "round {round}: another foil"
            );
            let other = one(&mut opened, bench.event(*id, "L9", "waste"));
            let Outcome::Refused(refusal) = other else {
                panic!("other content under the same id was taken");
            };
            assert_eq!(refusal.code.as_str(), "ID_REUSED");
        }
        if round == 1 {
            opened.stepped.keeper.absorb_now().expect("absorbed");
            opened.stepped.keeper.checkpoint().expect("a checkpoint");
        }
        drop(opened);
        bench.disk.restart(if round == 0 {
            Crash::Kill
        } else {
            Crash::PowerCut
        });
        opened = bench.open();
    }
}

/// One alias, one person, one stream for one activity and party; numbers without gaps.
#[test]
fn events_of_one_person_share_a_stream_and_are_numbered() {
    let bench = bench();
    let mut opened = bench.open();
    let mut streams = Vec::new();
    for number in 0..6_u64 {
        if number == 3 {
            drop(opened);
            bench.disk.restart(Crash::Kill);
            opened = bench.open();
        }
        let receipt = recorded(one(&mut opened, bench.event(bench.id(), "L1", "waste")));
        let record = proto::decode_record(&receipt.foil().record).expect("a record");
        assert_eq!(record.header.number.0, number);
        assert_eq!(record.header.previous.is_some(), number > 0);
        streams.push(record.header.stream);
    }
    streams.dedup();
    assert_eq!(streams.len(), 1);
    let other = recorded(one(&mut opened, bench.event(bench.id(), "L2", "waste")));
    let record = proto::decode_record(&other.foil().record).expect("a record");
    assert!(!streams.contains(&record.header.stream));
}

/// What was sealed opens again, and only as committed.
#[test]
fn a_slot_opens_after_a_restart() {
    let bench = bench();
    let mut opened = bench.open();
    let receipt = recorded(one(&mut opened, bench.event(bench.id(), "L1", "waste")));
    drop(opened);
    bench.disk.restart(Crash::PowerCut);
    let opened = bench.open();
    let stored = opened
        .records
        .at(receipt.index)
        .expect("the event is there");
    let slot = opened
        .records
        .slot(&stored, proto::SlotNumber(0))
        .expect("the bytes are the committed ones")
        .expect("the key lives");
    let record = stored.record.expect("the record key lives");
    let json = proto::slot_to_json(record.fact, proto::SlotNumber(0), slot.values.expose());
    assert!(json.is_ok_and(|json| json.expose().contains("L1")));
}

/// Design 2: a publisher's stream is its own, whatever outside party it names.
#[test]
fn two_publishers_never_share_a_stream() {
    let bench = bench();
    let mut opened = bench.open();
    let mut streams = Vec::new();
    for code in ["crm", "portal", "crm"] {
        let mut event = bench.event(bench.id(), "L1", "waste");
        event.publisher = PublisherCode::new(code).expect("a good code");
        let receipt = recorded(one(&mut opened, event));
        let record = proto::decode_record(&receipt.foil().record).expect("a record");
        streams.push(record.header.stream);
    }
    assert_eq!(streams.first(), streams.get(2));
    assert_ne!(streams.first(), streams.get(1));
}

/// Design 2: a stream is one person, one activity, one party. An alias learnt of somebody the vault has known for long leads to the stream
/// they have, also for an event that was looked up before the alias was learnt.
#[test]
fn an_alias_learnt_a_moment_ago_leads_to_the_stream_there_is() {
    let bench = bench();
    let mut opened = bench.open();
    let stream_of = |receipt: Receipt| {
        let record = proto::decode_record(&receipt.foil().record).expect("a record");
        record.header.stream
    };
    let first = recorded(one(&mut opened, bench.event(bench.id(), "L1", "waste")));
    let first = stream_of(first);
    // Past both generations of recent memory: the stream is in the vault alone.
    for number in 0..3 * bench.settings.generation_events {
        let other = format!("M{number}");
        recorded(one(&mut opened, bench.event(bench.id(), &other, "waste")));
    }
    let both = r#"L1"},{"system":"crm","localId":"L2"#;
    let events = [both, "L2", "L2"].map(|local| bench.event(bench.id(), local, "waste"));
    let outcomes = opened
        .stepped
        .record(events.map(Directed::published).into())
        .expect("the disk works");
    let streams: Vec<_> = outcomes.into_iter().map(recorded).map(stream_of).collect();
    assert_eq!(streams, [first; 3]);
    // The vault's snapshot does not have the alias yet, and memory has no stream of theirs in this activity: each is looked up again once.
    let other = ["L2", "L2"].map(|local| bench.event(bench.id(), local, "parking"));
    let outcomes = opened
        .stepped
        .record(other.map(Directed::published).into())
        .expect("the disk works");
    let streams: Vec<_> = outcomes.into_iter().map(recorded).map(stream_of).collect();
    assert_ne!(streams.first(), Some(&first));
    assert_eq!(streams.first(), streams.get(1));
}

/// S-3: a fence is in force for whatever stands behind it, in its own submission too, and for nothing before it.
fn check_fences(threads: bool) {
    let bench = bench();
    let mut opened = bench.open();
    let first = recorded(one(&mut opened, bench.event(bench.id(), "L1", "waste")));
    let record = proto::decode_record(&first.foil().record).expect("a record");
    let reader = opened.vault.reader();
    let keys = reader.keys_of_stream(record.header.stream);
    let keys = keys.expect("the vault reads").expect("it lives");
    let person = reader.person_of_stream(record.header.stream);
    let person = person.expect("the vault reads").expect("it lives");
    let parking = proto::ActivityCode::new("parking-collection").expect("a good code");
    let published =
        |local: &str, service: &str| Directed::published(bench.event(bench.id(), local, service));
    let fence = |row| Directed {
        rows: vec![row],
        ..published("M1", "waste")
    };
    let tag = Row::FencedTag {
        tag: keys.fence_tag(),
        at: Index(4),
    };
    let mark = Row::FenceMark {
        person,
        scope: FenceScope::Activity(parking),
        at: Index(6),
    };
    let events = vec![
        published("L1", "waste"),
        fence(tag),
        published("L1", "waste"),
        published("M2", "waste"),
        fence(mark),
        published("L1", "parking"),
        published("M2", "parking"),
    ];
    let outcomes = if threads {
        let stepped = opened.stepped;
        let clock = bench.ground.clock.clone();
        let engine = Engine::start(stepped.sequencer, stepped.appender, stepped.desk, clock);
        let engine = engine.expect("threads start");
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let recorded = runtime.expect("a runtime").block_on(engine.record(events));
        engine.finish();
        recorded.expect("the engine goes on")
    } else {
        opened.stepped.record(events).expect("the disk works")
    };
    let told: Vec<&str> = outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Recorded(_) => "recorded",
            Outcome::Repeated(_) => "repeated",
            Outcome::Refused(refusal) => refusal.code.as_str(),
        })
        .collect();
    let (yes, no) = ("recorded", "ERASED_SCOPE");
    assert_eq!(told, [yes, yes, no, yes, yes, no, yes]);
}

#[test]
fn nothing_is_recorded_behind_a_fence_in_one_submission() {
    check_fences(false);
    check_fences(true);
}
