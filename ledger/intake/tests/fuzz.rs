//! The fuzz bodies over a corpus and seeded mutations of it, on stable.
//!
//! The same seed gives the same inputs. What a body proves is said beside it in `intake::admit::fuzz`.

use ground::SeededRandom;
use intake::admit::{Token, fuzz};

/// Mutations of each body; cargo-fuzz goes on where this stops.
const ROUNDS: usize = 4_000;

const EVENT: &str = r#"{"specversion":"1.0","id":"0b7a1f0e-52d4-4c1b-9a3e-2f6f0d9a7c11","source":"//crm.westmere.example","type":"uk.counterfoil.collection.service-requested.v1","time":"2026-11-02T09:30:00+01:00","datacontenttype":"application/json","data":{"envelope":{"activity":"waste-collection","channel":"CHANNEL_TELEPHONE","case":"c"},"subject":{"aliases":[{"system":"crm","localId":"C-1"}],"name":"Alex \u00e9 \ud83d\ude00"},"service":"missed-bin","serviceReference":"SR-1","details":"Card 4111 1111 1111 1112, asthma","others":[{"name":"A"},{"relation":"b"}],"values":[{"field":"a","value":"1"}]}}"#;
const BINARY: &str = "content-type: application/protobuf\nce-specversion: 1.0\nce-id: a%20b\nce-source: //crm.westmere.example\nce-type: uk.counterfoil.collection.collected.v1\nce-time: 2026-11-02T09:30:00Z\n\n\u{a}\u{2}\u{12}\u{0}\u{12}\u{6}\u{12}\u{4}Alex";
const CSV: &str = "case:channel,case:concept:name,case:deadline,case:department,case:enddate,case:enddate_planned,case:group,case:responsible,case:startdate,concept:instance,concept:name,lifecycle:transition,org:group,org:resource,time:timestamp\nDesk,case-1,2011-12-06 13:41:31.788000+01:00,General,,,,R,2011-10-11 13:42:22.688000+02:00,task-1,\"Confirmation of receipt\",complete,G,R,2011-10-11 13:45:40.276000+02:00\nPost,case-2,,Experts,,,,R,,task-2,T02,complete,G,R,2011-10-11 13:45:40.276000+02:00\n";

/// Pieces that parsers stumble over.
const PIECES: &[&[u8]] = &[
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"\0",
    b"\xff",
    b"\xc3",
    b"null",
    b"1e999",
    b"-",
    b"%",
    b"%F",
    b"\n\n",
    b"\"data\":{}",
    b"\"\"",
    b"{a}",
    b"[[event]]",
    b"\xef\xbb\xbf",
];

/// Changes a few places of a seed.
fn mutated(seed: &[u8], random: &SeededRandom) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    let below = |bound: usize| {
        usize::try_from(random.below(bound as u64)).expect("a bound that was a usize")
    };
    for _ in 0..=below(4) {
        let at = below(bytes.len() + 1);
        match below(5) {
            0 if at < bytes.len() => bytes[at] = u8::try_from(below(256)).expect("below 256"),
            1 if at < bytes.len() => {
                bytes.remove(at);
            }
            2 => {
                let piece = PIECES[below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => bytes.truncate(at),
            _ => {
                let (from, to) = (below(bytes.len() + 1), below(bytes.len() + 1));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

fn check(seeds: &[&[u8]], seed: u64, body: fn(&[u8])) {
    let random = SeededRandom::new(seed);
    for bytes in seeds {
        body(bytes);
        for _ in 0..ROUNDS / seeds.len() {
            body(&mutated(bytes, &random));
        }
    }
}

#[test]
fn structured_events() {
    check(&[EVENT.as_bytes(), b"", b"{}"], 1, fuzz::structured);
}

#[test]
fn batches() {
    let batch = format!("[{EVENT}, {{}}, {EVENT}]");
    check(&[batch.as_bytes(), b"[]", b"[1,\"]\",[]]"], 2, fuzz::batch);
}

#[test]
fn binary_headers() {
    check(&[BINARY.as_bytes()], 3, fuzz::binary);
}

#[test]
fn csv_rows() {
    check(&[CSV.as_bytes()], 4, fuzz::csv);
}

#[test]
fn bearer_tokens() {
    let minted = Token::mint(&SeededRandom::new(7));
    let header = format!("Bearer {}", minted.reveal());
    check(
        &[header.as_bytes(), b"bearer  x", b"Basic Og=="],
        6,
        fuzz::bearer,
    );
}

#[test]
fn map_files() {
    check(&[include_bytes!("../data/maps/receipt.toml")], 5, fuzz::map);
}
