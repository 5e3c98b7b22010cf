//! Releases parked aggregates, and applies all of their events in the event store.

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::apply::Stop;
use super::apply_error::ApplyError;
use super::change::Projection;
use super::confirmed::Counting;
use super::deadline::Deadline;
use super::guard::Guard;
use super::lane::{LanePlan, is_newer, is_parked_so, parks, project};
use super::pack::groups;
use super::projector::Projector;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::refusal::WRONG_TABLE;

/// Largest number of parked aggregates that one invocation examines.
const LOOKED_AT: usize = 50;
/// An invocation spends at most 1/`SHARE_OF_TIME` of its remaining time on them.
const SHARE_OF_TIME: u32 = 4;
impl<P: Projection> Projector<P> {
    /// Returns the parked aggregates that this invocation examines; usually none. Returns `None` if
    /// it is not yet time to look for what others left.
    ///
    /// This is the first request of an environment to the table of counters, before it writes
    /// anything.
    ///
    /// # Errors
    /// `wrong_table` (transient): the table does not have the keys of a table of counters. Any
    /// other failure is only logged, because nothing depends on the list.
    pub(super) async fn listed(
        &self,
        deadline: Deadline,
    ) -> Result<Option<Vec<StreamId>>, Failure> {
        let Some(after) = self.look.due() else { return Ok(None) };
        match deadline.call(self.read_model.parked(after.as_ref(), LOOKED_AT)).await {
            Ok(listed) => {
                match listed.last() {
                    Some(last) if listed.len() >= LOOKED_AT => self.look.is_at(last.clone()),
                    _ => self.look.is_done(),
                }
                Ok(Some(listed))
            }
            Err(failure) if failure.code() == WRONG_TABLE => Err(failure),
            Err(failure) => {
                self.look.is_done();
                let reason = failure.reason();
                warn!(reason, "the list of parked aggregates cannot be read; none is released now");
                Ok(Some(Vec::new()))
            }
        }
    }

    /// Finishes what others left: deltas that nobody counts, and aggregates that wait for a newer
    /// version, which may be this one, or for an entry, or whose release was cut off.
    pub(super) async fn release(&self, listed: Option<Vec<StreamId>>, deadline: Deadline) {
        let Some(listed) = listed else { return };
        let left = deadline.0.saturating_duration_since(Instant::now());
        let share = Deadline(Instant::now() + left / SHARE_OF_TIME);
        if share.is_over() {
            return;
        }
        self.sweep(share).await;
        if listed.is_empty() || share.is_over() {
            return;
        }
        let guards = match share.call(self.read_model.guards(&listed)).await {
            Ok(guards) => guards,
            Err(failure) => {
                warn!(reason = failure.reason(), "the parked aggregates are tried again later");
                return;
            }
        };
        for stream in listed {
            if share.is_over() {
                return;
            }
            match guards.get(&stream) {
                None => continue,
                Some(Ok(guard)) if guard.parked.is_some() && !guard.is_tried_again() => continue,
                Some(_) => {}
            }
            if let Err(failure) = self.catch_up(&stream, false, share).await {
                let (stream, reason) = (stream.as_str(), failure.reason());
                warn!(stream, reason, "the parked aggregate is tried again later");
            }
        }
    }

    /// Applies all events in the event store above the guard, then takes the aggregate off the
    /// list.
    ///
    /// Deliveries behind a parked event were acknowledged without being applied, including those
    /// that arrived during the release.
    ///
    /// An aggregate that is parked for good is left alone, except in a replay. If not all events
    /// can be applied, the aggregate is parked again. In a replay the failure is returned instead,
    /// so that the letter stays.
    pub(super) async fn catch_up(
        &self,
        stream: &StreamId,
        replay: bool,
        deadline: Deadline,
    ) -> Result<(), Failure> {
        for attempt in 0..self.retry.attempts {
            if attempt > 0 {
                deadline.pause(self.retry.pause_after(attempt - 1)).await;
            }
            if deadline.is_over() {
                return Err(out_of_time());
            }
            let (mut guards, mut counting) =
                self.begin(std::slice::from_ref(stream), deadline).await?;
            let guard = guards.remove(stream).transpose()?.unwrap_or_default();
            if guard.parked.is_some() && !guard.is_tried_again() && !replay {
                return Ok(());
            }
            let round = self.catch_up_from(stream, &guard, &mut counting, replay, deadline).await;
            self.count(&mut counting, deadline).await?;
            if round? == Round::Last {
                return Ok(());
            }
        }
        Err(Failure::transient(
            "guard_moved",
            "other environments changed the guard of this aggregate in every attempt",
        ))
    }

    async fn catch_up_from(
        &self,
        stream: &StreamId,
        guard: &Guard,
        counting: &mut Counting,
        replay: bool,
        deadline: Deadline,
    ) -> Result<Round, Failure> {
        let commits = match deadline.call(self.events.read(stream, guard.position.version)).await {
            Ok(commits) => commits,
            Err(failure) if is_newer(&failure) && !replay => {
                return self
                    .stay(stream, guard, guard.position.version.next(), failure, deadline)
                    .await;
            }
            Err(failure) => return Err(failure),
        };
        if commits.is_empty() {
            return match (guard.parked, guard.listed) {
                (Some(_), _) => done(deadline.call(self.read_model.unpark(stream, guard)).await)
                    .map(|_| Round::Again),
                (None, Some(_)) => {
                    info!(stream = stream.as_str(), "all events of a parked aggregate are applied");
                    done(deadline.call(self.read_model.unlist(stream, guard)).await)
                }
                (None, None) => Ok(Round::Last),
            };
        }
        let mut plan = LanePlan::new(guard, replay);
        project(&mut plan, &self.projection, guard, &commits);
        let moves = !plan.steps.is_empty();
        for group in groups(vec![std::mem::take(&mut plan.steps)]) {
            for applied in self.apply_group(group, counting, deadline).await {
                match applied.result {
                    Ok(()) => {}
                    Err(Stop::Moved) => return Ok(Round::Again),
                    Err(Stop::OutOfTime) => return Err(out_of_time()),
                    Err(Stop::Failed(failure)) => return Err(failure),
                    Err(Stop::Refused { failure, .. }) if replay => return Err(failure),
                    Err(Stop::Refused { failure, .. }) => {
                        let at =
                            applied.reached.map_or(guard.position.version, |at| at.version).next();
                        return self.stay(stream, guard, at, failure, deadline).await;
                    }
                }
            }
        }
        match (plan.stopped, plan.park) {
            (Some(failure), _) if replay || !parks(&failure) => Err(failure),
            (Some(_), Some((at, failure))) => self.stay(stream, guard, at, failure, deadline).await,
            // Read once more for commits that arrived meanwhile.
            _ if moves => Ok(Round::Again),
            _ => Ok(Round::Last),
        }
    }

    /// Parks the aggregate at this event again, or leaves it parked there.
    async fn stay(
        &self,
        stream: &StreamId,
        guard: &Guard,
        at: Version,
        failure: Failure,
        deadline: Deadline,
    ) -> Result<Round, Failure> {
        if is_parked_so(guard, at, &failure) {
            return Ok(Round::Last);
        }
        let (stream_id, code, reason) = (stream.as_str(), failure.code(), failure.reason());
        error!(stream = stream_id, version = at.number(), code, reason, "aggregate parked");
        done(deadline.call(self.read_model.park(stream, at, &failure)).await)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Again,
    Last,
}

fn done(written: Result<(), ApplyError>) -> Result<Round, Failure> {
    match written {
        Ok(()) => Ok(Round::Last),
        Err(ApplyError::GuardMoved | ApplyError::Conflict) => Ok(Round::Again),
        Err(ApplyError::Refused { failure, .. } | ApplyError::Failed(failure)) => Err(failure),
    }
}

fn out_of_time() -> Failure {
    Failure::transient("out_of_time", "the invocation had too little time left")
}
