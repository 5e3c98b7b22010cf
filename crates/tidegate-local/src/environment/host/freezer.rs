//! Freezes idle environments.
//!
//! Work that a process still does after its answer continues in its next invocation, as on Lambda.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Host;
use super::state::State;
use crate::environment::phase::{EnvironmentId, Phase};

impl Host {
    /// Freezes the environment if it still waits at `/next` after a while.
    pub(super) fn freeze_when_idle(
        self: &Arc<Self>,
        state: &mut State,
        environment: EnvironmentId,
    ) {
        let Some(after) = self.limits.freeze_after else { return };
        let Some(slot) = state.slots.get_mut(&environment) else { return };
        slot.polled = Some(Instant::now());
        // One task at a time: a busy environment comes here more often than a task ends.
        if !std::mem::replace(&mut slot.freezing, true) {
            tokio::spawn(Arc::clone(self).freeze(environment, after));
        }
    }

    async fn freeze(self: Arc<Self>, environment: EnvironmentId, after: Duration) {
        let mut due = Instant::now() + after;
        loop {
            sleep_until(due).await;
            let mut state = self.lock();
            let idle = state.pool.phase(environment) == Phase::Idle;
            let Some(slot) = state.slots.get_mut(&environment) else { return };
            due = slot.polled.unwrap_or(due) + after;
            if !idle {
                slot.freezing = false;
                return;
            }
            match &slot.process {
                Some(process) if due <= Instant::now() => {
                    process.freeze();
                    (slot.frozen, slot.freezing) = (true, false);
                    return;
                }
                Some(_) => {}
                // The process polled before its slot knew it.
                None => due = Instant::now() + after,
            }
        }
    }

    /// Continues a frozen environment that is about to get an invocation or must come for one.
    pub(super) fn thaw(&self, state: &mut State, environment: EnvironmentId) {
        let Some(slot) = state.slots.get_mut(&environment) else { return };
        if std::mem::replace(&mut slot.frozen, false)
            && let Some(process) = &slot.process
        {
            process.thaw();
        }
        slot.work.notify_one();
    }
}
