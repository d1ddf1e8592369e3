//! Measures the customer view on sled: events a second, rows and memory, over invented records.
//!
//! `cargo run --release -p views --example fold_speed [EVENTS] [STREAMS]`. What it is not: a
//! benchmark of the ledger; records are made in memory, nothing is sealed or opened. CPU time is that
//! of the whole process, sled's threads included.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use fold::{BootId, DirectoryHome, Engine, Event, Feed, FeedError, Identity, Projection, View};
use proto::{
    EventId, Hash, Index, NumberInStream, Personal, PublisherCode, Record, RecordHeader, StreamId,
    UnixMillis, decode_json, fact_by_name, split,
};
use views::Customer;
use views::customer::postings;

const FACTS: [&str; 5] = [
    "collection.collected",
    "collection.service-requested",
    "notice.given",
    "consent.given",
    "collection.service-closed",
];
const STEP_EVENTS: usize = 1000;
const STREAMS_READ: u64 = 1000;
/// Linux counts CPU time in hundredths of a second.
const TICK_US: f64 = 10_000.0;

/// Records over `streams` streams, one new stream in ten events until all are there.
struct Invented {
    bodies: Vec<(&'static proto::Fact, Vec<u8>)>,
    events: u64,
    numbers: Vec<u64>,
    born: usize,
    seed: u64,
}

impl Invented {
    fn pick(&mut self) -> usize {
        self.seed = self
            .seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let born = self.born;
        if born < self.numbers.len() && (born == 0 || (self.seed >> 33).is_multiple_of(10)) {
            self.born += 1;
            return born;
        }
        usize::try_from((self.seed >> 20) % born as u64).expect("below a usize")
    }
}

impl Feed for Invented {
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError> {
        let last = self.events.min(from.0 + max as u64);
        let events = (from.0..last).map(|index| {
            let stream = self.pick();
            let number = self.numbers[stream];
            self.numbers[stream] += 1;
            let (fact, body) = &self.bodies[usize::try_from(index).unwrap_or(0) % FACTS.len()];
            let name = blake3_like(stream as u64);
            let time = UnixMillis(1_793_600_000_000 + index.cast_signed() * 7);
            let header = RecordHeader {
                publisher: PublisherCode::new("crm").expect("a code"),
                source: "//crm.westmere.example".into(),
                time,
                admitted: time,
                stream: StreamId(name),
                number: NumberInStream(number),
                previous: None,
                slots: Vec::new(),
                quarantined: Vec::new(),
            };
            let record = Some(Record {
                header,
                fact,
                body: body.clone(),
            });
            Event {
                index: Index(index),
                link_hash: Hash([0; 32]),
                record,
            }
        });
        Ok(events.collect())
    }

    fn head(&self) -> Index {
        Index(self.events)
    }
}

/// 16 bytes that look random, as stream names are.
fn blake3_like(number: u64) -> [u8; 16] {
    let mut mixed = u128::from(number).wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for _ in 0..3 {
        mixed = (mixed ^ (mixed >> 61)).wrapping_mul(0xda94_2042_e4dd_58b5_2360_ed05_1fc6_5da5);
    }
    mixed.to_be_bytes()
}

/// User and system time of this process so far, in ticks of a hundredth of a second.
fn cpu_ticks() -> Result<u64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, after_name) = stat.rsplit_once(')').ok_or("stat without a name")?;
    let ticks = after_name.split_whitespace().skip(11).take(2);
    Ok(ticks.map(str::parse::<u64>).sum::<Result<u64, _>>()?)
}

fn body(name: &str) -> (&'static proto::Fact, Vec<u8>) {
    let fact = fact_by_name(name).expect("the catalogue has it");
    let example = proto::example_data(fact);
    let data = decode_json(fact, example.as_bytes()).expect("examples decode");
    (
        fact,
        split(data, &EventId::new(Personal::new("id".into()))).body,
    )
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let events: u64 = arguments
        .next()
        .map_or(Ok(1_000_000), |text| text.parse())?;
    let streams: usize = arguments.next().map_or(Ok(50_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let view = Arc::new(Customer);
    let identity = Identity {
        genesis: Hash([0; 32]),
        view: view.name().into(),
        version: view.version(),
    };
    let home = DirectoryHome::new(dir.path(), identity, BootId([0; 16]), Engine::Sled)?;
    let (mut projection, _) = Projection::open(view, Box::new(home))?;
    let mut feed = Invented {
        bodies: FACTS.iter().map(|name| body(name)).collect(),
        events,
        numbers: vec![0; streams],
        born: 0,
        seed: 1,
    };
    let clock = ground::SystemClock::new();
    let begun = ground::Clock::monotonic_ns(&clock);
    while projection.step(&mut feed, STEP_EVENTS)?.folded > 0 {}
    projection.sync()?;
    let seconds = (ground::Clock::monotonic_ns(&clock) - begun) as f64 / 1e9;
    let cpu_us = cpu_ticks()? as f64 * TICK_US / events.max(1) as f64;
    let asked = ground::Clock::monotonic_ns(&clock);
    let reader = projection.reader();
    for stream in 0..STREAMS_READ {
        let name = blake3_like(stream * streams as u64 / STREAMS_READ);
        postings(&reader.read(), &StreamId(name))?;
    }
    let read_us = (ground::Clock::monotonic_ns(&clock) - asked) as f64 / 1e3 / STREAMS_READ as f64;
    let digest = projection.status().cursor.digest;
    let memory = std::fs::read_to_string("/proc/self/status")?;
    let peak = memory
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap_or("VmHWM unknown");
    projection.close()?;
    let mut bytes = 0;
    let mut dirs = vec![dir.path().to_owned()];
    while let Some(next) = dirs.pop() {
        for entry in std::fs::read_dir(next)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => dirs.push(entry.path()),
                false => bytes += entry.metadata()?.len(),
            }
        }
    }
    writeln!(
        std::io::stdout(),
        "{events} events over {streams} streams: {:.0} events/s, {cpu_us:.1} us CPU an event, {} rows \
         ({:.2} an event), {peak}, {} bytes on disk an event, a stream read in {read_us:.0} us",
        events as f64 / seconds,
        digest.rows,
        digest.rows as f64 / events as f64,
        bytes / events.max(1),
    )?;
    Ok(())
}
