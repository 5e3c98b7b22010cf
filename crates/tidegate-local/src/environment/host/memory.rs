//! The memory limit: a process that uses more than its function declares is killed, as on Lambda.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Host;
use crate::environment::phase::{EnvironmentId, Phase};
use crate::environment::process::Process;

/// Fastest growth of a process's memory, in bytes per second: a core writes to new pages at about
/// this rate.
const FASTEST_GROWTH: u64 = 2 << 30;
/// Pauses between two readings of a process's memory. With the growth above, a process exceeds its
/// limit by at most 4 MB, if the engine gets the CPU in time.
const SHORTEST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Pause while a process is idle and not frozen.
const IDLE_PAUSE: Duration = Duration::from_secs(1);

/// Returns the pause until the next reading: it ends before the process can have used up the rest.
fn pause(used: u64, limit: u64) -> Duration {
    let left = limit.saturating_sub(used);
    let micros = left.saturating_mul(1_000_000) / FASTEST_GROWTH;
    Duration::from_micros(micros).clamp(SHORTEST_PAUSE, LONGEST_PAUSE)
}

impl Host {
    /// Watches an environment's memory until its process ends, or kills the process when it uses
    /// more than declared.
    ///
    /// A frozen process is not watched: it cannot grow.
    pub(super) async fn watch_memory(&self, environment: EnvironmentId, process: &Arc<Process>) {
        let limit = u64::from(self.spec.memory_mb) << 20;
        while let Some(used) = process.memory() {
            let (pause, wake) = {
                let mut state = self.lock();
                let idle = state.pool.phase(environment) == Phase::Idle;
                state.counts.peak_rss_bytes = state.counts.peak_rss_bytes.max(used);
                let Some(slot) = state.slots.get_mut(&environment) else { return };
                slot.peak_bytes = slot.peak_bytes.max(used);
                if used > limit {
                    slot.over_memory = true;
                    state.counts.memory_kills += 1;
                    process.kill();
                    let (used_mb, declared_mb) = (used.div_ceil(1 << 20), self.spec.memory_mb);
                    tracing::warn!(
                        function = self.spec.name,
                        used_mb,
                        declared_mb,
                        "a process used more than its function's memory and was killed"
                    );
                    return;
                }
                let pause = match (slot.frozen, idle) {
                    (true, _) => None,
                    (false, true) => Some(IDLE_PAUSE),
                    (false, false) => Some(pause(used, limit)),
                };
                (pause, (slot.frozen || idle).then(|| Arc::clone(&slot.work)))
            };
            let paused = async {
                match pause {
                    Some(pause) => sleep(pause).await,
                    None => std::future::pending().await,
                }
            };
            match wake {
                Some(work) => tokio::select! {
                    () = work.notified() => {}
                    () = paused => {}
                },
                None => paused.await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_look_comes_before_the_limit_can_be_reached() {
        let mb = |mb: u64| mb << 20;
        let pauses = [(0, 1024), (120, 128), (28, 128), (128, 128), (200, 128)]
            .map(|(used, limit)| pause(mb(used), mb(limit)).as_micros());
        assert_eq!(pauses, [100_000, 3906, 48_828, 2000, 2000]);
    }
}
