//! Reads from `/proc` whether a process still runs.

use procfs::process::Process;

/// Returns when a process started, in clock ticks since the machine booted.
pub fn start_time(pid: i32) -> Option<u64> {
    Process::new(pid).ok()?.stat().ok().map(|stat| stat.starttime)
}

/// Returns whether the process with this id and this start time still runs.
///
/// The system reuses process ids, but not the pair.
pub fn is_same(pid: i32, started: u64) -> bool {
    is_running(pid) && start_time(pid) == Some(started)
}

/// Returns whether a process runs. A process that has ended but was not reaped does not.
pub fn is_running(pid: i32) -> bool {
    Process::new(pid)
        .and_then(|process| process.stat())
        .is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}
