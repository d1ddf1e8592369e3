//! Measures the vault on the real disk: absorption, resolves cached and cold, bytes a stream row, a rotation.
//!
//! `cargo run --release -p vault --example measure -- DIR [PERSONS] [STREAMS_PER_PERSON]`. Not a test: it asserts nothing about time.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use ground::{Clock, Random, RealDisk, SharedDisk, SystemClock, SystemRandom};
use proto::Personal;
use proto::ids::{ActivityCode, Index, Origin, PartyCode, StreamId};
use vault::{
    Destroy, DestroyStream, Given, IndexKind, Key32, Options, PersonRef, Position, RotationStep,
    Row, StreamPlace, StreamSecret, Vault, VaultReader,
};

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().ok_or("a directory is needed")?);
    let persons: usize = arguments.next().map_or(Ok(50_000), |n| n.parse())?;
    let streams: usize = arguments.next().map_or(Ok(10), |n| n.parse())?;
    let random: Arc<dyn Random> = Arc::new(SystemRandom);
    let disk: SharedDisk = Arc::new(RealDisk);
    let options = Options {
        persons_expected: persons as u64,
        accept_unproven: true,
        ..Options::new(Origin::new("test.westmere.example/counterfoil")?)
    };
    vault::init(&disk, &dir, &options, &random)?;
    let vault = vault::open(&disk, &dir, &options, &random)?;
    let clock = SystemClock::new();
    let mut out = std::io::stdout().lock();
    let made = fill(&vault, &clock, &mut out, &*random, (persons, streams))?;
    let bytes = std::fs::metadata(dir.join("shelves.redb"))?.len();
    writeln!(
        out,
        "store {bytes} bytes, {} a stream",
        bytes / made.len() as u64
    )?;
    writeln!(
        out,
        "cached entries at most {} bytes for {}",
        vault.reader().cache_bytes_max(),
        options.streams_cached_max
    )?;
    resolve(&vault, &mut out, "open", persons)?;
    drop(vault);
    let start = clock.monotonic_ns();
    let vault = vault::open(&disk, &dir, &options, &random)?;
    writeln!(out, "open {} us", (clock.monotonic_ns() - start) / 1000)?;
    resolve(&vault, &mut out, "cold", persons)?;
    rotate(&vault, &clock, &mut out, &made)?;
    Ok(())
}

/// Rows of every stream, 65,536 or a little more to an absorption.
fn fill(
    vault: &Vault,
    clock: &SystemClock,
    out: &mut impl Write,
    random: &dyn Random,
    (persons, streams): (usize, usize),
) -> Result<Vec<(PersonRef, StreamId)>, Failure> {
    let reader = vault.reader();
    let people: Vec<PersonRef> = (0..persons).map(|_| reader.draw_person()).collect();
    let (mut made, mut rows, mut group, mut sealed) = (Vec::new(), Vec::new(), 0, 0);
    for nth in 0..streams {
        for (number, person) in people.iter().enumerate() {
            let stream = StreamId(ground::array(random));
            made.push((*person, stream));
            if nth == 0 {
                rows.push(Row::Person {
                    person: *person,
                    label_key: Key32::random(random),
                });
            }
            rows.extend(stream_rows(
                &reader,
                random,
                (*person, stream),
                (number, nth),
            )?);
            let last = nth + 1 == streams && number + 1 == persons;
            if made.len().is_multiple_of(100) || last {
                group += 1;
                let taken = std::mem::take(&mut rows);
                let section = vault.seal_section(&taken, group, Index(group * 1000), 100)?;
                sealed += section.len();
                vault.stage(taken, group)?;
            }
            if vault.pending_rows() >= 65_536 || last {
                let (count, start) = (vault.pending_rows(), clock.monotonic_ns());
                vault.absorb(Position {
                    group,
                    index: Index(group * 1000 + 1000),
                })?;
                let ms = (clock.monotonic_ns() - start) / 1_000_000;
                writeln!(
                    out,
                    "absorbed {count} rows in {ms} ms at {} streams",
                    made.len()
                )?;
            }
        }
    }
    writeln!(
        out,
        "sections {sealed} bytes, {} a stream",
        sealed / made.len()
    )?;
    Ok(made)
}

/// One alias and three values of a person, as every event gives them.
fn given(reader: &VaultReader, number: usize) -> Result<Given, Failure> {
    let id = Personal::new(number.to_string());
    let mut given = Given {
        aliases: vec![reader.alias_hash("crm", &id)],
        index: Vec::new(),
    };
    for kind in [IndexKind::Name, IndexKind::Postcode, IndexKind::Email] {
        let value = Personal::new(format!("value {number}"));
        let hash = reader.index_hash(kind, &value).ok_or("a form")?;
        given.index.push((kind, hash));
    }
    Ok(given)
}

/// What a new stream stages: itself, where it lies, and what it justifies.
fn stream_rows(
    reader: &VaultReader,
    random: &dyn Random,
    (person, stream): (PersonRef, StreamId),
    (number, nth): (usize, usize),
) -> Result<Vec<Row>, Failure> {
    let given = given(reader, number)?;
    let mut rows = vec![
        Row::Stream {
            person,
            stream,
            activity: ActivityCode::new(format!("activity-{nth}"))?,
            party: PartyCode::new("northgate")?,
            secret: StreamSecret::random(random),
            alone: false,
            given: given.tag(),
        },
        Row::StreamShelf {
            stream,
            place: StreamPlace::Person(person),
        },
    ];
    rows.extend(given.aliases.into_iter().map(|hash| Row::Alias {
        hash,
        person,
        stream,
    }));
    rows.extend(given.index.into_iter().map(|(kind, hash)| Row::Index {
        kind,
        hash,
        person,
        stream,
    }));
    Ok(rows)
}

/// What this thread spent on a processor, in nanoseconds: of use where others run too.
fn processor_ns() -> Result<u64, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(text.split(' ').next().ok_or("a number")?.parse()?)
}

/// Alias to person to stream to what it justifies, every seventh person, twice.
fn resolve(vault: &Vault, out: &mut impl Write, what: &str, persons: usize) -> Result<(), Failure> {
    let reader = vault.reader();
    let (activity, party) = (
        ActivityCode::new("activity-0")?,
        PartyCode::new("northgate")?,
    );
    let all = (0..persons).step_by(7).map(|number| given(&reader, number));
    let all = all.collect::<Result<Vec<Given>, _>>()?;
    for round in ["first", "second"] {
        let (mut find, mut check) = (0, 0);
        for given in &all {
            let start = processor_ns()?;
            let alias = given.aliases.first().ok_or("an alias")?;
            let person = reader
                .person_by_alias(alias)?
                .ok_or("the person is there")?;
            let keys = reader.stream(&person, &activity, &party)?;
            let keys = keys.ok_or("the stream is there")?;
            let found = processor_ns()?;
            if !reader.missing(given, &person, keys.stream)?.is_empty() {
                return Err("all is justified".into());
            }
            find += found - start;
            check += processor_ns()? - found;
        }
        let count = all.len() as u64;
        writeln!(
            out,
            "resolve {what}, {round} pass: {} ns, justified {} ns (processor time, reading it included)",
            find / count,
            check / count
        )?;
    }
    Ok(())
}

/// Destroys one stream, end to end.
fn rotate(
    vault: &Vault,
    clock: &SystemClock,
    out: &mut impl Write,
    made: &[(PersonRef, StreamId)],
) -> Result<(), Failure> {
    let (person, stream) = *made.first().ok_or("a stream")?;
    let entry = DestroyStream {
        stream,
        last: Index(1),
        person: Some(person),
    };
    let key = vault.rotation_begin(Destroy {
        streams: vec![entry],
        ..Destroy::default()
    })?;
    let before = vault.position();
    let position = Position {
        group: before.group + 1,
        index: Index(before.index.0 + 1),
    };
    vault.seal_section(std::slice::from_ref(&key), position.group, before.index, 0)?;
    vault.stage(vec![key], position.group)?;
    vault.absorb(position)?;
    let start = clock.monotonic_ns();
    loop {
        let step = vault.rotate_step(position)?;
        let us = (clock.monotonic_ns() - start) / 1000;
        let name = match step {
            RotationStep::RootWritten => "root written",
            RotationStep::TableWritten => "table written",
            RotationStep::Committed => "committed",
            RotationStep::Done(_) => "done",
            _ => "waits",
        };
        writeln!(out, "rotation {name} at {us} us")?;
        if name == "done" {
            return Ok(());
        }
    }
}
