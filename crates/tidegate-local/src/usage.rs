//! CPU time and memory of processes, from `/proc`.

use procfs::process::Process;

/// Resource usage of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Usage {
    /// User and system CPU time since its start, in seconds.
    pub cpu_seconds: f64,
    /// Resident memory in bytes; 0 once the process has ended.
    pub rss_bytes: u64,
    /// Largest resident memory so far in bytes; 0 once the process has ended.
    pub peak_rss_bytes: u64,
}

/// Returns the usage of a process.
///
/// `None` if there is no process with this number.
pub(crate) fn of_process(pid: i32) -> Option<Usage> {
    let process = Process::new(pid).ok()?;
    let stat = process.stat().ok()?;
    let status = process.status().ok()?;
    let ticks = stat.utime.saturating_add(stat.stime);
    let kilobytes = |value: Option<u64>| value.unwrap_or(0).saturating_mul(1024);
    #[expect(clippy::cast_precision_loss, reason = "ticks of a process stay far below 2^52")]
    let cpu_seconds = ticks as f64 / procfs::ticks_per_second() as f64;
    Some(Usage {
        cpu_seconds,
        rss_bytes: kilobytes(status.vmrss),
        peak_rss_bytes: kilobytes(status.vmhwm),
    })
}

/// Returns the resident memory, in bytes, of a process and its descendants.
///
/// `None` if there is no process with this number.
///
/// Memory that descendants share with other processes, mainly programs and libraries, is not
/// counted again.
pub(crate) fn memory_of_family(pid: i32) -> Option<u64> {
    let process = Process::new(pid).ok()?;
    let pages =
        process.statm().ok()?.resident.saturating_add(descendants_pages(&process, DEEPEST_FAMILY));
    Some(pages.saturating_mul(procfs::page_size()))
}

/// Depth to which descendants are followed.
const DEEPEST_FAMILY: u32 = 8;

fn descendants_pages(process: &Process, depth: u32) -> u64 {
    let Some(depth) = depth.checked_sub(1) else { return 0 };
    let tasks = process.tasks().into_iter().flatten().filter_map(Result::ok);
    let children = tasks.filter_map(|task| task.children().ok()).flatten();
    let children = children.filter_map(|pid| Process::new(i32::try_from(pid).ok()?).ok());
    children.fold(0, |pages, child| {
        let own = child.statm().map_or(0, |used| used.resident.saturating_sub(used.shared));
        pages.saturating_add(own).saturating_add(descendants_pages(&child, depth))
    })
}

/// Returns the usage of this process.
pub(crate) fn of_this_process() -> Usage {
    i32::try_from(std::process::id()).ok().and_then(of_process).unwrap_or_default()
}

/// Returns whether a process is about to end: it was killed or is exiting, and will do nothing
/// more.
///
/// Some time passes between a SIGKILL and the moment at which the process counts as ended. For a
/// few microseconds of it, this function returns false.
pub(crate) fn is_ending(pid: i32) -> bool {
    const EXITING: u32 = 0x4; // PF_EXITING
    const KILL: u64 = 1 << 8; // signal 9
    let Ok(process) = Process::new(pid) else { return true };
    let (Ok(status), Ok(stat)) = (process.status(), process.stat()) else { return true };
    stat.flags & EXITING != 0
        || (status.sigpnd | status.shdpnd) & KILL != 0
        || matches!(stat.state, 'Z' | 'X')
}
