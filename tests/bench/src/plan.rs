//! The order of a run. One target at a time, the disk probed before every trial, so that two lines of
//! the table differ in the target and not in the minute; then the figures that must be reached.

use std::fs;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use people::{Mix, Story};

use crate::door;
use crate::hash_speed;
use crate::http_load::{self, Endpoint};
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
/// What a foil takes as JSON, where the ledger was not measured.
const FOIL_BYTES_ASSUMED: u64 = 1_500;
/// From this median on, the disk decides and more is asked of the ledger.
const SLOW_DISK_MEDIAN_US: f64 = 1_000.0;
const STORY_DAYS: u64 = 500;

/// One target's trials, added to the report.
type Part = fn(&Settings, &mut Report) -> io::Result<()>;

/// The comparison. Exit status 1 when a figure that was measured fell short.
pub(crate) fn all(settings: &Settings) -> io::Result<ExitCode> {
    fs::create_dir_all(&settings.work)?;
    let mut report = Report {
        machine: machine::line(&settings.work),
        ..Report::default()
    };
    let parts: [(&str, Part); 3] = [("ledger", ledger), ("door", noop), ("postgres", postgres)];
    for (part, run) in parts {
        if !settings.wants(part) {
            report.notes.push(format!("{part}: left out by --only"));
        } else if let Err(error) = run(settings, &mut report) {
            report.notes.push(format!("{part}: not measured: {error}"));
        }
    }
    report.figures.extend(figures(&report));
    long::run(settings, &mut report);
    if settings.wants("hash") {
        let speed = hash_speed::megabytes_a_second();
        report
            .notes
            .push(format!("BLAKE3 then SHA-256, one core: {speed:.0} MB/s"));
    }
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

fn ledger(settings: &Settings, report: &mut Report) -> io::Result<()> {
    let ledger = Ledger::start(
        &settings.counterfoil,
        &settings.work.join("ledger"),
        Views::On,
    )?;
    let mut streams = 0;
    for (number, shape) in shapes(settings).enumerate() {
        let endpoint = ledger.endpoint()?;
        measured(settings, report, &shape, |shape, warm_up| {
            let seed = 1_000 + 2 * number as u64 + u64::from(warm_up);
            let mix = mix(settings, seed).resumed(streams);
            let (trial, mix) = http_load::run(&endpoint, shape, mix, drop)?;
            streams = mix.streams();
            Ok(trial)
        })?;
    }
    let (memory, disk) = (ledger.resident_bytes()? >> 20, ledger.stored_bytes()? >> 20);
    report.notes.push(format!(
        "ledger: {memory} MiB resident, {disk} MiB stored, {streams} streams"
    ));
    Ok(())
}

fn noop(settings: &Settings, report: &mut Report) -> io::Result<()> {
    for shape in shapes(settings) {
        let seen = report
            .trial("ledger", &shape.name())
            .map(|m| m.trial.answer_bytes);
        let assumed = FOIL_BYTES_ASSUMED * shape.events_per_request as u64;
        let answer_bytes = seen.unwrap_or(assumed).to_string();
        let mut command = Command::new(std::env::current_exe()?);
        let server = Server::start(command.args(["door", "--answer-bytes", &answer_bytes]))?;
        let (name, token) = ("no-op door".to_owned(), door::TOKEN.to_owned());
        let endpoint = Endpoint {
            name,
            address: server.address,
            token,
        };
        measured(settings, report, &shape, |shape, _| {
            Ok(http_load::run(&endpoint, shape, mix(settings, 1), drop)?.0)
        })?;
    }
    Ok(())
}

fn postgres(settings: &Settings, report: &mut Report) -> io::Result<()> {
    let postgres = Postgres::start(&settings.work.join("pg"))?;
    for shape in shapes(settings) {
        measured(settings, report, &shape, |shape, _| {
            postgres.run(shape, mix(settings, 1))
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
    mut run: impl FnMut(&Shape, bool) -> io::Result<Trial>,
) -> io::Result<()> {
    let warm_up = Shape {
        seconds: WARM_UP_SECONDS.min(shape.seconds),
        ..shape.clone()
    };
    run(&warm_up, true)?;
    let probe = probe(&settings.work)?;
    let trial = run(shape, false)?;
    let (name, rate) = (trial.shape.name(), trial.rate());
    writeln!(
        io::stderr(),
        "   {} {name}: {rate:.0} events/s",
        trial.target
    )?;
    report.trials.push(Measured { trial, probe });
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
    // Measured once `counterfoil verify` says how many bytes it hashed in how long.
    let name = "full verification, share of BLAKE3 + SHA-256 on the same bytes";
    figures.push(figure(name, None, Bound::AtLeast(0.5)));
    figures
}
