//! Hardening, in a process of its own: this test binary holds nothing else, since what is done here is never undone.

use std::fs;

use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

fn locked_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("the kernel tells");
    let line = status.lines().find(|line| line.starts_with("VmLck:"));
    let number = line.and_then(|line| line.split_whitespace().nth(1));
    number
        .and_then(|number| number.parse().ok())
        .expect("a number of KiB")
}

#[test]
fn what_the_report_says_is_what_the_kernel_says() {
    assert_eq!(locked_kib(), 0, "nothing was locked before");
    let report = vault::harden_process();
    assert!(report.core_dumps_off && report.dumpable_off, "{report:?}");
    let core = getrlimit(Resource::Core);
    assert_eq!((core.current, core.maximum), (Some(0), Some(0)));
    let dumpable = dumpable_behavior().expect("the kernel tells");
    assert_eq!(dumpable, DumpableBehavior::NotDumpable);
    // Locked or not is the process's right; the report must not claim what is not so. What is allocated later is locked too.
    let room = vec![1_u8; 64 << 20];
    assert_eq!(report.memory_locked, locked_kib() > 64 << 10, "{report:?}");
    assert!(room.iter().all(|byte| *byte == 1));
    assert_eq!(vault::harden_process(), report, "once more changes nothing");
}
