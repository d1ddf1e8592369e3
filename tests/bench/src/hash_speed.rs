//! The yardstick for verification: how fast one core of this machine puts the same bytes through BLAKE3
//! and through SHA-256, one after the other, with the libraries that the ledger itself uses.

use aws_lc_rs::digest::{SHA256, digest};

use crate::stopwatch::Stopwatch;

const BLOCK_BYTES: usize = 1 << 20;
const BLOCKS: usize = 256;

/// Megabytes a second of both hashes in sequence over 256 MiB.
pub(crate) fn megabytes_a_second() -> f64 {
    let block = vec![0x5a_u8; BLOCK_BYTES];
    let clock = Stopwatch::start();
    let mut seen = 0_u64;
    for _ in 0..BLOCKS {
        let first = blake3::hash(&block);
        let second = digest(&SHA256, &block);
        seen += u64::from(first.as_bytes()[0])
            + second.as_ref().iter().map(|&b| u64::from(b)).sum::<u64>();
    }
    std::hint::black_box(seen);
    (BLOCK_BYTES * BLOCKS) as f64 / 1e6 / clock.seconds()
}
