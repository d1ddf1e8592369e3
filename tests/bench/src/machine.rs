//! The machine: one line about it, so that a report can be read elsewhere; whether others keep it busy;
//! the processor time of a process.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::stopwatch::Stopwatch;

/// Share of all cores' time that others may take before a run is said to be on a busy machine.
const BUSY_SHARE_MAX: f64 = 0.05;
/// How long the machine is watched, in seconds.
const WATCHED_SECONDS: f64 = 3.0;
/// `/proc` counts processor time in hundredths of a second, whatever the kernel's own clock.
const TICKS_A_SECOND: f64 = 100.0;

/// Watches the machine before anything is started: a warning where others use it, else nothing.
pub(crate) fn busy_warning() -> Option<String> {
    let (before, clock) = (busy_ticks()?, Stopwatch::start());
    pause(WATCHED_SECONDS);
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    let busy = (busy_ticks()? - before) / TICKS_A_SECOND / clock.seconds() / cores;
    (busy > BUSY_SHARE_MAX).then(|| {
        format!(
            "THE MACHINE IS NOT QUIET: others used {:.0} % of its cores in the {WATCHED_SECONDS:.0} s before \
             the run; the figures are worth little",
            busy * 100.0
        )
    })
}

/// Waits so many seconds, without a use of the processor.
pub(crate) fn pause(seconds: f64) {
    let (_keep, never) = std::sync::mpsc::sync_channel::<()>(1);
    // Nothing is ever sent: the time runs out.
    let _ = never.recv_timeout(Duration::from_secs_f64(seconds));
}

/// Ticks in which any core did anything since the machine started.
fn busy_ticks() -> Option<f64> {
    let text = fs::read_to_string("/proc/stat").ok()?;
    let first = text.lines().next()?;
    let ticks: Vec<f64> = first
        .split(' ')
        .filter_map(|word| word.parse().ok())
        .collect();
    // user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen
    let idle = ticks.get(3)? + ticks.get(4)?;
    Some(ticks.iter().take(8).sum::<f64>() - idle)
}

/// Processor time that a process has used, its threads included, in seconds; 0 when it is gone.
pub(crate) fn cpu_seconds(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name before the last parenthesis may hold anything.
    let (_, fields) = text.rsplit_once(')').unwrap_or_default();
    let ticks = |place| -> f64 {
        let word = fields.split_whitespace().nth(place);
        word.and_then(|word| word.parse().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / TICKS_A_SECOND
}

/// Processor, cores, memory, kernel, the file system that is measured, and how busy others keep it.
pub(crate) fn line(work: &Path) -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_once(':')
            .map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field(&read("/proc/meminfo"), "MemTotal");
    let memory_gib = memory.trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1_048_576.0;
    format!(
        "{}, {cores} cores, {memory_gib:.0} GiB, Linux {}, {}, load {} before the run",
        field(&read("/proc/cpuinfo"), "model name"),
        read("/proc/sys/kernel/osrelease").trim(),
        filesystem(work),
        read("/proc/loadavg").split(' ').next().unwrap_or_default()
    )
}

fn filesystem(work: &Path) -> String {
    let output = Command::new("stat")
        .args(["-f", "-c", "%T"])
        .arg(work)
        .output();
    output.map_or(String::new(), |output| {
        String::from_utf8_lossy(&output.stdout)
            .trim()
            .replace("ext2/ext3", "ext4")
    })
}

#[test]
fn processor_time_of_this_process_is_known() {
    assert!(cpu_seconds(std::process::id()) >= 0.0);
    assert_eq!(cpu_seconds(0), 0.0);
    assert!(busy_ticks().is_some_and(|ticks| ticks > 0.0));
}
