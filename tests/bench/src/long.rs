//! What a long life costs: five million events into one ledger without views, then its memory, its bytes
//! on disk, its start after kill -9, and whether an event costs at the end what it cost at 100 thousand.

use std::io::{self, Write};

use people::Mix;

use crate::events::Counted;
use crate::http_load;
use crate::report::{Bound, Figure, Report};
use crate::settings::Settings;
use crate::stopwatch::{Stopwatch, unix_seconds};
use crate::target::{Ledger, Views};
use crate::trial::Shape;

const SEED: u64 = 5_000;
/// Events of the first stretch, which only fills the ledger.
const FILLED_FIRST: u64 = 100_000;
/// Parts that the rest is sent in; the first and the last are compared.
const PARTS: u64 = 10;

/// Figures of the long run, measured or not.
#[derive(Debug, Default)]
struct Long {
    resident_mib: Option<f64>,
    start_seconds: Option<f64>,
    disk_ratio: Option<f64>,
    slowdown: Option<f64>,
}

/// Runs it where it is wanted and adds its figures, measured or not.
pub(crate) fn run(settings: &Settings, report: &mut Report) {
    let mut long = Long::default();
    if !settings.wants("long") {
        report.notes.push("long: left out by --only".to_owned());
    } else if let Err(error) = measure(settings, &mut long) {
        report
            .notes
            .push(format!("long: not measured to the end: {error}"));
    }
    let million = settings.long_events as f64 / 1e6;
    let figure = |name: &str, value, limit| Figure {
        name: format!("{million:.1} million events: {name}"),
        value,
        bound: Bound::AtMost(limit),
    };
    report.figures.extend([
        figure(
            "memory of serve without views, MiB",
            long.resident_mib,
            256.0,
        ),
        figure("start after kill -9, seconds", long.start_seconds, 3.0),
        figure("bytes on disk, times the JSON", long.disk_ratio, 2.2),
        figure(
            "cost of an event, times that at 100 thousand",
            long.slowdown,
            1.15,
        ),
    ]);
}

fn measure(settings: &Settings, long: &mut Long) -> io::Result<()> {
    let folder = settings.work.join("long");
    let mut ledger = Ledger::start(&settings.counterfoil, &folder, Views::Off)?;
    let shape = Shape {
        clients: 16,
        events_per_request: 100,
        seconds: f64::INFINITY,
    };
    let mix = Mix::new(SEED, settings.people, unix_seconds());
    let mut events = Counted {
        inner: mix,
        left: FILLED_FIRST,
        bytes: 0,
    };
    let empty = ledger.stored_bytes()?;
    let mut rates = Vec::new();
    let part = settings.long_events.saturating_sub(FILLED_FIRST) / PARTS / 100 * 100;
    for left in std::iter::once(FILLED_FIRST).chain((0..PARTS).map(|_| part)) {
        events.left = left;
        let (trial, rest) = http_load::run(&ledger.endpoint()?, &shape, events, drop)?;
        events = rest;
        rates.push(trial.rate());
        let resident = ledger.resident_bytes()? >> 20;
        writeln!(
            io::stderr(),
            "   long: {:.0} events/s, {resident} MiB",
            trial.rate()
        )?;
    }
    if let (Some(first), Some(last)) = (rates.get(1), rates.last()) {
        long.slowdown = Some(first / last);
    }
    long.resident_mib = Some(ledger.resident_bytes()? as f64 / 1_048_576.0);
    long.disk_ratio = Some((ledger.stored_bytes()? - empty) as f64 / events.bytes as f64);
    ledger.kill()?;
    let clock = Stopwatch::start();
    ledger.restart()?;
    long.start_seconds = Some(clock.seconds());
    Ok(())
}
