//! `counterfoil proof` and `foil`: what is handed to somebody else, to verify without us.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hyper::Method;
use hyper::body::Bytes;
use proto::limits::BATCH_EVENTS_MAX;
use serde_json::{Value, json};

use crate::arguments::Globals;
use crate::client::Client;
use crate::door::{Door, UrlArguments};
use crate::failure::Failure;
use crate::place::Place;
use crate::problem;
use crate::{output, token};

/// Longest list of ids on standard input, in bytes.
const IDS_BYTES_MAX: u64 = 64 << 20;

/// Arguments of `proof`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil proof 1042 -o event-1042.tlog-proof
  counterfoil verify event-1042.tlog-proof --key VKEY

The proof has the link and the path to a signed checkpoint. It opens nothing.")]
pub(crate) struct ProofArguments {
    /// The event's index
    index: u64,
    /// Where the proof is written; `-` is standard output
    #[arg(short = 'o', long, value_name = "FILE", default_value = "-")]
    output: PathBuf,
}

/// Arguments of `foil`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  printf '6f1c2c3e-8f0b-4a55-9d0e-2f6f2a1b7c11\\n' |
      counterfoil foil --source //crm.westmere.example --token-file crm.token -o foils/

The publisher's own ids are read from standard input, a line each: an id may name a person, so it is
never an argument. Each foil found becomes a line of JSON, or with -o a file INDEX.foil.json.")]
pub(crate) struct FoilArguments {
    /// The CloudEvents source of the events
    #[arg(long)]
    source: String,
    /// A directory for the foils, a file each [lines on standard output]
    #[arg(short = 'o', long, value_name = "DIR")]
    output: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: UrlArguments,
}

/// Fetches a proof.
///
/// # Errors
/// What the ledger refuses, or where the file is there already.
pub(crate) fn proof(globals: &Globals, own: &ProofArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let mut client = place.client(globals)?;
    let reply = client.get(&format!("/v1/proof/{}", own.index))?;
    let bytes = reply.body.expose();
    if own.output == Path::new("-") {
        return output::bytes(bytes);
    }
    write_new(&own.output, bytes)?;
    output::aside(&format!(
        "event {} is proved by {}",
        own.index,
        own.output.display()
    ));
    Ok(())
}

fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let file = std::fs::File::create_new(path);
    let written = file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    written.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Failure::Refused(format!(
            "{} is there already: nothing is written over it",
            path.display()
        )),
        _ => Failure::Refused(format!("{} cannot be written: {error}", path.display())),
    })
}

/// Fetches foils again.
///
/// # Errors
/// What the ledger refuses; where an id is not found, after the others were written.
pub(crate) fn foils(globals: &Globals, own: &FoilArguments) -> Result<(), Failure> {
    let mut client = publisher_client(globals, &own.elsewhere)?;
    let mut text = proto::Personal::new(String::new());
    let read = std::io::stdin()
        .lock()
        .take(IDS_BYTES_MAX)
        .read_to_string(text.expose_mut());
    read.map_err(|error| Failure::refused(&error))?;
    let ids = text
        .expose()
        .lines()
        .map(str::trim)
        .filter(|id| !id.is_empty());
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() {
        return Err(Failure::usage("no ids on standard input, a line each"));
    }
    if let Some(dir) = &own.output {
        std::fs::create_dir_all(dir).map_err(|error| Failure::refused(&error))?;
    }
    let (mut found, mut missing) = (0_usize, 0_usize);
    for ids in ids.chunks(BATCH_EVENTS_MAX) {
        let question = json!({ "source": own.source, "ids": ids }).to_string();
        let content = ("application/json", Bytes::from(question));
        let reply = client.send(Method::POST, "/v1/foils/find", Some(content));
        let reply = reply.map_err(|error| client.unreachable(&error))?;
        let answer = problem::judged(reply)?.json()?;
        for result in answer
            .get("results")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            match result.get("foil") {
                Some(foil) => {
                    found += 1;
                    keep(own, result, foil)?;
                }
                None => missing += 1,
            }
        }
    }
    output::aside(&format!("{found} found, {missing} not found"));
    if missing > 0 {
        Err(Failure::Shown)
    } else {
        Ok(())
    }
}

fn keep(own: &FoilArguments, result: &Value, foil: &Value) -> Result<(), Failure> {
    let Some(dir) = &own.output else {
        return output::answer(&foil.to_string());
    };
    let index = result
        .get("index")
        .and_then(Value::as_u64)
        .unwrap_or_default();
    write_new(
        &dir.join(format!("{index}.foil.json")),
        foil.to_string().as_bytes(),
    )
}

/// A client for a publisher: through this ledger's socket, or over HTTP from anywhere.
///
/// # Errors
/// Where there is no token: the owner's publishes nothing.
pub(crate) fn publisher_client(
    globals: &Globals,
    elsewhere: &UrlArguments,
) -> Result<Client, Failure> {
    let door = match elsewhere.door()? {
        Some(door) => door,
        None => Door::Socket(Place::find(globals)?.config.socket()),
    };
    let token = match &globals.token_file {
        Some(path) => token::read(path)?,
        None if token::can_be_typed() => token::typed("The publisher's token (not shown): ")?,
        None => {
            return Err(Failure::usage(
                "--token-file FILE is needed: a publisher's token, as `publisher add --token-out \
                 FILE` writes it; on a terminal it can be typed",
            ));
        }
    };
    Client::new(door, token)
}
