//! `counterfoil check-config`: the configuration and what it points to, before a start finds out.
//!
//! Reads and never writes; opens no store. What it cannot see: whether another process holds the ledger.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::arguments::{Format, Globals};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// Arguments of `check-config`: only the global ones.
#[derive(Args, Debug)]
#[command(after_help = "\
Example:
  counterfoil --config /etc/counterfoil/counterfoil.toml check-config")]
pub(crate) struct CheckConfigArguments {}

/// Checks.
///
/// # Errors
/// The first key that is wrong; or what is missing where the keys point.
pub(crate) fn run(globals: &Globals) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    let config = &place.config;
    let mut wrong = Vec::new();
    let mut need = |is_there: bool, what: String| {
        if !is_there {
            wrong.push(what);
        }
    };
    for name in ["journal", "vault"] {
        let dir = config.dir.join(name);
        need(
            dir.is_dir(),
            format!(
                "dir: {} is missing; is this the right directory?",
                dir.display()
            ),
        );
    }
    let complete = config.dir.join("complete");
    need(
        complete.is_file(),
        format!("dir: {} is missing: `init` did not end", complete.display()),
    );
    let checkpoints = &config.checkpoints;
    need(
        checkpoints.is_dir(),
        format!("checkpoints: {} is missing", checkpoints.display()),
    );
    if let Some(tls) = &config.tls {
        for (key, path) in [("tls.cert", &tls.cert), ("tls.key", &tls.key)] {
            need(
                is_readable(path),
                format!("{key}: {} cannot be read", path.display()),
            );
        }
    }
    if globals.format == Format::Json {
        let answer = json!({ "config": place.path, "good": wrong.is_empty(), "wrong": wrong });
        output::answer(&format!("{answer:#}"))?;
    } else if wrong.is_empty() {
        output::answer(&format!(
            "{}: good\n  origin       {}\n  dir          {}\n  checkpoints  {}\n  listen       {}",
            place.path.display(),
            config.origin,
            config.dir.display(),
            checkpoints.display(),
            config.listen,
        ))?;
    }
    match (wrong.is_empty(), globals.format) {
        (true, _) => Ok(()),
        (false, Format::Json) => Err(Failure::Shown),
        (false, _) => Err(Failure::Refused(wrong.join("\n"))),
    }
}

fn is_readable(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}
