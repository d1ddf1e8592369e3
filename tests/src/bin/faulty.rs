//! `counterfoil serve` on a disk that fails at one chosen call: `faulty --config FILE write:17:eio|sync:3:enospc|none`, or that strikes
//! once a file is there: `panic:keeper:PATH`, `fail:journal.group:PATH`, `kill:journal.group:PATH`.
//!
//! For journeys only, never shipped. Always: the same `console::serve`, the same ready line, exit code 70 for a stop after a
//! failed write, 1 for a start that was refused; at an orderly end it tells how many calls there were.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a binary's ready line and messages"
)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use console::config::Config;
use console::{Options, Ready, ServeError};
use ground::{FaultDisk, FaultPlan, RealDisk, SharedDisk};
use tests::armed::{Armed, ArmedDisk};

/// As the real binary's.
const STOPPED: u8 = 70;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [_, path, fault] = arguments.as_slice() else {
        eprintln!("usage: faulty --config FILE write:N:eio|sync:N:enospc|panic:THREAD:PATH|none");
        return ExitCode::from(2);
    };
    let plan = FaultPlan::parse(fault);
    let armed = Armed::parse(fault).filter(|_| plan.is_none());
    let known = plan.is_some() || armed.is_some() || fault == "none";
    assert!(known, "no such fault: {fault}");
    let config = match Config::load(&PathBuf::from(path)) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    // A second log cannot be begun; there is only this one.
    let _ = tracing_subscriber::fmt()
        .json()
        .with_writer(std::io::stderr)
        .try_init();
    let beneath: SharedDisk = match armed {
        Some(armed) => Arc::new(ArmedDisk::new(Arc::new(RealDisk), armed)),
        None => Arc::new(RealDisk),
    };
    let disk = Arc::new(FaultDisk::new(beneath, plan));
    let origin = config.origin.clone();
    let ready = |ready: &Ready| {
        let (http, socket) = (ready.http, ready.socket.display());
        println!(
            "{{\"ready\":true,\"http\":\"{http}\",\"socket\":\"{socket}\",\"origin\":\"{origin}\"}}"
        );
    };
    let options = Options {
        disk: Some(disk.clone()),
        ..Options::default()
    };
    let served = console::serve(config, options, ready);
    eprintln!("{:?}", disk.calls());
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(ServeError::Stopped) => ExitCode::from(STOPPED),
        Err(error) => {
            let code = error.code().unwrap_or_default();
            eprintln!("{code}: {}", console::Causes(&error));
            ExitCode::FAILURE
        }
    }
}
