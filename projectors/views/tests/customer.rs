//! The customer view against scenarios: a script of events in, rows and state out.
//!
//! A scenario is a text file in `tests/scenarios`: lines `STREAM PUBLISHER DATE FACT JSON`, the JSON
//! laid over the catalogue's example of that fact, then `---`, then what the view says at the end.
//! Read a changed snapshot before accepting it; the test prints it whole.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use fold::{Event, RecordKey, View, ViewReader, replay};
use proptest::prelude::*;
use proto::{
    EventId, Hash, Index, Month, NumberInStream, Personal, PublisherCode, Record, RecordClass,
    RecordHeader, StreamId, UnixMillis, decode_json, decode_record, encode_record, fact_by_name,
    split,
};
use serde_json::Value;
use views::Customer;
use views::customer::{StreamState, entries, postings};

const DAY_MS: i64 = 86_400_000;

/// A record as the ledger would make it, by way of its bytes.
fn record(fact: &str, over: &Value, header: RecordHeader) -> Record {
    let fact = fact_by_name(fact).unwrap_or_else(|| panic!("no fact {fact}"));
    let example = proto::example_data(fact);
    let mut data: Value = serde_json::from_str(&example).expect("examples are JSON");
    lay_over(&mut data, over);
    let text = serde_json::to_vec(&data).expect("JSON is JSON");
    let data = decode_json(fact, &text).unwrap_or_else(|error| panic!("{error}"));
    let parts = split(data, &EventId::new(Personal::new("id".into())));
    decode_record(&encode_record(&header, fact, &parts.body)).expect("just encoded")
}

fn lay_over(data: &mut Value, over: &Value) {
    match (data, over) {
        (Value::Object(data), Value::Object(over)) => {
            for (name, value) in over {
                lay_over(data.entry(name).or_insert(Value::Null), value);
            }
        }
        (data, over) => *data = over.clone(),
    }
}

fn header(stream: u8, number: u64, publisher: &str, time: i64) -> RecordHeader {
    RecordHeader {
        publisher: PublisherCode::new(publisher).expect("a code"),
        source: "//test.example".into(),
        time: UnixMillis(time),
        admitted: UnixMillis(time + 1500),
        stream: StreamId([stream; 16]),
        number: NumberInStream(number),
        previous: None,
        slots: Vec::new(),
        quarantined: Vec::new(),
    }
}

/// Milliseconds of a date in 2026, `11-02`.
fn time_of(date: &str) -> i64 {
    let (month, day) = date.split_once('-').expect("month-day");
    let month: usize = month.parse().expect("a month");
    let day: i64 = day.parse().expect("a day");
    let before: i64 = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30][..month - 1]
        .iter()
        .sum();
    1_767_225_600_000 + (before + day - 1) * DAY_MS
}

fn events_of(script: &str) -> Vec<Event> {
    let mut numbers = [0u64; 256];
    let mut events = Vec::new();
    for line in script
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let mut words = line.splitn(5, ' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("{line}: five words"));
        let stream = word().as_bytes()[0];
        let (publisher, date, fact, over) = (word(), word(), word(), word());
        let over = serde_json::from_str(over).unwrap_or_else(|error| panic!("{line}: {error}"));
        let number = &mut numbers[usize::from(stream)];
        let record = record(
            fact,
            &over,
            header(stream, *number, publisher, time_of(date)),
        );
        *number += 1;
        let index = Index(events.len() as u64);
        events.push(Event {
            index,
            link_hash: Hash([0; 32]),
            record: Some(record),
        });
    }
    events
}

fn describe(reader: &ViewReader, streams: &BTreeSet<u8>) -> String {
    let view = reader.read();
    let mut text = String::new();
    let mut line = |words: String| writeln!(text, "{}", words.trim_end()).expect("a string");
    for &stream in streams {
        let id = StreamId([stream; 16]);
        let at: Vec<u64> = postings(&view, &id)
            .expect("ours")
            .iter()
            .map(|p| p.index.0)
            .collect();
        line(format!("stream {} at {at:?}", char::from(stream)));
        let state = StreamState::of(&entries(&view, &id).expect("ours"));
        for one in &state.requests {
            let asked = one.requested.as_ref().map(|entry| entry.index.0);
            let closed = one
                .closed
                .as_ref()
                .map(|entry| (entry.index.0, entry.said.how.as_str()));
            line(format!(
                "  request {} asked {asked:?} closed {closed:?}",
                one.service
            ));
        }
        for one in &state.values {
            line(format!(
                "  value {} {:?} from {} at {}",
                one.class, one.field, one.source, one.index.0
            ));
        }
        for one in &state.notices {
            let said = &one.said;
            line(format!(
                "  notice {} {} {} at {}",
                said.code, said.version, said.how, one.index.0
            ));
        }
        for one in &state.consents {
            let (given, withdrawn) = (&one.given, &one.withdrawn);
            let at = |entry: &Option<views::customer::Entry>| entry.as_ref().map(|e| e.index.0);
            line(format!(
                "  consent {} {:?} {:?} given {:?} withdrawn {:?}",
                one.purpose,
                one.channel,
                one.state,
                at(given),
                at(withdrawn)
            ));
        }
        for one in &state.disclosures {
            let said = &one.said;
            line(format!(
                "  disclosure {} {} {:?} {:?} at {}{}",
                said.code,
                said.version,
                said.how,
                said.data_classes,
                one.index.0,
                if said.embargoed { " embargoed" } else { "" }
            ));
        }
        for (row, version, index) in &state.retention {
            line(format!("  keep {row} {version} last {}", index.0));
        }
    }
    text
}

fn fold_all(events: &[Event]) -> ViewReader {
    replay(&Customer, events, &BTreeSet::new()).expect("no poison")
}

#[test]
fn scenarios() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut played = 0;
    for file in fs::read_dir(dir).expect("the folder is beside this file") {
        let path = file.expect("readable").path();
        let text = fs::read_to_string(&path).expect("readable");
        let (script, expected) = text.split_once("---\n").expect("a script, ---, a snapshot");
        let events = events_of(script);
        let streams = script.lines().filter(|line| !line.starts_with('#'));
        let streams = streams.filter_map(|line| line.bytes().next()).collect();
        let actual = describe(&fold_all(&events), &streams);
        assert!(
            actual == expected,
            "{}: the view says\n{actual}",
            path.display()
        );
        played += 1;
    }
    assert!(played >= 3, "scenarios are missing");
}

#[test]
fn a_number_that_a_stream_already_has_is_poison() {
    let mut events = events_of("a crm 11-02 notice.given {}\na crm 11-03 notice.given {}\n");
    let twice = events[1].record.as_mut().expect("it has one");
    twice.header.number = NumberInStream(0);
    let stopped = replay(&Customer, &events, &BTreeSet::new())
        .err()
        .expect("poison");
    assert_eq!(
        stopped.to_string(),
        "view customer cannot apply event 1: the stream already has an event with this number"
    );
    assert!(
        replay(&Customer, &events, &BTreeSet::from([Index(1)])).is_ok(),
        "parked"
    );
}

#[test]
fn an_event_makes_one_row() {
    for fact in proto::facts() {
        let record = record(
            fact.name,
            &Value::Object(Default::default()),
            header(1, 0, "crm", 1),
        );
        let event = Event {
            index: Index(0),
            link_hash: Hash([0; 32]),
            record: Some(record),
        };
        let empty = fold_all(&[]);
        let rows = Reading(&empty);
        let changes = Customer.apply(&event, &rows).expect("no poison");
        assert_eq!(changes.rows.len(), 1, "{}", fact.name);
    }
}

struct Reading<'a>(&'a ViewReader);

impl fold::Rows for Reading<'_> {
    fn get(&self, table: fold::Table, key: &[u8]) -> Option<Vec<u8>> {
        self.0.read().get(table, key).expect("memory")
    }
}

const FACTS: [&str; 6] = [
    "collection.collected",
    "collection.service-requested",
    "consent.given",
    "consent.withdrawn",
    "notice.given",
    "access.record-viewed",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..Default::default() })]

    /// Every row forgets what came from a destroyed key as if it had never been readable.
    #[test]
    fn forgetting_equals_never_having_read(
        picks in proptest::collection::vec((0u8..3, 0usize..6, 0i64..3), 1..150),
        gone in 0i64..3,
        access in any::<bool>(),
    ) {
        let mut numbers = [0u64; 3];
        let mut events = Vec::new();
        let start = time_of("01-15");
        for (stream, fact, month) in picks {
            let number = &mut numbers[usize::from(stream)];
            let header = header(stream, *number, "crm", start + month * 30 * DAY_MS);
            *number += 1;
            let record = record(FACTS[fact], &Value::Object(Default::default()), header);
            let index = Index(events.len() as u64);
            events.push(Event { index, link_hash: Hash([0; 32]), record: Some(record) });
        }
        let key = RecordKey {
            class: if access { RecordClass::Access } else { RecordClass::Collection },
            month: Month::of(UnixMillis(start + gone * 30 * DAY_MS + 1500)),
        };
        let lived = fold_all(&events);
        for event in &mut events {
            let of_key = event.record.as_ref().is_some_and(|record| {
                record.fact.class == key.class && Month::of(record.header.admitted) == key.month
            });
            if of_key {
                event.record = None;
            }
        }
        let fresh = fold_all(&events);
        let (lived, fresh) = (lived.read(), fresh.read());
        for table in [views::customer::EVENTS] {
            let mut left = Vec::new();
            for (row, value) in lived.scan(table, &[], &[], usize::MAX).expect("memory") {
                match Customer.forget(table, &row, &value, &key).expect("own rows") {
                    fold::Forgotten::Unchanged => left.push((row, value)),
                    fold::Forgotten::Put(value) => left.push((row, value)),
                    fold::Forgotten::Delete => {}
                }
            }
            prop_assert_eq!(left, fresh.scan(table, &[], &[], usize::MAX).expect("memory"));
        }
    }
}
