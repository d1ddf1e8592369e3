//! One line about the machine, so that a report can be read elsewhere.

use std::fs;
use std::path::Path;
use std::process::Command;

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
