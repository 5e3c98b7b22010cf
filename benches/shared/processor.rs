//! Measures processor times, and pins this process to a processor.

use std::time::Duration;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use nix::time::{ClockId, clock_gettime};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// Returns the processor time of all threads of this process, including the kernel's.
#[must_use]
pub fn time() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Returns the processor time of this process and of its children that have ended.
#[must_use]
pub fn family() -> Duration {
    let of = |who| {
        getrusage(who).map_or(Duration::ZERO, |usage| {
            duration(usage.user_time()) + duration(usage.system_time())
        })
    };
    of(UsageWho::RUSAGE_SELF) + of(UsageWho::RUSAGE_CHILDREN)
}

/// Returns the time since the machine's start in which the processors were not idle, for all
/// processes.
#[must_use]
pub fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().unwrap_or_default().split_whitespace().skip(1);
    let ticks = ticks.map(|ticks| ticks.parse().unwrap_or(0));
    // user, nice, system, idle, iowait, irq, softirq. Time that a hypervisor takes does not count
    // as work of other processes.
    let busy: u64 = ticks
        .take(7)
        .enumerate()
        .filter(|(column, _)| !matches!(column, 3 | 4))
        .map(|(_, ticks)| ticks)
        .sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
    Duration::from_secs_f64(busy as f64 / per_second as f64)
}

fn duration(time: TimeVal) -> Duration {
    let microseconds = time.tv_sec() * 1_000_000 + time.tv_usec();
    Duration::from_micros(microseconds.unsigned_abs())
}

/// Returns a time in whole nanoseconds.
#[must_use]
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// Pins this process to one processor. With a single processor, it changes nothing.
pub fn stay_on(number: usize) {
    let mut set = CpuSet::new();
    if set.set(number).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}
