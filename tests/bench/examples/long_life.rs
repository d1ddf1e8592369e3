//! What an event costs at each step behind admission as a ledger grows: resolve, sequence, write, keep, in processor time of one thread.
//!
//! `cargo run --release -p bench --example long_life -- DIR [EVENTS] [PERSONS]`. The bench's load, single-stepped on the real disk, 100
//! events a request, the keeper's turn after every 10,000. Not a test: it asserts nothing about time. What `serve` spends beside this
//! (doors, admission, hand-overs) does not depend on how much a ledger holds.
#![expect(clippy::print_stdout, reason = "a probe that prints times")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ground::{RealDisk, SystemClock, SystemRandom};
use intake::admit::{Publisher, admit, cloudevent};
use intake::append::Name;
use intake::desk::Directed;
use intake::found::found;
use intake::keep::ABSORB_ROWS;
use intake::ledger::{Ground, Opened, Places, Settings, open};
use intake::sequence::Verdict;
use people::Mix;
use proto::{ChainNumber, Origin, PublisherCode, StaffReference, UnixMillis};

type Failure = Box<dyn std::error::Error>;

const REQUEST_EVENTS: usize = 100;
const TURN_EVENTS: u64 = 10_000;
const STEPS: [&str; 6] = ["resolve", "sequence", "write", "tree", "absorb", "flush"];

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("a directory is needed")?);
    let events: u64 = arguments.next().map_or(Ok(1_000_000), |n| n.parse())?;
    let persons: u64 = arguments.next().map_or(Ok(50_000), |n| n.parse())?;
    let name = Name {
        origin: Origin::new("test.westmere.example/counterfoil")?,
        chain: ChainNumber(0),
    };
    let places = Places {
        dir: dir.join("ledger"),
        checkpoints: dir.join("checkpoints"),
    };
    std::fs::create_dir_all(&dir)?;
    let settings = Settings::new(name, places, true, 2 * persons);
    let ground = Ground {
        disk: Arc::new(RealDisk),
        clock: Arc::new(SystemClock::new()),
        random: Arc::new(SystemRandom),
    };
    found(&ground, &settings, &StaffReference::new("0".repeat(32))?)?;
    let opened = open(&ground, &settings)?;
    let mut life = Life::new(ground, opened, persons);
    let mut bytes = 0;
    for turn in 1..=events / TURN_EVENTS {
        for _ in 0..TURN_EVENTS / REQUEST_EVENTS as u64 {
            bytes += life.request()?;
        }
        life.keep()?;
        let done = turn * TURN_EVENTS;
        if done.is_multiple_of(100_000) {
            life.tell(done, bytes, &dir)?;
        }
    }
    Ok(())
}

struct Life {
    ground: Ground,
    opened: Opened,
    mix: Mix,
    publisher: Arc<Publisher>,
    spent: [u64; STEPS.len()],
    told: u64,
}

impl Life {
    fn new(ground: Ground, opened: Opened, persons: u64) -> Life {
        let now = ground.clock.now();
        let publisher = Publisher {
            code: PublisherCode::new("crm").expect("a code"),
            sources: BTreeSet::from([people::SOURCE.to_owned()]),
            families: BTreeSet::from(["collection".to_owned(), "notice".to_owned()]),
            map_ids: false,
        };
        Life {
            mix: Mix::new(5_000, persons, now.unsigned_abs() / 1000),
            publisher: Arc::new(publisher),
            ground,
            opened,
            spent: [0; STEPS.len()],
            told: 0,
        }
    }

    /// One request's events, from resolve to the durable group; the bytes of their JSON.
    fn request(&mut self) -> Result<usize, Failure> {
        let now = UnixMillis(self.ground.clock.now());
        let (mut open, mut bytes) = (Vec::new(), 0);
        for place in 0..REQUEST_EVENTS {
            let mut json = Vec::new();
            self.mix.write_next(&mut json);
            bytes += json.len();
            let event = cloudevent::structured(&json).map_err(|_| "a good event")?;
            let admitted = admit(event, &self.publisher, now, &*self.ground.random);
            let admitted = admitted.map_err(|_| "an event that is admitted")?;
            open.push((place, Directed::published(admitted)));
        }
        let stepped = &mut self.opened.stepped;
        let mut clock = Stopwatch::start()?;
        let (_, arrivals) = stepped.desk.resolve(open)?;
        clock.to(&mut self.spent[0])?;
        for arrival in arrivals {
            if !matches!(stepped.sequencer.take(arrival, now)?, Verdict::Placed(..)) {
                return Err("an event was not placed".into());
            }
        }
        let closed = stepped.sequencer.close()?.ok_or("a group")?;
        clock.to(&mut self.spent[1])?;
        stepped.appender.append(closed)?;
        clock.to(&mut self.spent[2])?;
        Ok(bytes)
    }

    /// The keeper's turn.
    fn keep(&mut self) -> Result<(), Failure> {
        let keeper = &mut self.opened.stepped.keeper;
        let mut clock = Stopwatch::start()?;
        keeper.checkpoint()?;
        if keeper.preparer.wanted() {
            keeper.preparer.prepare_next_segment()?;
        }
        clock.to(&mut self.spent[3])?;
        keeper.absorb(self.ground.clock.now(), ABSORB_ROWS)?;
        clock.to(&mut self.spent[4])?;
        keeper.flush()?;
        clock.to(&mut self.spent[5])?;
        Ok(())
    }

    fn tell(&mut self, done: u64, bytes: usize, dir: &Path) -> Result<(), Failure> {
        let events = (done - self.told) as f64;
        let steps = STEPS.iter().zip(self.spent);
        let steps: Vec<String> = steps
            .map(|(name, ns)| format!("{name} {:.2}", ns as f64 / 1000.0 / events))
            .collect();
        let status = std::fs::read_to_string("/proc/self/status")?;
        let resident = status.lines().find(|line| line.starts_with("VmHWM"));
        let sum = self.spent.iter().sum::<u64>() as f64 / 1000.0 / events;
        println!(
            "{done} events: {sum:.2} us each: {}; {} streams; {}; stored {:.2} times the JSON",
            steps.join(", "),
            self.mix.streams(),
            resident.unwrap_or_default().replace('\t', " "),
            stored_bytes(dir)? as f64 / bytes as f64,
        );
        self.spent = [0; STEPS.len()];
        self.told = done;
        Ok(())
    }
}

/// Processor time of this thread.
struct Stopwatch(u64);

impl Stopwatch {
    fn start() -> Result<Stopwatch, Failure> {
        Ok(Stopwatch(processor_ns()?))
    }

    fn to(&mut self, spent: &mut u64) -> Result<(), Failure> {
        let now = processor_ns()?;
        *spent += now - self.0;
        self.0 = now;
        Ok(())
    }
}

/// The kernel counts a running thread's time up to its last tick; giving the processor up brings it up to date.
fn processor_ns() -> Result<u64, Failure> {
    std::thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("a number")?.parse()?)
}

fn stored_bytes(dir: &Path) -> Result<u64, Failure> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(dir)? {
        let metadata = entry?.metadata()?;
        bytes += metadata.blocks() * 512;
    }
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            bytes += stored_bytes(&path)?;
        }
    }
    Ok(bytes)
}
