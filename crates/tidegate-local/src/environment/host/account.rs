//! Counts and resource usage of a function.

use std::time::Duration;

use tokio::time::Instant;

use super::Host;
use super::state::State;
use crate::environment::phase::EnvironmentId;
use crate::environment::status::FunctionStatus;
use crate::usage::Usage;

/// Shortest time between two readings of the memory of a working process.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

impl Host {
    /// Returns the counts and the resource usage of the function.
    pub(crate) fn status(&self) -> FunctionStatus {
        let metrics = self.output.metrics();
        let mut state = self.lock();
        let environments: Vec<_> = state.slots.keys().copied().collect();
        let (mut cpu_seconds, mut rss_bytes, mut pids) =
            (state.counts.dead_cpu_seconds, 0, Vec::new());
        for environment in environments {
            let Some((pid, used)) = self.sample(&mut state, environment, true) else { continue };
            cpu_seconds += used.cpu_seconds;
            rss_bytes += used.rss_bytes;
            pids.push(pid);
        }
        pids.sort_unstable();
        FunctionStatus {
            environments: state.pool.environments(),
            frozen: state.slots.values().filter(|slot| slot.frozen).count(),
            invocations: state.counts.invocations,
            errors: state.counts.errors,
            throttles: state.counts.throttles,
            timeouts: state.counts.timeouts,
            memory_kills: state.counts.memory_kills,
            billed_ms: state.counts.billed_ms,
            log_bytes: self.output.bytes(),
            log_failure: self.output.failure(),
            start_failure: state.counts.start_failure.clone(),
            metric_series: metrics.series(),
            metrics_left_out: metrics.left_out(),
            memory_mb: self.spec.memory_mb,
            duration_ms: state.counts.durations.summary(),
            cpu_seconds,
            rss_bytes,
            peak_rss_bytes: state.counts.peak_rss_bytes,
            metrics: metrics.sums().clone(),
            distributions: metrics.distributions(),
            pids,
        }
    }

    pub(super) fn sample(
        &self,
        state: &mut State,
        environment: EnvironmentId,
        now: bool,
    ) -> Option<(i32, Usage)> {
        let slot = state.slots.get_mut(&environment)?;
        if !now && slot.sampled.is_some_and(|last| last.elapsed() < SAMPLE_INTERVAL) {
            return None;
        }
        slot.sampled = Some(Instant::now());
        let process = slot.process.as_ref()?;
        let used = process.usage()?;
        slot.peak_bytes = slot.peak_bytes.max(used.peak_rss_bytes);
        state.counts.peak_rss_bytes = state.counts.peak_rss_bytes.max(used.peak_rss_bytes);
        Some((process.pid(), used))
    }
}
