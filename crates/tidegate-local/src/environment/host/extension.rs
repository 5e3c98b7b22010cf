//! The exchange between extensions and their host, and the end of a process that has extensions.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Host;
use super::state::{Slot, State};
use crate::environment::error::EnvironmentError;
use crate::environment::error_object::error_object;
use crate::environment::extensions::{Invoked, Moment, Refused};
use crate::environment::phase::{EnvironmentId, Phase};
use crate::environment::pool::Signal;

/// Time from SIGTERM to SIGKILL, if an internal extension is registered. Without extensions Lambda
/// kills at once.
const SHUTDOWN: Duration = Duration::from_millis(500);

impl Host {
    /// Registers an extension.
    pub(crate) fn register_extension(
        &self,
        environment: EnvironmentId,
        name: &str,
        events: &[String],
    ) -> Result<Uuid, Refused> {
        let mut state = self.lock();
        slot(&mut state, environment, Refused::Closed)?.extensions.register(name, events)
    }

    /// Registers an extension's request for its next event.
    ///
    /// The request also says that the extension is done with its last event. The environment is
    /// free once all extensions are.
    pub(crate) fn extension_polled(
        self: &Arc<Self>,
        environment: EnvironmentId,
        id: Uuid,
    ) -> Result<oneshot::Receiver<Invoked>, Refused> {
        let mut state = self.lock();
        let slot = slot(&mut state, environment, Refused::Unknown(id))?;
        let event = slot.extensions.next(id)?;
        if !slot.extensions.at_work() {
            if std::mem::take(&mut slot.waits_for_extensions) {
                self.run(&mut state, Signal::Polled(environment), None);
                self.freeze_when_idle(&mut state, environment);
            } else if matches!(state.pool.phase(environment), Phase::Finishing(_)) {
                self.run(&mut state, Signal::Finished(environment), None);
            }
        }
        Ok(event)
    }

    /// Handles an extension's report of a failure, which ends the environment.
    pub(crate) fn extension_failed(
        self: &Arc<Self>,
        environment: EnvironmentId,
        id: Uuid,
        moment: Moment,
        why: &str,
    ) -> Result<(), Refused> {
        let mut state = self.lock();
        let name =
            slot(&mut state, environment, Refused::Unknown(id))?.extensions.failed(id, moment)?;
        let (error_type, message) = match moment {
            Moment::Init => {
                ("Extension.InitError", format!("extension {name} could not initialise: {why}"))
            }
            Moment::Exit => ("Extension.ExitError", format!("extension {name} ends: {why}")),
        };
        let error = error_object(error_type, &message);
        if state.pool.phase(environment) == Phase::Starting {
            self.report_init(&mut state, environment, &EnvironmentError::Init(error.clone()));
        } else {
            self.output.said(None, format!("[tidegate] {message}\n").as_bytes());
        }
        self.run(&mut state, Signal::Broke(environment, error), None);
        Ok(())
    }

    /// Ends an environment's process as Lambda does.
    ///
    /// Sends SIGKILL. If an extension is registered, sends SIGTERM first and SIGKILL half a second
    /// later.
    pub(super) fn shut_down(self: &Arc<Self>, state: &mut State, environment: EnvironmentId) {
        let Some(slot) = state.slots.get_mut(&environment) else { return };
        let process = slot.process.as_ref().filter(|_| !slot.killed && !slot.extensions.is_empty());
        let Some(process) = process else { return slot.kill() };
        process.terminate();
        if std::mem::replace(&mut slot.frozen, false) {
            process.thaw();
        }
        let host = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(SHUTDOWN).await;
            host.kill(environment);
        });
    }

    /// Kills every process at once.
    pub(crate) fn kill_all(&self) {
        self.lock().slots.values_mut().for_each(Slot::kill);
    }
}

fn slot(
    state: &mut State,
    environment: EnvironmentId,
    gone: Refused,
) -> Result<&mut Slot, Refused> {
    state.slots.get_mut(&environment).ok_or(gone)
}
