//! Prints what decoding and splitting one event of about 450 bytes costs, on this machine, now.
//!
//! `cargo run --release -p proto --example decode_speed`. A probe, not a test: it asserts no time.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a probe that prints times"
)]

use proto::{EventId, Hash, PublisherCode, RecordHeader, SlotSeal};
use proto::{Index, NumberInStream, Personal, StreamId, UnixMillis};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: u32 = 1_000;
const BATCHES: u32 = 300;

const EVENT: &str = r#"{"envelope":{"controller":"westmere","activity":"waste-collection","party":"crm","purpose":"service-delivery","dataClasses":["identity","address"],"noticeVersion":"crm-2020-12-23","channel":"CHANNEL_TELEPHONE","retentionRow":"crm-service-request"},"subject":{"aliases":[{"system":"crm","localId":"C-1004417"}],"name":"Alex Example","postcode":"ZZ99 9ZZ","telephones":["01632 960001"]},"service":"missed-bin","serviceReference":"SR-2026-001234"}"#;

fn main() {
    let fact = proto::fact_by_name("collection.service-requested").expect("in the catalogue");
    let id = EventId::new(Personal::from("6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11"));
    println!("event: {} bytes of JSON data", EVENT.len());
    measure("decode_json", || {
        black_box(proto::decode_json(fact, black_box(EVENT.as_bytes())).is_ok());
    });
    let whole = || proto::decode_json(fact, EVENT.as_bytes()).expect("a valid event");
    let binary = whole().wire().duplicate().into_inner();
    measure("decode_binary", || {
        black_box(proto::decode_binary(fact, black_box(&binary)).is_ok());
    });
    measure("decode_json + split", || {
        black_box(proto::split(whole(), &id));
    });
    let split = proto::split(whole(), &id);
    let values = split
        .slots
        .first()
        .expect("slot 0 always exists")
        .values
        .expose();
    measure("leaves of slot 0", || {
        black_box(proto::leaves(fact, proto::SlotNumber(0), black_box(values)).is_ok());
    });
    let header = RecordHeader {
        publisher: PublisherCode::new("crm").expect("a code"),
        source: "//crm.westmere.example".to_owned(),
        time: UnixMillis(1_793_611_800_000),
        admitted: UnixMillis(1_793_611_801_234),
        stream: StreamId([7; 16]),
        number: NumberInStream(3),
        previous: Some(Index(99)),
        slots: vec![SlotSeal {
            root: Hash([1; 32]),
            digest: Hash([2; 32]),
            withheld: false,
        }],
        quarantined: Vec::new(),
    };
    let record = proto::encode_record(&header, fact, &split.body);
    println!(
        "record: {} bytes, slot 0: {} bytes",
        record.len(),
        values.len()
    );
    measure("encode_record", || {
        black_box(proto::encode_record(black_box(&header), fact, &split.body));
    });
    measure("decode_record", || {
        black_box(proto::decode_record(black_box(&record)).is_ok());
    });
}

/// The quickest of many short batches: other work on the machine only ever adds.
fn measure(name: &str, mut one: impl FnMut()) {
    let mut best = u128::MAX;
    for _ in 0..BATCHES {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            one();
        }
        best = best.min(start.elapsed().as_nanos() / u128::from(ROUNDS));
    }
    println!("{name:>22}: {best:>6} ns");
}
