//! The order of a run. One target at a time, the disk probed before every trial, so that two lines of
//! the table differ in the target and not in the minute; then the figures that must be reached.

use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use people::{Mix, Story};

use crate::door;
use crate::events::Counted;
use crate::http_load::{self, Endpoint};
use crate::lag::{Lag, Watch};
use crate::long;
use crate::machine;
use crate::postgres::Postgres;
use crate::probe::probe;
use crate::process::Server;
use crate::report::{Bound, Figure, Measured, Report};
use crate::settings::Settings;
use crate::stopwatch::unix_seconds;
use crate::target::{Ledger, Views};
use crate::trial::{Shape, Trial};

/// Clients and events a request of the trials.
const SHAPES: [(usize, usize); 3] = [(1, 1), (64, 1), (16, 100)];
const WARM_UP_SECONDS: f64 = 2.0;
/// From this median on, the disk decides and more is asked of the ledger.
const SLOW_DISK_MEDIAN_US: f64 = 1_000.0;
const STORY_DAYS: u64 = 500;

/// One target's trials, added to the report.
type Part = fn(&Settings, &mut Report) -> io::Result<()>;

/// The comparison. Exit status 1 when a figure fell short or could not be measured.
pub(crate) fn all(settings: &Settings) -> io::Result<ExitCode> {
    fs::create_dir_all(&settings.work)?;
    let mut report = Report {
        machine: machine::line(&settings.work),
        ..Report::default()
    };
    if let Some(warning) = machine::busy_warning() {
        writeln!(io::stderr(), "   {warning}")?;
        report.notes.push(warning);
    }
    let parts: [(&str, Part); 2] = [("ledger", ledger), ("postgres", postgres)];
    for (part, run) in parts {
        if !settings.wants(part) {
            report.notes.push(format!("{part}: left out by --only"));
        } else if let Err(error) = run(settings, &mut report) {
            report.notes.push(format!("{part}: not measured: {error}"));
        }
    }
    if report.figures.is_empty() {
        report.figures.push(disk_figure());
    }
    let trials = figures(&report);
    report.figures.splice(0..0, trials);
    long::run(settings, &mut report);
    fs::remove_dir_all(&settings.work)?;
    fs::create_dir_all(&settings.out)?;
    let text = report.text();
    fs::write(settings.out.join("report.txt"), &text)?;
    fs::write(
        settings.out.join("report.json"),
        format!("{:#}\n", report.json()),
    )?;
    io::stdout().write_all(text.as_bytes())?;
    Ok(if report.holds() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Numbers that one story has for its cases.
const CASES_A_STORY: u64 = 1_000_000;

/// The demo's events, a line each.
pub(crate) fn story(count: u64, seed: u64) -> io::Result<ExitCode> {
    let now = unix_seconds();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    for mut event in Story::new(seed, count, now - STORY_DAYS * 86_400, now) {
        // Another story's cases are other cases, though it is about the same people.
        event.case += seed * CASES_A_STORY;
        line.clear();
        event.write(&mut line);
        line.push(b'\n');
        out.write_all(&line)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The ledger's trials, each with the no-op door's of the same shape right behind it.
fn ledger(settings: &Settings, report: &mut Report) -> io::Result<()> {
    let folder = settings.work.join("ledger");
    let ledger = Ledger::start(&settings.counterfoil, &folder, Views::On)?;
    let (mut streams, mut body_bytes) = (0, 0);
    for (number, shape) in shapes(settings).enumerate() {
        let endpoint = ledger.endpoint()?;
        measured(settings, report, &shape, |shape, is_warm_up| {
            let seed = 1_000 + 2 * number as u64 + u64::from(is_warm_up);
            let events = Counted::endless(mix(settings, seed).resumed(streams));
            let watch = Watch::start(endpoint.address);
            let (trial, events) = http_load::run(&endpoint, shape, events, drop)?;
            streams = events.inner.streams();
            body_bytes += events.bytes;
            Ok((trial, Some(watch.end()?)))
        })?;
        if settings.wants("door") {
            noop(settings, report, &shape)?;
        }
    }
    let stored = ledger.stored_bytes()?;
    report.figures.push(Figure {
        value: Some(stored as f64 / body_bytes as f64),
        ..disk_figure()
    });
    report.notes.push(format!(
        "ledger: at most {} MiB resident with its view, {} MiB stored for {} MiB of JSON, {streams} streams",
        ledger.resident_bytes()? >> 20,
        stored >> 20,
        body_bytes >> 20,
    ));
    Ok(())
}

/// Bytes on disk in the trials' mix, not measured yet.
fn disk_figure() -> Figure {
    Figure {
        name: "bytes on disk without views, times the JSON, in the trials' mix".to_owned(),
        value: None,
        bound: Bound::AtMost(2.2),
    }
}

/// The no-op door under this shape, answering as many bytes as the ledger did.
fn noop(settings: &Settings, report: &mut Report, shape: &Shape) -> io::Result<()> {
    let seen = report.trial("ledger", &shape.name());
    let answer_bytes = seen.map_or(0, |m| m.trial.answer_bytes).to_string();
    let mut command = Command::new(std::env::current_exe()?);
    let server = Server::start(command.args(["door", "--answer-bytes", &answer_bytes]))?;
    let endpoint = Endpoint {
        name: "no-op door".to_owned(),
        address: server.address,
        token: door::TOKEN.to_owned(),
        names_items: false,
    };
    measured(settings, report, shape, |shape, _| {
        let (trial, _) = http_load::run(&endpoint, shape, mix(settings, 1), drop)?;
        Ok((trial, None))
    })
}

fn postgres(settings: &Settings, report: &mut Report) -> io::Result<()> {
    let postgres = Postgres::start(&settings.work.join("pg"))?;
    for shape in shapes(settings) {
        measured(settings, report, &shape, |shape, _| {
            Ok((postgres.run(shape, mix(settings, 1))?, None))
        })?;
    }
    let stored = postgres.bytes()? >> 20;
    report.notes.push(format!(
        "postgres: {stored} MiB in the table with its index"
    ));
    Ok(())
}

/// A warm-up that is thrown away, a probe, the trial.
fn measured(
    settings: &Settings,
    report: &mut Report,
    shape: &Shape,
    mut run: impl FnMut(&Shape, bool) -> io::Result<(Trial, Option<Lag>)>,
) -> io::Result<()> {
    let warm_up = Shape {
        seconds: WARM_UP_SECONDS.min(shape.seconds),
        ..shape.clone()
    };
    run(&warm_up, true)?;
    let probe = probe(&settings.work)?;
    let (trial, lag) = run(shape, false)?;
    let (name, rate) = (trial.shape.name(), trial.rate());
    writeln!(
        io::stderr(),
        "   {} {name}: {rate:.0} events/s, load {:.2} us of processor an event{}",
        trial.target,
        trial.load_us(),
        lag.map_or(String::new(), |lag| format!(
            ", view lag at most {}, {} at the end",
            lag.most, lag.at_end
        ))
    )?;
    report.trials.push(Measured { trial, probe, lag });
    Ok(())
}

fn shapes(settings: &Settings) -> impl Iterator<Item = Shape> {
    let seconds = settings.seconds;
    SHAPES
        .into_iter()
        .map(move |(clients, events_per_request)| Shape {
            clients,
            events_per_request,
            seconds,
        })
}

fn mix(settings: &Settings, seed: u64) -> Mix {
    Mix::new(seed, settings.people, unix_seconds())
}

/// The figures, each from the trials it needs.
fn figures(report: &Report) -> Vec<Figure> {
    let rate = |target, shape| report.trial(target, shape).map(|m| m.trial.rate());
    let ratio = |above: Option<f64>, below: Option<f64>| above.zip(below).map(|(a, b)| a / b);
    let figure = |name: &str, value, bound| Figure {
        name: name.to_owned(),
        value,
        bound,
    };
    let slow_disk = report
        .trial("ledger", "64 x 1")
        .is_some_and(|m| m.probe.append_median_us >= SLOW_DISK_MEDIAN_US);
    let single = ratio(rate("ledger", "64 x 1"), rate("postgres", "64 x 1"));
    let batches = ratio(rate("ledger", "16 x 100"), rate("postgres", "16 x 100"));
    let mut figures = Vec::new();
    if slow_disk {
        let name = "64 x 1, times PostgreSQL (the disk's median is 1 ms or more)";
        figures.push(figure(name, single, Bound::AtLeast(20.0)));
    } else {
        let name = "64 x 1, times PostgreSQL (the disk's median is below 1 ms)";
        figures.push(figure(name, single, Bound::AtLeast(12.0)));
        let of_door = ratio(rate("ledger", "64 x 1"), rate("no-op door", "64 x 1"));
        figures.push(figure(
            "64 x 1, share of the no-op door",
            of_door,
            Bound::AtLeast(0.40),
        ));
    }
    figures.push(figure(
        "16 x 100, times PostgreSQL",
        batches,
        Bound::AtLeast(30.0),
    ));
    let alone = report.trial("ledger", "1 x 1");
    let floor = report
        .trial("no-op door", "1 x 1")
        .zip(alone)
        .map(|(door, alone)| door.trial.percentile_us(0.5) + alone.probe.append_median_us);
    let median = alone.map(|m| m.trial.percentile_us(0.5));
    let name = "one client's median, times (probe + no-op door)";
    figures.push(figure(name, ratio(median, floor), Bound::AtMost(2.0)));
    figures
}
