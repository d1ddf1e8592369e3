//! `counterfoil check-config`: the configuration and what it points to, before a start finds out.
//!
//! Reads and never writes; opens no store. What it cannot see: whether another process holds the ledger.

use std::path::Path;

use clap::Args;
use serde_json::json;

use crate::arguments::{Format, Globals};
use crate::failure::Failure;
use crate::place::Place;
use crate::table::print_answer;

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
    let answer = json!({
        "config": place.path,
        "good": wrong.is_empty(),
        "wrong": wrong,
        "origin": config.origin,
        "dir": config.dir,
        "checkpoints": checkpoints,
        "listen": config.listen.to_string(),
    });
    if globals.format == Format::Table && !wrong.is_empty() {
        return Err(Failure::Refused(wrong.join("\n")));
    }
    let text = format!(
        "{}: good\n  origin       {}\n  dir          {}\n  checkpoints  {}\n  listen       {}",
        place.path.display(),
        config.origin,
        config.dir.display(),
        checkpoints.display(),
        config.listen,
    );
    print_answer(globals.format, &text, &answer)?;
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(Failure::Shown)
    }
}

fn is_readable(path: &Path) -> bool {
    std::fs::File::open(path).is_ok()
}
