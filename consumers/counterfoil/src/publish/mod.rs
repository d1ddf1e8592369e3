//! `counterfoil publish`: events from a file or standard input through the door.
//!
//! ```text
//! file ─▶ source (lines, array, CSV through a map) ─▶ batches ─▶ sender (429, broken connections) ─▶ tally ─▶ summary
//! ```
//! Always: one batch is in memory at a time; events keep their order; what is refused is told by line,
//! column, field and rule and never by value, and no file of refused events is written (S-1). Sending
//! the same file again is harmless: repeats are found by their ids (C-3).

mod batch;
mod imported;
mod progress;
mod sender;
mod source;
mod split;
mod tally;

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use clap::Args;
use intake::admit::csv_map::CsvMap;

use crate::arguments::{Format, Globals};
use crate::commands::proof::publisher_client;
use crate::door::UrlArguments;
use crate::failure::Failure;
use crate::output;
use batch::Batch;
use progress::{Counting, Progress};
use sender::Sender;
use source::{Next, Source};
use tally::Tally;

/// Most refused events that are listed one by one.
const LISTED_DEFAULT: usize = 20;

/// Arguments of `publish`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil publish events.jsonl --token-file crm.token
  counterfoil example collection.collected | counterfoil publish - --token-file crm.token --dry-run
  counterfoil publish receipt.csv --map receipt.toml --token-file permits.token --imported
  counterfoil publish events.json --token-file crm.token --url https://ledger.westmere.example

FILE holds CloudEvents as JSON, one after the other or as an array; or CSV, with --map. Exit code 1
when an event was refused; the others are recorded all the same. After an interruption publish the
file again: what is recorded already is found by its id and answered as a repeat.")]
pub(crate) struct PublishArguments {
    /// The events; `-` is standard input
    #[arg(value_name = "FILE|-")]
    file: PathBuf,
    /// How rows of a CSV file become events
    #[arg(long, value_name = "MAP")]
    map: Option<PathBuf>,
    /// Judge every event and record none
    #[arg(long)]
    dry_run: bool,
    /// Mark every event as imported, not live
    #[arg(long)]
    imported: bool,
    #[command(flatten)]
    elsewhere: UrlArguments,
    /// Refused events to list one by one; all are counted
    #[arg(long, value_name = "N", default_value_t = LISTED_DEFAULT)]
    list: usize,
}

/// Publishes.
///
/// # Errors
/// Where anything was refused, the file or the map cannot be read, or nobody answers.
pub(crate) fn run(globals: &Globals, own: &PublishArguments) -> Result<(), Failure> {
    let is_csv = |path: &Path| {
        path.extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("csv"))
    };
    if own.map.is_none() && is_csv(&own.file) {
        return Err(Failure::usage(
            "a CSV file is published through a map: --map MAP says which column becomes which field",
        ));
    }
    let client = publisher_client(globals, &own.elsewhere)?;
    let map = own.map.as_deref().map(read_map).transpose()?;
    let (file, length) = open(&own.file)?;
    let (file, position) = Counting::new(file);
    let mut source = match &map {
        Some(map) => Source::csv(map, file)?,
        None => Source::json(BufReader::new(file)),
    };
    let mut sender = Sender::new(client, own.dry_run);
    let mut tally = Tally::new(own.list, map.as_ref());
    let mut progress = Progress::new(length, position);
    let sent = send_all(own, &mut source, &mut sender, &mut tally, &mut progress);
    progress.end(tally.seen());
    // What was settled before a failure is told too.
    let told = match globals.format {
        Format::Json => output::answer(&format!("{:#}", tally.to_json(own.dry_run))),
        Format::Table => output::answer(&(tally.listed() + &tally.counts(own.dry_run))),
        // A spreadsheet takes the refusals, which somebody has to mend; the counts stand beside it.
        Format::Csv => {
            output::aside(tally.counts(own.dry_run).trim_end());
            tally
                .table()
                .print(Format::Csv, &tally.to_json(own.dry_run))
        }
    };
    sent?;
    told?;
    if tally.refused() > 0 {
        Err(Failure::Shown)
    } else {
        Ok(())
    }
}

fn send_all<R: Read>(
    own: &PublishArguments,
    source: &mut Source<'_, R>,
    sender: &mut Sender,
    tally: &mut Tally<'_>,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let mut batch = Batch::default();
    loop {
        let next = source.next();
        let ended = matches!(next, Next::End);
        match next {
            Next::End => {}
            Next::Refused(refused) => tally.refuse(refused),
            Next::Event(event) => {
                let event = if own.imported {
                    imported::mark(event)
                } else {
                    Ok(event)
                };
                match event {
                    Ok(event) => {
                        if !batch.fits(&event) {
                            settle(sender, &mut batch, tally)?;
                            progress.show(tally.seen());
                        }
                        batch.push(event);
                    }
                    Err(refused) => tally.refuse(refused),
                }
            }
        }
        if batch.is_full() || ended {
            settle(sender, &mut batch, tally)?;
            progress.show(tally.seen());
        }
        if ended {
            return Ok(());
        }
    }
}

fn settle(sender: &mut Sender, batch: &mut Batch, tally: &mut Tally<'_>) -> Result<(), Failure> {
    let (lines, body) = batch.take();
    if lines.is_empty() {
        return Ok(());
    }
    let results = sender.send(lines.len(), body)?;
    for (line, result) in lines.into_iter().zip(results) {
        tally.settle(line, result);
    }
    Ok(())
}

fn open(path: &Path) -> Result<(Box<dyn Read>, Option<u64>), Failure> {
    if path == Path::new("-") {
        return Ok((Box::new(std::io::stdin()), None));
    }
    let unreadable = |error: std::io::Error| {
        Failure::Usage(format!("{} cannot be read: {error}", path.display()))
    };
    let file = File::open(path).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    let length = about.is_file().then_some(about.len());
    Ok((Box::new(file), length))
}

fn read_map(path: &Path) -> Result<CsvMap, Failure> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| {
        Failure::Usage(format!(
            "the map {} cannot be read: {error}",
            path.display()
        ))
    })?;
    let map = CsvMap::parse(&text);
    map.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))
}
