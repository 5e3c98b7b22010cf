//! Decides about all schedules: a state machine without clock and I/O.
//!
//! A schedule has a next time, and *firings*: times that have come and that the target does not
//! have yet. A firing lives until the target or the dead-letter queue has it. Before its target is
//! called the first time, [`Action::Keep`] stores it.
//!
//! The time scale divides the wait from the newest change of a definition to each of its times. So
//! a deadline fifteen minutes ahead comes after fifteen seconds at a scale of 60, and the target
//! still learns the time that was scheduled.

mod life;
mod times;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use lambda_shapes::moment::Moment;

use super::key::Key;
use super::progress::{Owed, Progress};
use super::refusal::{GivenUp, Refusal};
use super::spec::Spec;
use super::status::FiringCounts;
use super::step::{Action, Input};
use crate::driver::{IllegalInput, Machine};
use crate::exhausted::Exhausted;
use crate::pace::scale::{scale, scale_age};
use life::{Counts, Firing, Life, State};
use times::{Times, timestamp};

/// Wait after the first failed try; it doubles up to [`LONGEST`].
///
/// AWS documents only that the back-off is exponential, and makes 185 tries within a day. These
/// numbers lead to about as many.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);
/// Most concurrent calls of targets.
pub(super) const AT_A_TIME: usize = 32;
/// The state machine of all schedules.
#[derive(Debug)]
pub struct Scheduler {
    times: Times,
    schedules: BTreeMap<Key, Life>,
    /// When each schedule needs attention.
    agenda: BTreeSet<(Moment, Key)>,
    /// Counts by group.
    groups: BTreeMap<String, FiringCounts>,
    newest: u64,
    in_flight: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Running,
    Stopping,
    Stopped,
}

impl Scheduler {
    /// Creates a state machine without schedules.
    #[must_use]
    pub fn new(time_scale: f64) -> Self {
        Self {
            times: Times { time_scale },
            schedules: BTreeMap::new(),
            agenda: BTreeSet::new(),
            groups: BTreeMap::new(),
            newest: 0,
            in_flight: 0,
            phase: Phase::Running,
        }
    }

    /// Returns the number of firings that no target and no dead-letter queue has.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.schedules.values().map(|life| life.firings.len()).sum()
    }

    /// Returns the counts by group, with those of schedules that were deleted.
    #[must_use]
    pub fn groups(&self) -> &BTreeMap<String, FiringCounts> {
        &self.groups
    }

    /// Returns the number of schedules.
    #[must_use]
    pub fn schedules(&self) -> usize {
        self.schedules.len()
    }

    /// Returns the counts of every schedule, with its next time and the moment at which it comes.
    ///
    /// Those that need attention first come first.
    pub(super) fn lives(
        &self,
    ) -> impl Iterator<Item = (&Key, &Counts, Option<(Timestamp, Moment)>)> {
        let planned = self.agenda.iter().filter_map(|(_, key)| self.schedules.get_key_value(key));
        let others = self
            .schedules
            .iter()
            .filter(|(key, life)| !self.agenda.contains(&(life.wakes, Key::clone(key))));
        planned.chain(others).map(|(key, life)| {
            let next = life.next.filter(|_| life.spec.is_enabled);
            let next = next.map(|next| (next, self.times.comes(&life.spec, next)));
            (key, &life.counts, next)
        })
    }

    fn put(&mut self, key: Key, spec: Spec, progress: Option<Progress>, now: Moment) {
        let known = self.schedules.remove(&key).filter(|life| life.spec.identity == spec.identity);
        if let Some(life) = &known {
            self.agenda.remove(&(life.wakes, key.clone()));
        }
        let is_new = known.is_none() && progress.is_none();
        let mut life = known.unwrap_or_else(|| Life::new(spec.clone()));
        for owed in progress.iter().flat_map(|progress| &progress.owed) {
            self.newest += 1;
            life.firings.insert(self.newest, Firing::from_owed(owed, now));
        }
        life.last = progress.and_then(|progress| progress.last).or(life.last);
        let after = if !spec.timetable.expression.recurs() {
            life.last
        } else if is_new {
            None
        } else {
            // What passed while the engine was not running is not made up for.
            let passed = self.times.now_of(&spec, now);
            Some(life.last.map_or(passed, |last| last.max(passed)))
        };
        life.next = spec.timetable.next(after);
        life.spec = spec;
        self.schedules.insert(key.clone(), life);
        self.plan(&key);
    }

    /// Enters a schedule into the agenda again, after its state has changed.
    fn plan(&mut self, key: &Key) {
        let Some(life) = self.schedules.get(key) else { return };
        let next = life.next.filter(|_| life.spec.is_enabled);
        let next = next.map(|next| self.times.comes(&life.spec, next));
        let age = scale_age(life.spec.retries.maximum_age, self.times.time_scale);
        let wakes = life.due(age).chain(next).min();
        let Some(life) = self.schedules.get_mut(key) else { return };
        self.agenda.remove(&(life.wakes, key.clone()));
        if let Some(wakes) = wakes {
            life.wakes = wakes;
            self.agenda.insert((wakes, key.clone()));
        }
    }

    fn tried(
        &mut self,
        key: &Key,
        firing: u64,
        result: Result<(), Refusal>,
        jitter: f64,
        now: Moment,
        actions: &mut Vec<Action>,
    ) {
        let Some(life) = self.schedules.get_mut(key) else { return };
        let retries = life.spec.retries;
        let Some(tried) = life.firings.get_mut(&firing) else { return };
        let Err(refusal) = result else {
            life.firings.remove(&firing);
            count(&mut life.counts, &mut self.groups, key, |counts| counts.handed_over += 1);
            return self.moved(key, actions);
        };
        tried.failed += 1;
        life.counts.note(&refusal, now);
        let exhausted = tried.failed > retries.maximum_attempts;
        let exhausted = exhausted.then_some(Exhausted::MaximumRetryAttempts);
        if !refusal.is_transient || exhausted.is_some() {
            let exhausted = exhausted.filter(|_| refusal.is_transient);
            tried.refusal = Some(refusal);
            return self.give_up(key, firing, exhausted, actions);
        }
        // Jitter: half of the wait is random.
        let doubled = FIRST.saturating_mul(2_u32.saturating_pow((tried.failed - 1).min(20)));
        let wait = scale(doubled.min(LONGEST), self.times.time_scale);
        tried.state = State::Due(now.after(wait.mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0))));
        tried.refusal = Some(refusal);
        self.moved(key, actions);
    }

    fn give_up(
        &mut self,
        key: &Key,
        firing: u64,
        exhausted: Option<Exhausted>,
        actions: &mut Vec<Action>,
    ) {
        let Some(life) = self.schedules.get_mut(key) else { return };
        let Some(given_up) = life.firings.get_mut(&firing) else { return };
        let Some(refusal) = given_up.refusal.clone() else { return };
        given_up.state = State::Parking;
        count(&mut life.counts, &mut self.groups, key, |counts| counts.failed += 1);
        self.in_flight += 1;
        actions.push(Action::Park {
            key: key.clone(),
            firing,
            scheduled: given_up.scheduled,
            given_up: GivenUp {
                refusal,
                retry_attempts: given_up.failed.saturating_sub(1),
                exhausted,
            },
        });
        self.plan(key);
    }

    /// Stores how far a schedule has come, or deletes it if it is done.
    fn moved(&mut self, key: &Key, actions: &mut Vec<Action>) {
        let Some(life) = self.schedules.get(key) else { return };
        if life.is_done() && life.spec.delete_when_done {
            let (key, revision) = (key.clone(), life.spec.revision);
            self.agenda.remove(&(life.wakes, key.clone()));
            self.schedules.remove(&key);
            actions.push(Action::Forget { key: key.clone() });
            return actions.push(Action::Delete { key, revision });
        }
        actions.push(Action::Keep { key: key.clone(), progress: life.progress() });
        self.plan(key);
    }

    /// Begins what is due of one schedule.
    fn attend(&mut self, key: &Key, now: Moment, actions: &mut Vec<Action>) {
        let Some(life) = self.schedules.get(key) else { return };
        let age = scale_age(life.spec.retries.maximum_age, self.times.time_scale);
        let room = AT_A_TIME.saturating_sub(self.in_flight);
        let came = self.times.came(life, now);
        let Some(life) = self.schedules.get_mut(key) else { return };
        if let Some((times, next)) = came {
            for scheduled in times {
                self.newest += 1;
                life.last = Some(scheduled);
                count(&mut life.counts, &mut self.groups, key, |counts| counts.fired += 1);
                life.firings.insert(self.newest, Firing::new(scheduled, now));
            }
            life.next = next;
            actions.push(Action::Keep { key: key.clone(), progress: life.progress() });
        }
        let mut too_old = Vec::new();
        let (mut begun, mut again) = (0, 0);
        for (number, firing) in &mut life.firings {
            let State::Due(due) = firing.state else { continue };
            if firing.failed > 0 && firing.refusal.is_some() && firing.since.after(age) < now {
                // Even a firing that is too old is tried once.
                too_old.push(*number);
            } else if due <= now && begun < room {
                begun += 1;
                again += u64::from(firing.failed > 0);
                firing.state = State::Trying;
                actions.push(Action::HandOver {
                    key: key.clone(),
                    firing: *number,
                    scheduled: firing.scheduled,
                    attempt: firing.failed + 1,
                });
            }
        }
        count(&mut life.counts, &mut self.groups, key, |counts| counts.retries += again);
        self.in_flight += begun;
        for firing in too_old {
            self.give_up(key, firing, Some(Exhausted::MaximumEventAgeInSeconds), actions);
        }
        self.plan(key);
    }

    /// Begins everything that can begin now, and asks for the next timer.
    fn settle(&mut self, now: Moment, actions: &mut Vec<Action>) {
        if self.phase == Phase::Stopping && self.in_flight == 0 {
            self.phase = Phase::Stopped;
            actions.push(Action::Stopped);
        }
        if self.phase != Phase::Running {
            return;
        }
        while self.in_flight < AT_A_TIME
            && let Some((wakes, _)) = self.agenda.first()
            && *wakes <= now
            && let Some((_, key)) = self.agenda.pop_first()
        {
            self.attend(&key, now, actions);
        }
        // While everything is in flight, the end of a call begins the next.
        let next = self.agenda.first().filter(|_| self.in_flight < AT_A_TIME);
        actions.extend(next.map(|(wakes, _)| Action::WaitUntil(*wakes)));
    }
}

impl Machine for Scheduler {
    type Input = Input;
    type Action = Action;

    fn timer_due() -> Input {
        Input::TimerDue
    }

    fn stop() -> Input {
        Input::Stop
    }

    /// Never refuses an input: a try may end after its schedule was deleted.
    fn handle(&mut self, input: Input, now: Moment) -> Result<Vec<Action>, IllegalInput> {
        let mut actions = Vec::new();
        match input {
            Input::Put { key, spec, progress } => self.put(key, *spec, progress, now),
            Input::Removed { key } => {
                if let Some(life) = self.schedules.remove(&key) {
                    self.agenda.remove(&(life.wakes, key.clone()));
                }
                actions.push(Action::Forget { key });
            }
            Input::Fire { key } => {
                if let Some(life) = self.schedules.get_mut(&key) {
                    self.newest += 1;
                    count(&mut life.counts, &mut self.groups, &key, |counts| counts.fired += 1);
                    life.firings.insert(self.newest, Firing::new(timestamp(now), now));
                    let progress = life.progress();
                    actions.push(Action::Keep { key: key.clone(), progress });
                    self.plan(&key);
                }
            }
            Input::Tried { key, firing, result, jitter } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.tried(&key, firing, result, jitter, now, &mut actions);
            }
            Input::Parked { key, firing } => {
                self.in_flight = self.in_flight.saturating_sub(1);
                if let Some(life) = self.schedules.get_mut(&key)
                    && life.firings.remove(&firing).is_some()
                {
                    self.moved(&key, &mut actions);
                }
            }
            Input::TimerDue => {}
            Input::Stop => {
                if self.phase == Phase::Running {
                    self.phase = Phase::Stopping;
                }
            }
        }
        self.settle(now, &mut actions);
        Ok(actions)
    }
}

/// Counts for a schedule and for its group.
fn count(
    counts: &mut Counts,
    groups: &mut BTreeMap<String, FiringCounts>,
    key: &Key,
    count: impl Fn(&mut FiringCounts),
) {
    count(&mut counts.firings);
    match groups.get_mut(&key.group) {
        Some(group) => count(group),
        None => count(groups.entry(key.group.clone()).or_default()),
    }
}

impl Life {
    fn progress(&self) -> Progress {
        let owed = self.firings.values().map(|firing| Owed {
            scheduled: firing.scheduled,
            since: firing.since.as_millis(),
            failed: firing.failed,
        });
        Progress { identity: self.spec.identity.clone(), last: self.last, owed: owed.collect() }
    }
}
