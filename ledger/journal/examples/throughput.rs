//! Measures the journal on this disk: groups of 64 entries of about 750 bytes, written and synced one by one; then a start at that size.
//!
//! Not a benchmark of the ledger: no sealing, no HTTP. `cargo run --release -p journal --example throughput -- DIR GROUPS`
#![allow(clippy::print_stdout, reason = "an example prints what it measured")]

use std::path::PathBuf;
use std::sync::Arc;

use chain::{Link, leaf_hash, link_hash};
use ground::{Clock, RealDisk, SharedDisk, SystemClock};
use journal::{
    Entry, Floor, Framer, Genesis, GroupDraft, Options, RunPosition, Runs, TreeLevels, init, open,
};
use proto::ids::{ChainNumber, Hash, IdTag, Index, Origin, UnixMillis};

const ENTRIES: u64 = 64;

fn draft(framer: &Framer) -> GroupDraft {
    let first = framer.next();
    let mut prev = framer.last_link_hash();
    let mut entries = Vec::new();
    for index in first.0..first.0 + ENTRIES {
        let link = Link {
            chain: ChainNumber(0),
            index: Index(index),
            prev,
            commitment: Hash([7; 32]),
        };
        let link = link.encode();
        prev = link_hash(&link);
        let idtag = *prev.0.first_chunk().expect("32 bytes hold 16");
        entries.push(Entry {
            idtag: IdTag(idtag),
            link,
            record: vec![5; 300],
            slots: vec![vec![6; 348]],
        });
    }
    GroupDraft {
        time: UnixMillis(1),
        first,
        entries,
        vault_section: vec![1; 1024],
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().expect("a directory"));
    let groups: u64 = arguments
        .next()
        .and_then(|text| text.parse().ok())
        .unwrap_or(20_000);
    let disk: SharedDisk = Arc::new(RealDisk);
    let clock = SystemClock::default();
    let genesis = Genesis {
        origin: Origin::new("test.westmere.example/counterfoil").expect("an origin"),
        chain: ChainNumber(0),
    };
    let options = Options {
        accept_unproven: true,
        ..Options::default()
    };
    let (journal_dir, tree_dir, index_dir) =
        (dir.join("journal"), dir.join("tree"), dir.join("index"));
    init(&disk, &journal_dir, &genesis, &options).expect("an empty directory");
    let mut opened = open(&disk, &journal_dir, &options, Floor::default()).expect("opens");
    let (mut tree, _) =
        TreeLevels::open(&disk, &tree_dir, &opened.reader, Floor::default()).expect("opens");
    let mut runs =
        Runs::<8>::open(&disk, &index_dir, opened.reader.genesis(), |_| Ok(None)).expect("opens");
    let mut memtable: Vec<([u8; 16], [u8; 8])> = Vec::new();
    let (mut framing, mut committing, mut derived, mut bytes) = (0, 0, 0, 0);
    let mut slowest = 0;
    let preparer = opened.writer.preparer();
    let started = clock.monotonic_ns();
    std::thread::scope(|scope| {
        for _ in 0..groups {
            let draft = draft(&opened.framer);
            let leaves: Vec<Hash> = draft
                .entries
                .iter()
                .map(|entry| leaf_hash(&entry.link))
                .collect();
            memtable.extend(
                (draft.first.0..)
                    .zip(&draft.entries)
                    .map(|(index, entry)| (entry.idtag.0, index.to_be_bytes())),
            );
            let before = clock.monotonic_ns();
            let group = opened.framer.frame(draft).expect("frames");
            let (link, size) = (group.last_link_hash(), group.first.0 + ENTRIES);
            bytes += group.bytes_on_disk();
            let framed = clock.monotonic_ns();
            opened.writer.commit(group).expect("commits");
            let committed = clock.monotonic_ns();
            tree.append(&leaves, link).expect("appends");
            if memtable.len() >= 65_536 {
                memtable.sort_unstable();
                runs.add(&memtable, RunPosition { size, link })
                    .expect("adds");
                memtable.clear();
            }
            runs.step(1_000).expect("merges");
            derived += clock.monotonic_ns() - committed;
            framing += framed - before;
            committing += committed - framed;
            slowest = slowest.max(committed - framed);
            if preparer.wanted() {
                let preparer = preparer.clone();
                scope.spawn(move || preparer.prepare_next_segment());
            }
        }
    });
    let total = (clock.monotonic_ns() - started) as f64 / 1e9;
    let share = |nanoseconds: u64| nanoseconds as f64 / 1e9 / total * 100.0;
    println!(
        "{groups} groups of {ENTRIES}: {:.0} groups/s, {:.0} entries/s, {:.1} MB/s",
        groups as f64 / total,
        (groups * ENTRIES) as f64 / total,
        bytes as f64 / 1e6 / total
    );
    println!(
        "framing and digests {:.1} %, write and sync {:.1} %, tree and index {:.1} %",
        share(framing),
        share(committing),
        share(derived)
    );
    println!(
        "per group: framing {:.1} us, commit {:.1} us (slowest {:.1} ms)",
        framing as f64 / 1e3 / groups as f64,
        committing as f64 / 1e3 / groups as f64,
        slowest as f64 / 1e6
    );
    println!(
        "index: {} runs, {} rows, {:.1} MiB of memory",
        runs.snapshot().len(),
        runs.snapshot().rows(),
        runs.snapshot().memory_bytes() as f64 / 1048576.0
    );
    let size = opened.reader.watermark().next.0;
    let root = tree.root();
    drop((opened, tree, runs));
    let begun = clock.monotonic_ns();
    let floor = Floor {
        size,
        root: Some(root),
    };
    let opened = open(&disk, &journal_dir, &options, floor).expect("opens");
    let journal_open = clock.monotonic_ns();
    let (_, start) = TreeLevels::open(&disk, &tree_dir, &opened.reader, floor).expect("opens");
    let tree_open = clock.monotonic_ns();
    let link_at = |index| {
        opened
            .reader
            .entry(Index(index))
            .map(|at| Some(link_hash(&at.entry.link)))
    };
    let runs = Runs::<8>::open(&disk, &index_dir, opened.reader.genesis(), link_at).expect("opens");
    let index_open = clock.monotonic_ns();
    let reader = runs.snapshot();
    let lookups = 200_000;
    let mut missed = 0;
    for number in 0..lookups {
        let key = *blake3::hash(&u64::to_be_bytes(number))
            .as_bytes()
            .first_chunk()
            .expect("16 bytes");
        missed += u64::from(reader.get(&key).expect("reads").is_none());
    }
    let looked = clock.monotonic_ns();
    println!(
        "open at {size}: journal {:.0} ms, tree {:.0} ms (kept {}), index {:.0} ms",
        (journal_open - begun) as f64 / 1e6,
        (tree_open - journal_open) as f64 / 1e6,
        start.kept,
        (index_open - tree_open) as f64 / 1e6
    );
    println!(
        "lookup of an absent key: {:.2} us ({missed} of {lookups} absent)",
        (looked - index_open) as f64 / 1e3 / lookups as f64
    );
    let verified = clock.monotonic_ns();
    let progress = journal::backup::verify(&opened.reader, 0).expect("whole");
    let seconds = (clock.monotonic_ns() - verified) as f64 / 1e9;
    println!(
        "verify of {} groups: {seconds:.2} s, {:.0} MB/s",
        progress.groups,
        bytes as f64 / 1e6 / seconds
    );
}
