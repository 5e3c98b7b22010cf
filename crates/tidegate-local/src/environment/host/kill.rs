//! Kills environments for injected faults, and returns the work of an environment.

use std::sync::Arc;
use std::time::Duration;

use super::Host;
use crate::environment::phase::{EnvironmentId, InvocationId};
use crate::trial::Work;

impl Host {
    /// Kills an environment's process, as an external cause would.
    pub(crate) fn kill(&self, environment: EnvironmentId) {
        if let Some(slot) = self.lock().slots.get_mut(&environment) {
            slot.kill();
        }
    }

    /// Kills the environment after a time, if it still works on the invocation.
    pub(super) async fn kill_at_work(
        self: Arc<Self>,
        environment: EnvironmentId,
        id: InvocationId,
        after: Duration,
    ) {
        tokio::time::sleep(after).await;
        let mut state = self.lock();
        if state.pool.phase(environment).invocation() == Some(id)
            && let Some(slot) = state.slots.get_mut(&environment)
        {
            slot.kill();
        }
    }

    /// Returns the work of the environment, for faults of its AWS calls.
    pub(crate) fn work(&self, environment: EnvironmentId) -> Work {
        let state = self.lock();
        let invocation = state.pool.phase(environment).invocation();
        match invocation.and_then(|invocation| state.open.get(&invocation)) {
            None => Work::Nothing,
            Some(open) => open.request.trial.clone().map_or(Work::Spared, Work::Trial),
        }
    }
}
