//! How fast a chain verifies, beside the raw hash functions on the same bytes, on one core.
//!
//! Usage: `cargo run --release -p chain --example speed`. Three mixes: links alone; links with their
//! records; links with records and slot ciphertexts as a ledger has them. Raw means: BLAKE3 of each
//! link's bytes and SHA-256 of each leaf, node, record and slot input, by one call each, with
//! nothing compared and nothing decoded; "bulk" means one call over all bytes laid end to end.
#![expect(clippy::print_stdout, reason = "the output is the purpose")]
#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use chain::verify::ChainVerifier;
use chain::{Link, LinkBytes};
use proto::ids::{ChainNumber, Origin};

const LINKS: usize = 400_000;
const TRIALS: usize = 5;

struct Mix {
    name: &'static str,
    record_bytes: usize,
    slot_bytes: usize,
}

struct Ledger {
    origin: Origin,
    links: Vec<LinkBytes>,
    record: Vec<u8>,
    slot: Vec<u8>,
}

fn ledger(mix: &Mix) -> Ledger {
    let origin = Origin::new("test.speed.example/counterfoil").expect("an origin");
    let record = vec![7; mix.record_bytes];
    let commitment = chain::record_commitment(&[1; 32], &record);
    let mut links: Vec<LinkBytes> = Vec::with_capacity(LINKS);
    for _ in 0..LINKS {
        let link = match links.last() {
            None => Link::genesis(&origin, ChainNumber(0), commitment),
            Some(before) => Link::after(before, commitment).expect("room"),
        };
        links.push(link.encode());
    }
    Ledger {
        origin,
        links,
        record,
        slot: vec![9; mix.slot_bytes],
    }
}

fn best(mut body: impl FnMut()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        body();
        start.elapsed()
    };
    (0..TRIALS).map(once).min().expect("at least one trial")
}

fn verify(ledger: &Ledger) {
    let mut verifier = ChainVerifier::new(&ledger.origin, ChainNumber(0));
    let slot_digest = chain::sha256(&ledger.slot);
    for link in &ledger.links {
        verifier.link(link).expect("whole");
        if !ledger.record.is_empty() {
            verifier.record(&[1; 32], &ledger.record).expect("whole");
        }
        if !ledger.slot.is_empty() {
            verifier.slot(slot_digest, &ledger.slot).expect("whole");
        }
    }
    black_box(verifier.root());
}

fn raw(ledger: &Ledger) {
    let record = [&[0; 33], ledger.record.as_slice()].concat();
    for link in &ledger.links {
        black_box(blake3::hash(link));
        black_box(digest(&SHA256, &[0; 78]));
        black_box(digest(&SHA256, &[0; 65]));
        if !ledger.record.is_empty() {
            black_box(digest(&SHA256, &record));
        }
        if !ledger.slot.is_empty() {
            black_box(digest(&SHA256, &ledger.slot));
        }
    }
}

fn bulk(ledger: &Ledger) {
    let links = ledger.links.as_flattened();
    black_box(blake3::hash(links));
    black_box(digest(&SHA256, links));
    let rest = vec![3; LINKS.min(20_000) * (ledger.record.len() + ledger.slot.len())];
    let times = LINKS.div_ceil(20_000);
    for _ in 0..times {
        black_box(digest(&SHA256, &rest));
    }
}

fn main() {
    for mix in [
        Mix {
            name: "links alone",
            record_bytes: 0,
            slot_bytes: 0,
        },
        Mix {
            name: "links and 200-byte records",
            record_bytes: 200,
            slot_bytes: 0,
        },
        Mix {
            name: "links, 200-byte records, 412-byte slots",
            record_bytes: 200,
            slot_bytes: 412,
        },
    ] {
        let ledger = ledger(&mix);
        let (ours, raw, bulk) = (
            best(|| verify(&ledger)),
            best(|| raw(&ledger)),
            best(|| bulk(&ledger)),
        );
        let each = |time: Duration| time.as_secs_f64() * 1e9 / LINKS as f64;
        println!(
            "{}: {:.0} ns a link; raw calls {:.0} ns, ratio {:.2}; raw bulk {:.0} ns, ratio {:.2}",
            mix.name,
            each(ours),
            each(raw),
            raw.as_secs_f64() / ours.as_secs_f64(),
            each(bulk),
            bulk.as_secs_f64() / ours.as_secs_f64(),
        );
    }
}
