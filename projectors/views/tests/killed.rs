//! The customer view on sled under `kill -9`: a process folds in a loop, is killed at ten places, and
//! what it leaves is opened again: whole rows, one cursor, and the digest of a rebuild (P-1, D4).
//!
//! Without a harness, because this program is also the process that is killed. Where it is killed
//! follows from a seed and from how fast the machine is; nothing waits for time to pass.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use fold::adversarial_store::AdversarialDisk;
use fold::{
    BootId, Digest, DirectoryHome, Engine, Event, Feed, FeedError, Identity, Opening, Projection,
    Sizes, View, row_key,
};
use proto::{
    EventId, Hash, Index, NumberInStream, Personal, PublisherCode, Record, RecordHeader, StreamId,
    UnixMillis, decode_json, fact_by_name, split,
};
use views::Customer;
use views::customer::EVENTS;

const ROUNDS: u64 = 10;
const STEP_EVENTS: usize = 60;
/// Steps that the process reports at most before it is killed.
const STEPS_MAX: u64 = 100;
/// Steps between two syncs of its own; the runner's come on top.
const SYNC_STEPS: u64 = 30;
const STREAMS: u64 = 97;
const FOLD_IN: &str = "--fold-in";
const FACTS: [&str; 3] = [
    "collection.collected",
    "consent.given",
    "access.record-viewed",
];

/// Runs of a few rows, so that building, merging and removing are killed too.
const SMALL: Sizes = Sizes {
    memory_bytes_max: 4000,
    block_bytes: 500,
    level_runs_max: 3,
};

/// The same events in every process, up to a head.
struct Invented {
    bodies: Vec<(&'static proto::Fact, Vec<u8>)>,
    head: u64,
}

impl Invented {
    fn up_to(head: u64) -> Self {
        let body = |name: &&str| {
            let fact = fact_by_name(name).expect("the catalogue has it");
            let example = proto::example_data(fact);
            let data = decode_json(fact, example.as_bytes()).expect("examples decode");
            let id = EventId::new(Personal::new("id".into()));
            (fact, split(data, &id).body)
        };
        Self {
            bodies: FACTS.iter().map(body).collect(),
            head,
        }
    }

    fn event(&self, index: u64) -> Event {
        let stream = mixed(index % STREAMS);
        let (fact, body) = &self.bodies[usize::try_from(mixed(index) % 3).expect("below three")];
        let time = UnixMillis(1_793_600_000_000 + index.cast_signed() * 7);
        let header = RecordHeader {
            publisher: PublisherCode::new("crm").expect("a code"),
            source: "//crm.westmere.example".into(),
            time,
            admitted: time,
            stream: StreamId(
                [stream.to_be_bytes(), stream.to_le_bytes()]
                    .concat()
                    .try_into()
                    .expect("16"),
            ),
            number: NumberInStream(index / STREAMS),
            previous: None,
            slots: Vec::new(),
            quarantined: Vec::new(),
        };
        let mut link_hash = [0; 32];
        link_hash[..8].copy_from_slice(&mixed(index).to_be_bytes());
        Event {
            index: Index(index),
            link_hash: Hash(link_hash),
            record: Some(Record {
                header,
                fact,
                body: body.clone(),
            }),
        }
    }
}

impl Feed for Invented {
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError> {
        let last = self.head.min(from.0 + max as u64);
        Ok((from.0..last).map(|index| self.event(index)).collect())
    }

    fn head(&self) -> Index {
        Index(self.head)
    }
}

fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn open(dir: &Path) -> (Projection, Opening) {
    let view = Arc::new(Customer);
    let identity = Identity {
        genesis: Hash([5; 32]),
        view: view.name().into(),
        version: view.version(),
    };
    let home = DirectoryHome::new(dir, identity, BootId([1; 16]), Engine::Sled);
    let home = home.expect("a temporary directory").with_sizes(SMALL);
    Projection::open(view, Box::new(home)).expect("nobody else has it open")
}

/// The process that is killed: folds for ever, syncs seldom, and reports after each step how far it
/// has synced. Between two syncs sled writes when its buffer is full: some kills fall there.
fn fold_in(dir: &Path) {
    let (mut projection, _) = open(dir);
    let mut feed = Invented::up_to(u64::MAX);
    let mut out = std::io::stdout();
    let mut synced = projection.status().cursor.next;
    for step in 1_u64.. {
        projection
            .step(&mut feed, STEP_EVENTS)
            .expect("no event is poison");
        if step.is_multiple_of(SYNC_STEPS) {
            projection.sync().expect("the disk is there");
            synced = projection.status().cursor.next;
        }
        writeln!(out, "{}", synced.0).expect("the parent reads");
        out.flush().expect("the parent reads");
    }
}

/// Starts the process, lets it report some steps, kills it; the position it last said was synced.
fn fold_and_kill(dir: &Path, steps: u64) -> u64 {
    let itself = env::current_exe().expect("Linux knows it");
    let mut child = Command::new(itself)
        .arg(FOLD_IN)
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program starts");
    let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let mut reported = 0;
    for line in lines.take(usize::try_from(steps).expect("a few")) {
        let line = line.expect("it is not killed yet");
        reported = line.parse().expect("it writes numbers");
    }
    child.kill().expect("SIGKILL");
    child.wait().expect("it is ours");
    reported
}

fn main() {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == FOLD_IN) {
        fold_in(Path::new(&arguments.next().expect("a directory")));
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = AdversarialDisk::new();
    let (mut rebuilt, _) =
        Projection::open(Arc::new(Customer), Box::new(disk.home(1))).expect("memory");
    for round in 0..ROUNDS {
        let reported = fold_and_kill(dir.path(), 1 + mixed(round) % STEPS_MAX);
        let (found, opening) = open(dir.path());
        let cursor = found.status().cursor;
        assert_eq!(opening, Opening::Continued, "round {round}");
        // What was synced is there; of what followed, any number of whole batches.
        assert!(
            cursor.next.0 >= reported,
            "round {round}: {cursor:?} {reported}"
        );
        let mut feed = Invented::up_to(cursor.next.0);
        while rebuilt.status().cursor.next < cursor.next {
            rebuilt.step(&mut feed, 1000).expect("no event is poison");
        }
        assert_eq!(rebuilt.status().cursor, cursor, "round {round}");
        let mut counted = Digest::EMPTY;
        let reader = found.reader();
        let rows = reader.read().scan(EVENTS, &[], &[], usize::MAX);
        for (key, value) in rows.expect("it is whole") {
            counted.add(&row_key(EVENTS, &key), &value);
        }
        assert_eq!(counted, cursor.digest, "round {round}");
        drop((reader, found));
    }
    let line = format!("killed {ROUNDS} times: {:?}\n", rebuilt.status().cursor);
    let _ = std::io::stdout().write_all(line.as_bytes());
}
