//! Reads the processor time and memory of another process, from `/proc`.

use std::time::Duration;

use benchmarks::problem::Problem;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, SysconfVar, sysconf};

/// A running process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Proc(pub(crate) u32);

impl Proc {
    /// Returns the processor time of all its threads, including the kernel's, without its children.
    pub(crate) fn cpu(self) -> Result<Duration, Problem> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.0))?;
        // The name, in parentheses, may contain any character.
        let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        let ticks: u64 =
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().unwrap_or(100);
        Ok(Duration::from_secs_f64(ticks as f64 / per_second as f64))
    }

    /// Returns the resident memory in bytes: current and highest.
    pub(crate) fn resident(self) -> Result<(u64, u64), Problem> {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.0))?;
        let of = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
                * 1024
        };
        Ok((of("VmRSS:"), of("VmHWM:")))
    }

    pub(crate) fn signal(self, signal: Signal) -> Result<(), Problem> {
        let pid = i32::try_from(self.0).map_err(|_| Problem::new("no process id"))?;
        Ok(kill(Pid::from_raw(pid), signal)?)
    }
}
