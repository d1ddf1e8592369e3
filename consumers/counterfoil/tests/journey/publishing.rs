//! Files of events: what is broken in them loses nothing around it, and is told without its values.

use std::path::PathBuf;

use crate::ledger::Ledger;
use crate::{ID, count, example};

const SECRET: &str = "Zebedee Unsayable";

/// The example as one line, with another id and so on.
fn line(id: &str) -> String {
    let event = example("collection.service-requested").replace(ID, id);
    event.lines().map(str::trim).collect::<String>() + "\n"
}

fn id(number: u32) -> String {
    format!("6f1c2c3e-8f0b-4a55-9d0e-{number:012x}")
}

#[test]
fn good_events_around_bad_ones_are_recorded() {
    let ledger = Ledger::serving();
    let wrong_field = line(&id(2)).replace("\"service\":", &format!("\"{SECRET}\":"));
    let file = [
        line(&id(1)),
        format!("{{\"name\": \"{SECRET}\n"),
        wrong_field,
        format!("{SECRET}\n"),
        line(&id(3)),
        line(&id(1)),
    ]
    .concat();
    let said = ledger.publish(&file, &[]);
    assert_eq!(said.code, Some(1), "{said:?}");
    let counts = ["accepted", "repeated", "refused"].map(|member| count(&said, member));
    assert_eq!(counts, [2, 1, 3]);
    assert!(
        said.out.contains("UNKNOWN_FIELD") && said.out.contains("\"line\": 3"),
        "{said:?}"
    );
    assert!(
        !said.out.contains("Unsayable") && !said.err.contains("Unsayable"),
        "{said:?}"
    );
    ledger.run(&["verify"], "").well();
}

#[test]
fn more_than_a_batch_keeps_its_order() {
    let ledger = Ledger::serving();
    let file: String = (0..1_500).map(|number| line(&id(number))).collect();
    let said = ledger
        .publish(&file, &["--imported", "--url", &ledger.url()])
        .well();
    assert_eq!(count(&said, "accepted"), 1_500);
    let array = format!(
        "[{}]",
        (0..3)
            .map(|number| line(&id(number)))
            .collect::<Vec<_>>()
            .join(",")
    );
    let said = ledger.publish(&array, &["--imported"]).well();
    assert_eq!(count(&said, "repeated"), 3);
}

#[test]
#[expect(clippy::print_stderr, reason = "a skipped test says so by name")]
fn all_rows_of_the_receipt_log_are_accepted() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let log = root.join("../shared/data/receipt.csv");
    if !log.is_file() {
        eprintln!("skipped: all_rows_of_the_receipt_log_are_accepted (receipt.csv is not at hand)");
        return;
    }
    let ledger = Ledger::serving();
    let source = [
        "--source",
        "//permits.example/receipt-phase",
        "--family",
        "collection",
        "--map-ids",
    ];
    ledger.publisher("permits", &source);
    let map = root.join("ledger/intake/data/maps/receipt.toml");
    let token = ledger.path("permits.token");
    let [log, map, token] = [&log, &map, &token].map(|path| path.to_str().expect("text"));
    let publish = [
        "publish",
        log,
        "--map",
        map,
        "--token-file",
        token,
        "--format",
        "json",
    ];
    let said = ledger.run(&publish, "").well();
    assert_eq!(count(&said, "accepted"), 8_577);
    let again = ledger.run(&publish, "").well();
    assert_eq!(count(&again, "repeated"), 8_577);
    ledger.run(&["verify"], "").well();
}
