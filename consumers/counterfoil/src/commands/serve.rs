//! `counterfoil serve`: runs the ledger until it is told to stop.
//!
//! All running is the console crate's; here are the log, the ready line and the exit code. Always:
//! standard output has the ready line and nothing else; the log goes to standard error, names no
//! person and holds no value.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use console::{Options, Ready, ServeError};
use serde_json::json;
use tracing_subscriber::EnvFilter;

use crate::arguments::Globals;
use crate::failure::{Failure, with_causes};
use crate::place::Place;
use crate::{output, when};

/// Arguments of `serve`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  counterfoil serve
  counterfoil --config /etc/counterfoil/counterfoil.toml serve --log-format json

When it is ready it prints one line of JSON on standard output:
  {\"ready\":true,\"http\":\"127.0.0.1:7720\",\"socket\":\"/…/run/counterfoil.sock\",\"origin\":\"…\"}
SIGTERM and SIGINT: it takes nothing new, finishes what it has, signs a last checkpoint, exits 0.
After a failed write it stops for good with exit code 70; a restart recovers.")]
pub(crate) struct ServeArguments {
    /// Start the ledger's clock at this instant; only where data are invented
    #[arg(long, value_name = "INSTANT", value_parser = when::instant)]
    now: Option<i64>,
    /// How log lines are written [text on a terminal, else JSON]
    #[arg(long, value_enum)]
    log_format: Option<LogFormat>,
}

#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq)]
enum LogFormat {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Serves until it is stopped.
///
/// # Errors
/// Where it cannot start (1 or 2), or has stopped after a failure (70).
pub(crate) fn run(globals: &Globals, own: &ServeArguments) -> Result<(), Failure> {
    let place = Place::find(globals)?;
    if own.now.is_some() && !place.is_test() {
        return Err(Failure::usage(
            "--now is for ledgers of invented data: their origin begins with `test.`",
        ));
    }
    begin_log(own, &place.config.log)?;
    let origin = place.config.origin.clone();
    let ready = move |ready: &Ready| {
        // Whoever started this and closed its output does not wait for the line.
        let _ = output::answer(&ready_line(ready, &origin));
    };
    let options = Options {
        now: own.now,
        ..Options::default()
    };
    console::serve(place.config, options, ready).map_err(|error| failure(&error))
}

/// One line of JSON with its members in this order, which scripts may rely on.
fn ready_line(ready: &Ready, origin: &str) -> String {
    format!(
        r#"{{"ready":true,"http":{},"socket":{},"origin":{}}}"#,
        json!(ready.http.to_string()),
        json!(ready.socket),
        json!(origin),
    )
}

fn failure(error: &ServeError) -> Failure {
    let message = match error.code() {
        Some(code) => format!(
            "{code}: {}; see deploy/runbooks/{code}.md",
            with_causes(error)
        ),
        None => with_causes(error),
    };
    match error {
        ServeError::Stopped => Failure::Stopped(message),
        ServeError::Config(_) | ServeError::Tls(_) => Failure::Usage(message),
        _ if message.contains("another process holds") => Failure::Refused(format!(
            "{message}\n  is `counterfoil serve` running here already? `counterfoil status` asks it"
        )),
        _ => Failure::Refused(message),
    }
}

fn begin_log(own: &ServeArguments, filter: &str) -> Result<(), Failure> {
    let filter =
        EnvFilter::try_new(filter).map_err(|error| Failure::Usage(format!("`log`: {error}")))?;
    let format = own
        .log_format
        .unwrap_or(if std::io::stderr().is_terminal() {
            LogFormat::Text
        } else {
            LogFormat::Json
        });
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    let begun = match format {
        LogFormat::Text => log.with_target(false).try_init(),
        LogFormat::Json => log.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| Failure::Refused(format!("the log cannot begin: {error}")))
}
