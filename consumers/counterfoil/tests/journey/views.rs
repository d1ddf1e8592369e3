//! What the configuration's `views` decides: what is folded, what is kept, and what is answered without it.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use crate::ledger::Ledger;
use crate::{ASKED_MAX, ID, example};

/// Asks what happened to the person of the example.
pub(crate) const TRAIL: [&str; 6] = [
    "ask",
    "trail",
    "--alias",
    "crm:C-1004417",
    "--purpose",
    "test",
];

/// A plain GET of the door; status line, headers and body as they came.
fn get(ledger: &Ledger, path: &str) -> String {
    let url = ledger.url();
    let address = url.strip_prefix("http://").expect("plain HTTP");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("text");
    answer
}

fn status(ledger: &Ledger) -> Value {
    let said = ledger.run(&["status", "--format", "json"], "").well();
    serde_json::from_str(&said.out).expect("JSON")
}

/// Asks until the view has folded everything; a view that never does fails the journey rather than hold it up for good.
fn folded(ledger: &Ledger) -> Value {
    let mut tries = (0..ASKED_MAX).map(|_| status(ledger));
    let done = |status: &Value| {
        let view = &status["answer"]["views"][0];
        assert_eq!(view["name"], "customer", "{status}");
        view["lag"] == 0
    };
    tries.find(done).expect("the view follows")
}

fn configure(ledger: &Ledger, from: &str, to: &str) {
    let path = ledger.path("ledger/counterfoil.toml");
    let text = std::fs::read_to_string(&path).expect("init wrote it");
    assert!(text.contains(from), "{text}");
    std::fs::write(path, text.replacen(from, to, 1)).expect("it is ours");
}

#[test]
fn a_view_that_is_not_named_is_neither_folded_nor_kept() {
    let (on, off) = ("views = [\"customer\"]", "views = []");
    let mut ledger = Ledger::serving();
    ledger.publish(&example("collection.collected"), &[]).well();
    let before = folded(&ledger);
    assert!(get(&ledger, "/metrics").contains("\ncounterfoil_view_lag_events 0\n"));
    ledger.run(&TRAIL, "").well();
    assert_eq!(ledger.stop(), Some(0));
    assert!(ledger.path("ledger/views/customer").exists());

    configure(&ledger, on, off);
    ledger.run(&["check-config"], "").well();
    ledger.serve();
    assert!(!ledger.path("ledger/views/customer").exists());
    let second = example("notice.given").replace(ID, "0a1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11");
    ledger.publish(&second, &[]).well();
    let find = ["find", "--purpose", "test", "--alias", "crm:C-1004417"];
    let person = [&TRAIL[..1], &["person"], &TRAIL[2..]].concat();
    for asked in [&find[..], &person, &TRAIL] {
        let said = ledger.run(asked, "");
        assert_eq!(said.code, Some(1), "{said:?}");
        assert!(said.err.contains("VIEW_OFF at views: "), "{said:?}");
    }
    let rebuild = ledger.run(&["rebuild", "customer", "--yes"], "");
    assert!(rebuild.err.contains("VIEW_UNKNOWN"), "{rebuild:?}");
    let event = ["ask", "event", "3", "--purpose", "test", "--reveal"];
    let event = ledger.run(&event, "").well();
    assert!(event.out.contains("Alex Example"), "{event:?}");
    assert_eq!(
        status(&ledger)["answer"]["views"].as_array().map(Vec::len),
        Some(0)
    );
    assert!(get(&ledger, "/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get(&ledger, "/metrics");
    assert!(metrics.contains("\ncounterfoil_views 0\n"), "{metrics}");
    assert!(!metrics.contains("view_lag"), "{metrics}");
    assert_eq!(ledger.stop(), Some(0));
    assert!(!ledger.path("ledger/views/customer").exists());

    configure(&ledger, off, on);
    ledger.serve();
    let after = folded(&ledger);
    let rows = |status: &Value| status["answer"]["views"][0]["rows"].as_u64();
    assert!(rows(&after) > rows(&before), "{before} {after}");
    let trail = ledger.run(&TRAIL, "").well();
    assert!(trail.out.contains("collection.collected"), "{trail:?}");
}
