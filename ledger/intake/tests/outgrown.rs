//! A submission that no journal group can hold: it goes on in the next group, in order, and loses nothing.
//!
//! 1,000 events of 32 mentions each are within every limit of the wire and eighteen megabytes sealed.

use std::path::PathBuf;
use std::sync::Arc;

use ground::{Crash, Random, SeededRandom, SimDisk, TestClock};
use intake::admit::cloudevent::structured;
use intake::admit::{Admitted, Publisher, admit};
use intake::append::Name;
use intake::desk::Directed;
use intake::engine::{Outcome, Submit};
use intake::found::found;
use intake::ledger::{Ground, Places, Settings, open};
use intake::run::Engine;
use proto::limits::MENTIONS_MAX;
use proto::{ChainNumber, Index, Origin, PublisherCode, StaffReference, UnixMillis};

const NOW_MS: i64 = 1_795_000_000_000;
/// More than four groups hold.
const EVENTS: u64 = 400;

fn ledger(disk: &SimDisk) -> (Ground, Settings) {
    let origin = Origin::new("test.westmere.example/counterfoil").expect("a good origin");
    let name = Name {
        origin,
        chain: ChainNumber(0),
    };
    let places = Places {
        dir: PathBuf::from("/ledger"),
        checkpoints: PathBuf::from("/checkpoints"),
    };
    let ground = Ground {
        disk: disk.shared(),
        clock: Arc::new(TestClock::at(NOW_MS)),
        random: Arc::new(SeededRandom::new(7)),
    };
    let settings = Settings::new(name, places, true, 640);
    let dpo = StaffReference::new("0".repeat(32)).expect("a good reference");
    found(&ground, &settings, &dpo).expect("an empty disk takes a ledger");
    (ground, settings)
}

fn event(number: u64, random: &dyn Random) -> Box<Admitted> {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    let id = uuid::Builder::from_random_bytes(id).into_uuid();
    let others = vec![r#"{"name":"S"}"#; MENTIONS_MAX].join(",");
    let text = format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"//crm.westmere.example",
        "type":"uk.counterfoil.collection.collected.v1","time":"2026-11-18T09:00:00Z",
        "datacontenttype":"application/json","data":{{"envelope":{{"activity":"waste-collection"}},
        "subject":{{"aliases":[{{"system":"crm","localId":"L1"}}]}},"others":[{others}]}}}}"#
    );
    let event = structured(text.as_bytes()).expect("a good event");
    let publisher = Publisher {
        code: PublisherCode::new("crm").expect("a good code"),
        sources: ["//crm.westmere.example".to_owned()].into(),
        families: ["collection".to_owned()].into(),
        map_ids: false,
    };
    match admit(event, &publisher, UnixMillis(NOW_MS), random) {
        Ok(admitted) => admitted,
        Err(refused) => panic!("not admitted: {}", refused.refusal),
    }
}

fn check(outcomes: &[Outcome], recorded_before: bool) {
    assert_eq!(outcomes.len() as u64, EVENTS);
    for (outcome, index) in outcomes.iter().zip(2..) {
        let receipt = match outcome {
            Outcome::Recorded(receipt) if !recorded_before => receipt,
            Outcome::Repeated(receipt) if recorded_before => receipt,
            Outcome::Refused(refusal) => panic!("refused: {refusal}"),
            _ => panic!("recorded when it should not, or not when it should"),
        };
        assert_eq!(receipt.index, Index(index));
        receipt.foil().check().expect("the foil proves its event");
    }
}

#[test]
fn a_submission_larger_than_a_group_is_recorded_in_order() {
    let disk = SimDisk::new(1);
    let (ground, settings) = ledger(&disk);
    let events = || (0..EVENTS).map(|number| event(number, &*ground.random));
    let opened = open(&ground, &settings).expect("the ledger opens");
    let stepped = opened.stepped;
    let clock = ground.clock.clone();
    let engine = Engine::start(stepped.sequencer, stepped.appender, stepped.desk, clock)
        .expect("threads start");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let outcomes = runtime.block_on(engine.submit(events().collect()));
    check(&outcomes.expect("the engine goes on"), false);
    let groups = opened.records.journal().watermark().group;
    assert!(groups > 4, "{groups} groups");
    assert!(engine.is_live());
    engine.finish();
    drop((engine, opened.records, opened.vault, stepped.keeper));
    disk.restart(Crash::PowerCut);

    let mut opened = open(&ground, &settings).expect("the ledger opens again");
    let again = events().map(Directed::published).collect();
    check(&opened.stepped.record(again).expect("it is read"), true);
}
