//! One golden file per fact: the example, its record's bytes, the leaves of its slots.
//!
//! A change here means that what publishers send or what links commit to has changed. Files are
//! written only with COUNTERFOIL_REGENERATE=1, and then read before they are committed.

use proto::{
    Appender, EventId, Fact, Hash, Index, NumberInStream, Personal, PublisherCode, RecordHeader,
    SlotSeal, Split, StreamId, UnixMillis, decode_json, decode_record, encode_record, example,
    example_data, facts, leaves, schema, split,
};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn regenerate() -> bool {
    #[expect(clippy::disallowed_methods, reason = "the one switch of these tests")]
    env::var_os("COUNTERFOIL_REGENERATE").is_some()
}

fn here(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn check(name: &str, found: &str) {
    let path = here(name);
    if regenerate() {
        fs::write(&path, found).expect("a golden file can be written");
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == found, "{name} differs; found:\n{found}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn split_example(fact: &'static Fact) -> Split {
    let data = decode_json(fact, example_data(fact).as_bytes());
    let data = data.unwrap_or_else(|error| panic!("{}: {error}", fact.name));
    split(
        data,
        &EventId::new(Personal::from("6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11")),
    )
}

fn header(slots: usize) -> RecordHeader {
    RecordHeader {
        publisher: PublisherCode::new("crm").expect("a code"),
        source: "//crm.westmere.example".to_owned(),
        time: UnixMillis(1_793_611_800_000),
        admitted: UnixMillis(1_793_611_801_234),
        stream: StreamId([0x11; 16]),
        number: NumberInStream(3),
        previous: Some(Index(0)),
        slots: vec![
            SlotSeal {
                root: Hash([1; 32]),
                digest: Hash([2; 32]),
                withheld: false
            };
            slots
        ],
        quarantined: vec![vec![0, 21], vec![1, 30, 2]],
    }
}

#[test]
fn every_fact_has_its_golden_file() {
    for fact in facts() {
        let split = split_example(fact);
        let record = encode_record(&header(split.slots.len()), fact, &split.body);
        let mut text = format!("{}\nrecord {}\n", example(fact), hex(&record));
        for slot in &split.slots {
            let all = leaves(fact, slot.number, slot.values.expose()).expect("our own slot");
            for leaf in all {
                let path: Vec<String> = leaf.path.iter().map(u32::to_string).collect();
                let _ = writeln!(
                    text,
                    "slot {} path {} value {}",
                    slot.number.0,
                    path.join("."),
                    hex(leaf.value)
                );
            }
        }
        check(&format!("tests/golden/{}.txt", fact.name), &text);
        let read = decode_record(&record).expect("our own record");
        assert_eq!(read.header, header(split.slots.len()));
        assert!(read.body == split.body && read.fact == fact && read.envelope() == split.clear);
        assert_eq!(read.clear().number(), fact.number);
        assert!(
            read.clear().encode() == split.body,
            "prost agrees about {}",
            fact.name
        );
    }
}

#[test]
fn schemas_are_whole() {
    for fact in facts() {
        let schema = schema(fact);
        let text = schema.to_string();
        assert!(text.contains("2020-12") && text.contains("additionalProperties"));
        assert_eq!(schema["x-number"], fact.number);
        assert_eq!(
            schema["properties"]["envelope"]["properties"].get("id"),
            None
        );
    }
    let collected = schema(&facts()[0]);
    assert_eq!(collected["properties"]["subject"]["x-sealed"], "subject");
    assert_eq!(collected["properties"]["others"]["x-sealed"], "mention");
}

#[test]
fn the_catalogue_page_tells_the_truth() {
    let mut page = String::from(
        "# Who may append what\n\nMade from the descriptors; `cargo test -p proto` compares.\n\n\
         | number | fact | record class | publisher | officer | ledger | what it records |\n\
         |---|---|---|---|---|---|---|\n",
    );
    for fact in facts() {
        let tick = |who| {
            if fact.may_be_appended_by(who) {
                "yes"
            } else {
                ""
            }
        };
        let class = format!("{:?}", fact.class).to_lowercase();
        let _ = writeln!(
            page,
            "| {} | {} | {class} | {} | {} | {} | {} |",
            fact.number,
            fact.name,
            tick(Appender::Publisher),
            tick(Appender::Officer),
            tick(Appender::Ledger),
            fact.doc,
        );
    }
    check("CATALOGUE.md", &page);
}

#[test]
fn what_the_ledger_says_nobody_else_says() {
    for fact in facts() {
        let ours = matches!(fact.family(), "ledger" | "access" | "assurance");
        if ours {
            assert_eq!(fact.may_append, &[Appender::Ledger], "{}", fact.name);
        } else {
            assert!(!fact.may_append.is_empty());
        }
    }
}
