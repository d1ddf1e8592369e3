//! What a long life costs: five million events into one ledger without views, then its memory, its bytes
//! on disk, its start after kill -9, whether an event costs at the end what it cost at 100 thousand, and
//! how fast all of it is verified.

use std::io::{self, Write};

use people::Mix;

use crate::events::Counted;
use crate::http_load;
use crate::machine::cpu_seconds;
use crate::report::{Bound, Figure, Report};
use crate::settings::Settings;
use crate::stopwatch::{Stopwatch, unix_seconds};
use crate::target::{Ledger, Views};
use crate::trial::Shape;
use crate::verification::{self, Verification};

const SEED: u64 = 5_000;
/// Events of one stretch. The first only fills the ledger; each later one has its cost measured.
const STRETCH: u64 = 100_000;
/// Stretches that are taken together where costs are compared: the first and the last so many.
const COMPARED: usize = 3;

/// Figures of the long run, measured or not.
#[derive(Debug, Default)]
struct Long {
    resident_mib: Option<f64>,
    start_seconds: Option<f64>,
    disk_ratio: Option<f64>,
    /// Cost at the end, cost at 100 thousand being 1: in processor time of the server, and in seconds.
    cpu_growth: Option<f64>,
    wall_growth: Option<f64>,
    verification: Option<Verification>,
}

/// What one stretch of events cost, in microseconds an event.
#[derive(Debug, Clone, Copy)]
struct Cost {
    cpu: f64,
    wall: f64,
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
    let share = long.verification.map(|verification| verification.share());
    report.figures.push(Figure {
        name: "full verification, share of raw BLAKE3 + SHA-256 on the same bytes".to_owned(),
        value: share,
        bound: Bound::AtLeast(0.5),
    });
    report.notes.extend(long.verification.map(|v| v.note()));
    let million = settings.long_events as f64 / 1e6;
    let mut at_most = |name: &str, value, limit| {
        report.figures.push(Figure {
            name: format!("{million:.1} million events: {name}"),
            value,
            bound: Bound::AtMost(limit),
        });
    };
    let memory = "most memory of serve without views, MiB";
    at_most(memory, long.resident_mib, 256.0);
    at_most("start after kill -9, seconds", long.start_seconds, 3.0);
    at_most("bytes on disk, times the JSON", long.disk_ratio, 2.2);
    let cpu = "processor time of an event, times that at 0.1";
    at_most(cpu, long.cpu_growth, 1.15);
    at_most(
        "seconds an event, times that at 0.1",
        long.wall_growth,
        1.15,
    );
}

fn measure(settings: &Settings, long: &mut Long) -> io::Result<()> {
    let folder = settings.work.join("long");
    let mut ledger = Ledger::start(&settings.counterfoil, &folder, Views::Off)?;
    let body_bytes = fill(settings, &ledger, long)?;
    long.resident_mib = Some(ledger.resident_bytes()? as f64 / 1_048_576.0);
    long.disk_ratio = Some(ledger.stored_bytes()? as f64 / body_bytes as f64);
    ledger.kill()?;
    let clock = Stopwatch::start();
    ledger.restart()?;
    long.start_seconds = Some(clock.seconds());
    writeln!(
        io::stderr(),
        "   long: started again {:.2} s after kill -9",
        clock.seconds()
    )?;
    ledger.kill()?;
    if settings.wants("verify") {
        long.verification = Some(verification::measure(&ledger)?);
    }
    Ok(())
}

/// Sends all events, stretch by stretch, and gives the bytes of their JSON.
fn fill(settings: &Settings, ledger: &Ledger, long: &mut Long) -> io::Result<u64> {
    let shape = Shape {
        clients: 16,
        events_per_request: 100,
        seconds: f64::INFINITY,
    };
    let (endpoint, process) = (ledger.endpoint()?, ledger.process());
    let mix = Mix::new(SEED, settings.people, unix_seconds());
    let mut events = Counted::endless(mix);
    let mut costs = Vec::new();
    for stretch in 1..=settings.long_events / STRETCH {
        events.left = STRETCH;
        let cpu = cpu_seconds(process);
        let (trial, rest) = http_load::run(&endpoint, &shape, events, drop)?;
        events = rest;
        let micros = 1e6 / STRETCH as f64;
        let cost = Cost {
            cpu: (cpu_seconds(process) - cpu) * micros,
            wall: trial.seconds * micros,
        };
        if stretch > 1 {
            costs.push(cost);
        }
        if stretch % 5 == 0 || stretch == 1 {
            writeln!(
                io::stderr(),
                "   long: {:.1} million, {:.0} events/s, {:.1} us of processor an event, {} MiB",
                (stretch * STRETCH) as f64 / 1e6,
                trial.rate(),
                cost.cpu,
                ledger.resident_bytes()? >> 20
            )?;
        }
    }
    long.cpu_growth = growth(&costs, |cost| cost.cpu);
    long.wall_growth = growth(&costs, |cost| cost.wall);
    Ok(events.bytes)
}

/// The last stretches' cost, the first ones' being 1; nothing where they would overlap.
fn growth(costs: &[Cost], of: impl Fn(&Cost) -> f64) -> Option<f64> {
    let sum = |costs: &[Cost]| costs.iter().map(&of).sum::<f64>();
    let (first, rest) = costs.split_at_checked(COMPARED)?;
    let (_, last) = rest.split_at_checked(rest.len().checked_sub(COMPARED)?)?;
    Some(sum(last) / sum(first))
}

#[test]
fn growth_compares_the_ends_and_needs_both() {
    let costs = |walls: &[f64]| -> Vec<Cost> {
        let cost = |wall: &f64| Cost {
            cpu: 1.0,
            wall: *wall,
        };
        walls.iter().map(cost).collect()
    };
    let walls = [1.0, 1.0, 1.0, 9.0, 2.0, 2.0, 2.0];
    assert_eq!(growth(&costs(&walls), |cost| cost.wall), Some(2.0));
    assert_eq!(growth(&costs(&walls), |cost| cost.cpu), Some(1.0));
    assert_eq!(growth(&costs(&walls[..5]), |cost| cost.wall), None);
}
