//! A ledger of invented events and a view with shared and chunked rows.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use proto::{
    Fact, Hash, Index, Month, NumberInStream, PublisherCode, Record, RecordClass, RecordHeader,
    StreamId, UnixMillis, clear, fact_by_name,
};

use crate::*;

fn fact(name: &str) -> &'static Fact {
    fact_by_name(name).expect("the catalogue has it")
}

/// Stands for `retention.record-key-destroyed`, which this catalogue does not have yet.
const DESTROYED: &str = "ledger.restored";

/// What `Signal::of` says of toy records.
pub(crate) fn signal(record: &Record) -> Option<Signal> {
    if record.fact.name != DESTROYED {
        return None;
    }
    let class = if record.body[0] == 1 {
        RecordClass::Access
    } else {
        RecordClass::Collection
    };
    let month = Month(u32::from_be_bytes(
        record.body[1..5].try_into().expect("toy body"),
    ));
    Some(Signal::RecordKeyDestroyed(RecordKey { class, month }))
}

/// One invented event.
#[derive(Clone, Debug)]
pub(crate) enum Toy {
    Fact {
        stream: u8,
        access: bool,
        month: u32,
        poison: bool,
    },
    Parked {
        index: u64,
        view: &'static str,
        version: u32,
    },
    Destroyed {
        access: bool,
        month: u32,
    },
}

pub(crate) fn plain(stream: u8, month: u32) -> Toy {
    Toy::Fact {
        stream,
        access: false,
        month,
        poison: false,
    }
}

fn millis(month: u32) -> UnixMillis {
    // The 15th of a month of 2027; months 1 to 12.
    UnixMillis(1_800_000_000_000 + i64::from(month - 1) * 30 * 86_400_000)
}

pub(crate) fn month(month: u32) -> Month {
    Month::of(millis(month))
}

/// Events in order; the head is wherever a test has got to.
#[derive(Clone, Default)]
pub(crate) struct Ledger(pub(crate) Arc<Mutex<Vec<Toy>>>);

impl Ledger {
    pub(crate) fn of(events: impl IntoIterator<Item = Toy>) -> Self {
        Self(Arc::new(Mutex::new(events.into_iter().collect())))
    }

    pub(crate) fn append(&self, event: Toy) {
        self.0.lock().expect("no test panics with it").push(event);
    }

    pub(crate) fn len(&self) -> u64 {
        self.0.lock().expect("no test panics with it").len() as u64
    }

    fn record(event: &Toy, number: u64) -> Record {
        let (fact, stream, month, body) = match event {
            Toy::Fact {
                stream,
                access,
                month,
                poison,
            } => {
                let name = if *access {
                    "access.signed-in"
                } else {
                    "collection.collected"
                };
                (fact(name), *stream, *month, vec![u8::from(*poison)])
            }
            Toy::Parked {
                index,
                view,
                version,
            } => {
                let parked = clear::LedgerEventParked {
                    index: *index,
                    view: (*view).into(),
                    view_version: *version,
                    ..Default::default()
                };
                let body = clear::Fact::LedgerEventParked(parked).encode();
                (fact("ledger.event-parked"), 255, 1, body)
            }
            Toy::Destroyed {
                access,
                month: gone,
            } => {
                let mut body = vec![u8::from(*access)];
                body.extend_from_slice(&month(*gone).0.to_be_bytes());
                (fact(DESTROYED), 255, 1, body)
            }
        };
        let header = RecordHeader {
            publisher: PublisherCode::new("toy").expect("a code"),
            source: "toy".into(),
            time: millis(month),
            admitted: millis(month),
            stream: StreamId([stream; 16]),
            number: NumberInStream(number),
            previous: None,
            slots: Vec::new(),
            quarantined: Vec::new(),
        };
        Record { header, fact, body }
    }
}

impl Feed for Ledger {
    fn next(&mut self, from: Index, max: usize) -> Result<Vec<Event>, FeedError> {
        let events = self.0.lock().expect("no test panics with it");
        let gone: BTreeSet<(bool, u32)> = events
            .iter()
            .filter_map(|event| match event {
                Toy::Destroyed { access, month } => Some((*access, *month)),
                _ => None,
            })
            .collect();
        let mut numbers = [0u64; 256];
        let mut fed = Vec::new();
        for (index, event) in events.iter().enumerate() {
            let index = index as u64;
            let stream = match event {
                Toy::Fact { stream, .. } => *stream,
                _ => 255,
            };
            numbers[usize::from(stream)] += 1;
            if index < from.0 || fed.len() == max {
                continue;
            }
            let destroyed = matches!(event, Toy::Fact { access, month, .. } if gone.contains(&(*access, *month)));
            fed.push(Event {
                index: Index(index),
                link_hash: Hash(*blake3::hash(&index.to_be_bytes()).as_bytes()),
                record: (!destroyed).then(|| Self::record(event, numbers[usize::from(stream)])),
            });
        }
        Ok(fed)
    }

    fn head(&self) -> Index {
        Index(self.len())
    }
}

const PLACES: Table = Table(1);
const COUNTS: Table = Table(2);
const CHUNK: u64 = 4;
const ENTRY: usize = 8 + 1 + 4;

/// Where each stream's events are, in chunks, and how many came under each key.
pub(crate) struct Tally(pub(crate) u32);

impl View for Tally {
    fn name(&self) -> &'static str {
        "tally"
    }

    fn version(&self) -> u32 {
        self.0
    }

    fn apply(&self, event: &Event, rows: &dyn Rows) -> Result<Changes, Poison> {
        let record = event
            .record
            .as_ref()
            .expect("the runner passes records only");
        let mut changes = Changes::none();
        if record.fact.class == RecordClass::Keep {
            return Ok(changes);
        }
        if record.body == [1] {
            return Err(Poison::new("a body of one"));
        }
        let month = Month::of(record.header.admitted);
        let mut key = record.header.stream.0.to_vec();
        key.extend_from_slice(&(record.header.number.0 / CHUNK).to_be_bytes());
        let mut chunk = rows.get(PLACES, &key).unwrap_or_default();
        chunk.extend_from_slice(&event.index.0.to_be_bytes());
        chunk.push(record.fact.class as u8);
        chunk.extend_from_slice(&month.0.to_be_bytes());
        changes.put(PLACES, key, chunk);
        let mut under = vec![record.fact.class as u8];
        under.extend_from_slice(&month.0.to_be_bytes());
        let count = rows.get(COUNTS, &under).map_or(0, |count| count[0]);
        changes.put(COUNTS, under, [count.wrapping_add(1)]);
        Ok(changes)
    }

    fn forget(
        &self,
        table: Table,
        key: &[u8],
        value: &[u8],
        gone: &RecordKey,
    ) -> Result<Forgotten, Poison> {
        let mut under = vec![gone.class as u8];
        under.extend_from_slice(&gone.month.0.to_be_bytes());
        if table == COUNTS {
            return Ok(if key == under {
                Forgotten::Delete
            } else {
                Forgotten::Unchanged
            });
        }
        let kept: Vec<u8> = value
            .chunks_exact(ENTRY)
            .filter(|entry| entry[8..] != under)
            .flatten()
            .copied()
            .collect();
        Ok(match kept.len() {
            0 => Forgotten::Delete,
            length if length == value.len() => Forgotten::Unchanged,
            _ => Forgotten::Put(kept),
        })
    }
}

pub(crate) fn tally() -> Arc<dyn View> {
    Arc::new(Tally(1))
}

/// Steps until nothing moves any more.
pub(crate) fn settle(projection: &mut Projection, ledger: &Ledger, max: usize) {
    let mut feed = ledger.clone();
    loop {
        let progress = projection
            .step(&mut feed, max)
            .expect("the toy ledger can be folded");
        if progress == Progress::default() {
            return;
        }
    }
}

/// What a fold of the whole ledger from its first event gives, in memory.
pub(crate) fn fresh_cursor(ledger: &Ledger) -> Cursor {
    let home = adversarial_store::AdversarialDisk::new().home(1);
    let (mut projection, _) = Projection::open(tally(), Box::new(home)).expect("memory");
    settle(&mut projection, ledger, 1000);
    projection.status().cursor
}
