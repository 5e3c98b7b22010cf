//! Runs the machine of all schedules: stores, calls targets, and sends dead letters.

use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

pub use super::hand_over::Targets;
use super::key::Key;
use super::machine::Scheduler;
use super::payload::{Context, execution_id};
use super::refusal::{GivenUp, Refusal};
use super::registry::Registry;
use super::status::{LISTED, ScheduleStatus, ScheduleTask, SchedulesStatus};
use super::step::{Action, Input};
use super::target::Target;
use crate::activity::Activity;
use crate::destination::{lost, until_sent};
use crate::driver::{Performed, Port, Work, drive, note};
use crate::running::Running;

/// Everything that schedules need to fire.
#[derive(Debug)]
pub struct Schedules {
    /// The schedules.
    pub registry: Arc<Registry>,
    /// What reaches their targets.
    pub targets: Arc<Targets>,
    /// Activity counter of the engine.
    pub activity: Arc<Activity>,
    /// Divides the waits; 1 is AWS's pace.
    pub time_scale: f64,
}

/// Starts to fire the schedules of a registry. Must be called within a Tokio runtime, and once.
#[must_use]
pub fn start(own: Schedules) -> ScheduleTask {
    let (stop, receiver) = watch::channel(false);
    let status = Arc::new(Mutex::new(SchedulesStatus::default()));
    let inputs = own.registry.inputs();
    let machine = Scheduler::new(own.time_scale);
    let port = Firings { own, status: Arc::clone(&status), inputs: None };
    let task = tokio::spawn({
        let status = Arc::clone(&status);
        async move {
            let port = Firings { inputs, ..port };
            if let Err(illegal) = drive(machine, port, None, receiver).await {
                note(&status, &illegal.to_string());
            }
        }
    });
    Running::new(move || status.lock().clone(), stop, task)
}

/// The port of the machine.
struct Firings {
    own: Schedules,
    status: Arc<Mutex<SchedulesStatus>>,
    /// `None` while a read is in flight, and after the end.
    inputs: Option<mpsc::UnboundedReceiver<Input>>,
}

/// Most inputs that one step takes from the API.
const AT_ONCE: usize = 256;

impl Firings {
    fn stored(&self, key: &Key, result: std::io::Result<()>) {
        if let Err(error) = result {
            note(&self.status, &format!("how far {key} has come cannot be stored: {error}"));
        }
    }

    fn hand_over(&self, key: Key, firing: u64, scheduled: Timestamp, attempt: u32) -> Begun {
        let (registry, targets) = (Arc::clone(&self.own.registry), Arc::clone(&self.own.targets));
        let activity = Arc::clone(&self.own.activity);
        let status = Arc::clone(&self.status);
        async move {
            let result = match target(&registry, &key) {
                // It was deleted in between, and the machine is about to learn it.
                None => Ok(()),
                Some(Err(refusal)) => Err(refusal),
                Some(Ok(target)) => {
                    let (arn, id) = (key.arn(), execution_id());
                    let context =
                        Context { schedule_arn: &arn, scheduled, execution_id: &id, attempt };
                    targets.call(&target, &context).await
                }
            };
            if let Err(refusal) = &result {
                note(&status, &format!("{key}: {}: {}", refusal.code, refusal.message));
            }
            // A client that waits for idleness must read the targets again.
            activity.bump();
            Input::Tried { key, firing, result, jitter: fastrand::f64() }
        }
        .boxed()
    }

    fn park(&self, key: Key, firing: u64, scheduled: Timestamp, given_up: GivenUp) -> Begun {
        let (registry, targets) = (Arc::clone(&self.own.registry), Arc::clone(&self.own.targets));
        let (status, time_scale) = (Arc::clone(&self.status), self.own.time_scale);
        async move {
            if let Some(Ok(target)) = target(&registry, &key) {
                let (arn, id) = (key.arn(), execution_id());
                let attempt = given_up.retry_attempts + 1;
                let context = Context { schedule_arn: &arn, scheduled, execution_id: &id, attempt };
                let sent = until_sent(
                    || targets.park(&target, &context, &given_up).boxed(),
                    time_scale,
                    |message| note(&status, message),
                );
                if let Err(error) = sent.await {
                    status.lock().destination_failures.add(&error.message);
                    lost(&arn, &error.message, &context.payload(target.input.as_deref()));
                }
            }
            Input::Parked { key, firing }
        }
        .boxed()
    }
}

type Begun = futures::future::BoxFuture<'static, Input>;

/// Returns the target of a schedule; `None` if there is no such schedule.
fn target(registry: &Registry, key: &Key) -> Option<Result<Target, Refusal>> {
    let definition = registry.get(key)?;
    Some(Target::read(&definition.target).map_err(|error| Refusal::missing(error.to_string())))
}

/// Inputs from the API, and the receiver of the next ones. `None` at the end of the engine.
type Read = Option<(Vec<Input>, mpsc::UnboundedReceiver<Input>)>;

impl Port for Firings {
    type Machine = Scheduler;
    type Read = Read;
    type End = ();

    const READS_END: bool = false;

    fn activity(&self) -> &Activity {
        &self.own.activity
    }

    fn perform(&mut self, action: Action) -> Performed<Self> {
        match action {
            Action::Keep { key, progress } => {
                let kept = self.own.registry.keep(&key, &progress);
                self.stored(&key, kept);
            }
            Action::Forget { key } => {
                let forgotten = self.own.registry.forget(&key);
                self.stored(&key, forgotten);
            }
            Action::Delete { key, revision } => {
                let deleted = self.own.registry.complete(&key, revision);
                self.stored(&key, deleted);
            }
            Action::HandOver { key, firing, scheduled, attempt } => {
                let work = self.hand_over(key, firing, scheduled, attempt);
                return Performed::Work(Work::Input(work));
            }
            Action::Park { key, firing, scheduled, given_up } => {
                return Performed::Work(Work::Input(self.park(key, firing, scheduled, given_up)));
            }
            Action::WaitUntil(moment) => return Performed::WaitUntil(moment),
            Action::Stopped => return Performed::End(()),
        }
        Performed::Later
    }

    fn settle(&mut self, _: &Scheduler) -> Vec<Work<Input, Read>> {
        let read = self.inputs.take().map(|mut inputs| {
            let read = async move {
                let mut read = Vec::new();
                let some = inputs.recv_many(&mut read, AT_ONCE).await > 0;
                some.then_some((read, inputs))
            };
            Work::Read(read.boxed())
        });
        read.into_iter().collect()
    }

    fn received(&mut self, _: &Scheduler, read: Read) -> Vec<Input> {
        let Some((read, inputs)) = read else { return Vec::new() };
        self.inputs = Some(inputs);
        read
    }

    fn publish(&mut self, machine: &Scheduler, _: usize) {
        let next = machine.lives().take(LISTED).filter_map(|(key, counts, next)| {
            let definition = self.own.registry.get(key)?;
            let arn = definition.target.get("Arn").and_then(serde_json::Value::as_str);
            Some(ScheduleStatus {
                group: key.group.clone(),
                name: key.name.clone(),
                expression: definition.expression.clone(),
                time_zone: definition.zone.clone(),
                enabled: definition.is_enabled,
                target: arn.unwrap_or_default().to_owned(),
                next: next.map(|(time, _)| time.to_string()),
                comes: next.map(|(_, moment)| moment.with_millis()),
                counts: counts.firings.clone(),
                last_error: counts.last_error.clone(),
                last_error_at: counts.last_error_at.clone(),
            })
        });
        let next: Vec<ScheduleStatus> = next.collect();
        let mut status = self.status.lock();
        status.schedules = machine.schedules() as u64;
        status.waiting = machine.waiting() as u64;
        status.groups.clone_from(machine.groups());
        status.next = next;
    }

    async fn close(self) {}
}
