//! Maps that work, maps that are refused, rows that are explained.

use super::*;

const MAP: &str = r#"
name = "sample"
source = "urn:sample"
[id]
template = "{case}/{task}"
[time]
column = "when"
format = "%Y-%m-%d %H:%M:%S%.f%:z"
[[event]]
type = "uk.counterfoil.collection.service-requested.v1"
when = { column = "step", any_of = ["first"] }
[[event.field]]
path = "envelope.channel"
column = "channel"
words = { Internet = "CHANNEL_PORTAL" }
refuse = { Internal = "an internal case has no channel" }
[[event.field]]
path = "subject.aliases[0].system"
constant = "planning"
[[event.field]]
path = "subject.aliases[0].localId"
column = "case"
required = true
[[event.field]]
path = "subject.aliases[3].localId"
column = "other"
[[event.field]]
path = "due"
column = "due"
format = "%d/%m/%Y %H:%M"
zone = "Europe/London"
write = "instant"
[[event]]
type = "uk.counterfoil.collection.collected.v1"
field = []
[[dropped]]
column = "staff"
reason = "a natural key of an officer"
"#;

const HEADER: &str = "case,task,when,step,channel,other,due,staff\n";

fn run(rows: &str) -> Vec<Result<serde_json::Value, RowError>> {
    let map = CsvMap::parse(MAP).expect("the map is good");
    let file = format!("{HEADER}{rows}");
    map.rows(file.as_bytes())
        .expect("the header fits")
        .map(|row| row.map(|row| serde_json::from_slice(row.event.expose()).expect("JSON")))
        .collect()
}

#[test]
fn rows_become_events() {
    let rows = run(
        "c1,t1,2011-10-11 13:45:40.276000+02:00,first,Internet,o,15/06/2026 09:30,x\nc1,t2,2011-10-11 13:45:40.276000+02:00,later,,,,\n",
    );
    let first = rows[0].as_ref().expect("mapped");
    assert_eq!(first["id"], "c1/t1");
    assert_eq!(first["time"], "2011-10-11T11:45:40.276Z");
    assert_eq!(
        first["data"],
        serde_json::json!({
            "envelope": {"channel": "CHANNEL_PORTAL"},
            "subject": {"aliases": [{"system": "planning", "localId": "c1"}, {"localId": "o"}]},
            "due": "2026-06-15T08:30:00Z",
        })
    );
    assert_eq!(
        rows[1].as_ref().expect("mapped")["type"],
        "uk.counterfoil.collection.collected.v1"
    );
}

#[test]
fn bad_rows_are_explained_without_their_values_and_lose_nothing() {
    let good = "c1,t1,2011-10-11 13:45:40.276000+02:00,first,Internet,o,,x\n";
    let bad = [
        ("c1,t1,yesterday,first,Internet,o,,x\n", "when", "time"),
        (
            "SECRET,t1,2011-10-11 13:45:40+02:00,first,SECRET,o,,x\n",
            "channel",
            "envelope.channel",
        ),
        (
            "c1,t1,2011-10-11 13:45:40+02:00,first,Internal,o,,x\n",
            "channel",
            "envelope.channel",
        ),
        (
            "c1,,2011-10-11 13:45:40+02:00,first,Internet,o,,x\n",
            "",
            "id",
        ),
        ("c1,t1,2011-10-11 13:45:40+02:00\n", "", ""),
        (
            "c1,t1,2011-10-11 13:45:40+02:00,first,Internet,o,SECRET,x\n",
            "due",
            "due",
        ),
    ];
    for (row, column, field) in bad {
        let rows = run(&format!("{good}{row}{good}"));
        assert_eq!(rows.len(), 3, "{row}");
        assert!(rows[0].is_ok() && rows[2].is_ok());
        let error = rows[1].as_ref().expect_err("explained");
        assert_eq!(
            (error.line, &*error.column, &*error.field),
            (3, column, field)
        );
        assert!(!error.to_string().contains("SECRET"));
    }
}

#[test]
fn an_open_quote_ends_the_walk_within_its_limit() {
    let file = format!("{HEADER}\"{}", "x".repeat(4 * ROW_BYTES_MAX));
    let map = CsvMap::parse(MAP).expect("the map is good");
    let rows: Vec<_> = map
        .rows(file.as_bytes())
        .expect("the header fits")
        .collect();
    assert_eq!(rows.len(), 1);
    assert!(
        rows[0]
            .as_ref()
            .is_err_and(|error| error.rule.contains("quote"))
    );
}

#[test]
fn headers_are_used_or_dropped() {
    let map = CsvMap::parse(MAP).expect("the map is good");
    assert!(map.rows("case,task\n".as_bytes()).is_err());
    assert!(
        map.rows(HEADER.replace("staff", "surprise").as_bytes())
            .is_err()
    );
    assert!(map.rows(format!("case,{HEADER}").as_bytes()).is_err());
    assert!(map.rows(format!("\u{feff}{HEADER}").as_bytes()).is_ok());
}

#[test]
fn maps_are_refused_before_the_first_row() {
    for (from, to) in [
        ("\"{case}/{task}\"", "\"constant\""),
        ("{case}/{task}", "{case"),
        ("%:z", ""),
        ("Europe/London", "Europe/Nowhere"),
        ("envelope.channel", "envelope..channel"),
        ("aliases[3]", "aliases[300]"),
        ("write = \"instant\"", ""),
        (
            "constant = \"planning\"",
            "constant = \"planning\"\ncolumn = \"case\"",
        ),
        ("name = ", "nom = "),
    ] {
        assert!(CsvMap::parse(&MAP.replacen(from, to, 1)).is_err(), "{to}");
    }
}

#[test]
fn a_wrong_map_is_told_by_line_and_field() {
    for (from, to, line, word) in [
        ("{case}/{task}", "{case", 5, "template"),
        ("%:z", "", 7, "when"),
        (
            "collection.collected",
            "collection.gathered",
            34,
            "not in the catalogue",
        ),
        (
            "envelope.channel",
            "envelope..channel",
            13,
            "envelope..channel",
        ),
        ("write = \"instant\"", "", 28, "due"),
        ("required = true", "needed = true", 23, "needed"),
        ("name = ", "name = = ", 2, ""),
    ] {
        let said = match CsvMap::parse(&MAP.replacen(from, to, 1)) {
            Ok(_) => panic!("{to} is taken"),
            Err(error) => error.to_string(),
        };
        let place = format!("map: line {line}: ");
        assert!(said.starts_with(&place) && said.contains(word), "{said}");
    }
}
