//! What this disk can do: the time of one small durable write, alone. Two kinds, since stores differ: an
//! append that grows the file, and a write into space that was filled before (which is what the journal
//! and PostgreSQL's WAL do).

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::stopwatch::Stopwatch;

const WRITE_BYTES: usize = 4096;
const WRITES: u64 = 300;

/// Times of one write and `fdatasync`, in microseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probe {
    pub(crate) append_median_us: f64,
    pub(crate) append_p99_us: f64,
    pub(crate) in_place_median_us: f64,
    pub(crate) in_place_p99_us: f64,
}

/// Measures in `folder`, and leaves nothing there.
pub(crate) fn probe(folder: &Path) -> io::Result<Probe> {
    let path = folder.join("probe");
    let block = [0x5a; WRITE_BYTES];
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .open(&path)?;
    let append = times(&file, |file, _| (&*file).write_all(&block));
    let in_place = times(&file, |file, n| {
        file.write_all_at(&block, n * WRITE_BYTES as u64)
    });
    file.flush()?;
    std::fs::remove_file(&path)?;
    let (append, in_place) = (append?, in_place?);
    Ok(Probe {
        append_median_us: share(&append, 0.5),
        append_p99_us: share(&append, 0.99),
        in_place_median_us: share(&in_place, 0.5),
        in_place_p99_us: share(&in_place, 0.99),
    })
}

fn times(file: &File, write: impl Fn(&File, u64) -> io::Result<()>) -> io::Result<Vec<u64>> {
    let mut times = Vec::new();
    for number in 0..WRITES {
        let clock = Stopwatch::start();
        write(file, number)?;
        file.sync_data()?;
        times.push(clock.micros());
    }
    times.sort_unstable();
    Ok(times)
}

fn share(sorted: &[u64], share: f64) -> f64 {
    let at = (sorted.len().saturating_sub(1) as f64 * share).round() as usize;
    sorted.get(at).map_or(0.0, |&micros| micros as f64)
}
