//! Whether a process still runs, from `/proc`.

use procfs::process::Process;

/// When a process started, in clock ticks since the machine did.
pub fn start_time(pid: i32) -> Option<u64> {
    Process::new(pid).ok()?.stat().ok().map(|stat| stat.starttime)
}

/// Whether the process runs that had this number and this start time: numbers are used again, the pair is not.
pub fn is_same(pid: i32, started: u64) -> bool {
    is_running(pid) && start_time(pid) == Some(started)
}

/// Whether a process runs; one that has ended but was not reaped does not.
pub fn is_running(pid: i32) -> bool {
    Process::new(pid).and_then(|process| process.stat()).is_ok_and(|stat| !matches!(stat.state, 'Z' | 'X'))
}
