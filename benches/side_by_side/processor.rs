//! Processor time of this process, and the processor it runs on.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// Processor time of all threads of this process, in the kernel too.
pub(crate) fn time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Stays on one processor. Where there is only one, nothing changes.
pub(crate) fn stay_on(number: usize) {
    let mut set = CpuSet::new();
    if set.set(number).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}
