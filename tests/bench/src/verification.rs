//! Full verification against the raw hash functions, on the same bytes, on one core, in turn.
//!
//! What is compared: `counterfoil verify --offline` says how many bytes it put through BLAKE3 (each link;
//! what each of a group's two digests is over) and through SHA-256 (leaves and nodes of the tree), and
//! how long all of it took: reading, decoding, checksums, comparing. Raw is as many bytes of the same
//! segment files through each library's plain call, a megabyte at a time, already in memory, nothing
//! decoded or compared. Always: both run on one core, one after the other, several times; the best of
//! each counts.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::stopwatch::Stopwatch;
use crate::target::{Ledger, answer, on_one_core};

const ROUNDS: usize = 3;
const CALL_BYTES: usize = 1 << 20;

/// How many bytes of a journal go through each function.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Bytes {
    pub(crate) blake3: u64,
    pub(crate) sha256: u64,
}

/// What was measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Verification {
    /// Bytes of the groups that were read.
    pub(crate) read: u64,
    pub(crate) bytes: Bytes,
    /// Best of the rounds, in seconds.
    pub(crate) seconds: f64,
    pub(crate) raw_seconds: f64,
    /// Every byte of the groups once through both functions, in seconds.
    pub(crate) once_seconds: f64,
}

impl Verification {
    /// Speed of verification, raw speed being 1.
    pub(crate) fn share(&self) -> f64 {
        self.raw_seconds / self.seconds
    }

    /// In words.
    pub(crate) fn note(&self) -> String {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        format!(
            "verification: {:.0} MB of groups in {:.2} s; raw {:.2} s is bulk BLAKE3 over {:.0} MB (links, and \
             all that the two digests of each group are over) and bulk SHA-256 over {:.0} MB (leaves and \
             nodes); each byte of the groups once through both functions takes {:.2} s, of which \
             verification is {:.2}",
            megabytes(self.read),
            self.seconds,
            self.raw_seconds,
            megabytes(self.bytes.blake3),
            megabytes(self.bytes.sha256),
            self.once_seconds,
            self.once_seconds / self.seconds,
        )
    }
}

/// Verifies the ledger and hashes the same bytes, in turn.
pub(crate) fn measure(ledger: &Ledger) -> io::Result<Verification> {
    let mut best: Option<Verification> = None;
    for _ in 0..ROUNDS {
        let verdict = ledger.verify()?;
        let work = |name: &str| {
            let value = verdict.get("work").and_then(|work| work.get(name));
            value.ok_or_else(|| io::Error::other(format!("verify does not say its {name}")))
        };
        let count = |name: &str| work(name).map(|value| value.as_u64().unwrap_or(0));
        let (read, bytes) = (
            count("read_bytes")?,
            Bytes {
                blake3: count("blake3_bytes")?,
                sha256: count("sha256_bytes")?,
            },
        );
        let seconds = work("seconds")?.as_f64().unwrap_or(f64::INFINITY);
        let raw_seconds = raw(&ledger.journal(), bytes)?;
        let once = Bytes {
            blake3: read,
            sha256: read,
        };
        let once_seconds = raw(&ledger.journal(), once)?;
        let least = |of: fn(&Verification) -> f64, now: f64| best.map_or(now, |b| of(&b).min(now));
        best = Some(Verification {
            read,
            bytes,
            seconds: least(|b| b.seconds, seconds),
            raw_seconds: least(|b| b.raw_seconds, raw_seconds),
            once_seconds: least(|b| b.once_seconds, once_seconds),
        });
    }
    best.ok_or_else(|| io::Error::other("no round"))
}

/// `bench raw` in a process of its own, on the core that verification ran on.
fn raw(journal: &Path, bytes: Bytes) -> io::Result<f64> {
    let mut command = on_one_core(&std::env::current_exe()?);
    command.arg("raw").arg("--journal").arg(journal);
    command.args(["--blake3-bytes", &bytes.blake3.to_string()]);
    command.args(["--sha256-bytes", &bytes.sha256.to_string()]);
    let said: Value = serde_json::from_str(&answer(&mut command)?).map_err(io::Error::other)?;
    let seconds = said.get("seconds").and_then(Value::as_f64);
    seconds.ok_or_else(|| io::Error::other("no seconds"))
}

/// What `bench raw` does: as many bytes of the segment files, over and over, through each function.
pub(crate) fn hash(journal: &Path, bytes: Bytes) -> io::Result<ExitCode> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(journal)? {
        let path = entry?.path();
        segments.extend((path.extension() == Some("segment".as_ref())).then_some(path));
    }
    segments.sort();
    if segments.is_empty() {
        return Err(io::Error::other("the journal has no segments"));
    }
    let (mut left, mut seconds) = (bytes, 0.0);
    for path in segments.iter().cycle() {
        if left.blake3 == 0 && left.sha256 == 0 {
            break;
        }
        let segment = fs::read(path)?;
        let clock = Stopwatch::start();
        left.blake3 -= over(&segment, left.blake3, |piece| {
            std::hint::black_box(blake3::hash(piece));
        });
        left.sha256 -= over(&segment, left.sha256, |piece| {
            std::hint::black_box(digest(&SHA256, piece));
        });
        seconds += clock.seconds();
    }
    let said = json!({ "seconds": seconds });
    io::stdout().write_all(format!("{said}\n").as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// Hashes at most so many bytes of the segment; how many they were.
fn over(segment: &[u8], most: u64, hash: impl Fn(&[u8])) -> u64 {
    let length = segment
        .len()
        .min(usize::try_from(most).unwrap_or(usize::MAX));
    let bytes = segment.get(..length).unwrap_or(segment);
    bytes.chunks(CALL_BYTES).for_each(hash);
    bytes.len() as u64
}

#[test]
fn no_more_than_was_asked_for_is_hashed() {
    let seen = std::cell::Cell::new(0);
    let count = |piece: &[u8]| seen.set(seen.get() + piece.len());
    assert_eq!(over(&[0; 100], 30, count), 30);
    assert_eq!(over(&[0; 100], 300, count), 100);
    assert_eq!(seen.get(), 130);
}
