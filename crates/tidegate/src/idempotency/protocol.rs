//! Defines the state machine of an idempotency record, as pure functions.
//!
//! [`decide`] returns the transition of a record for each request. The double of the test kit calls
//! it. [`DynamoDbIdempotency`](super::DynamoDbIdempotency) expresses the same rules as conditions,
//! and one test suite runs against both. [`in_the_way`] decides what a run does about the record
//! that its claim found.
//!
//! | request | by | from | to | condition |
//! |---|---|---|---|---|
//! | claim | any run | none | in progress | |
//! | claim | any run | completed | in progress | its expiry has passed |
//! | claim | any run | released | in progress | |
//! | claim | run that may take over | in progress | in progress, new owner | the lease is over |
//! | extend | owner | in progress | in progress | the new end is later |
//! | complete | owner | in progress, held, released | completed | no run has claimed since |
//! | release | owner | in progress | none | |
//! | hold | owner | in progress | held | |
//! | hold | owner | held, released | held | the request adds a missing event |
//! | hold orphan | any run | in progress | held | the lease is over |
//! | hold orphan | any run | held | held | the request adds a missing event |
//! | complete held | operator | held, released, in progress | completed | in progress: lease over |
//! | release held | operator | held, in progress | released | in progress: lease over |
//!
//! A delivery is acknowledged as held only once the record has the event that repeats it. The write
//! that holds the record also stores the event.
//!
//! All other requests are refused and change nothing. A request that finds its own earlier write
//! succeeds: only the answer to that write was lost. A completed record ends at its expiry, when
//! the next claim replaces it or DynamoDB's time to live removes it.

use jiff::Timestamp;

use super::record::{Status, Stored};

/// The part of a record that decides about its transitions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// Status of the record.
    pub status: Status,
    /// Token of the last owner, or of the operator who completed the effect.
    pub owner: String,
    /// End of the last owner's lease.
    pub lease_until: Timestamp,
    /// Time until which a completed record counts.
    pub expires_at: Option<Timestamp>,
    /// Whether the record has the event that runs the effect again.
    pub repeat: bool,
}

/// A request to change a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request<'a> {
    /// A run wants to own the effect.
    Claim {
        /// Token of the run.
        owner: &'a str,
        /// End of its lease.
        lease_until: Timestamp,
        /// Whether the run may take over a claim whose lease is over.
        take_over: bool,
    },
    /// The owner's effect took place.
    Complete {
        /// Token of the owner.
        owner: &'a str,
        /// Time until which the record counts.
        expires_at: Timestamp,
    },
    /// The owner's effect did not take place.
    Release {
        /// Token of the owner.
        owner: &'a str,
    },
    /// The owner needs more time.
    Extend {
        /// Token of the owner.
        owner: &'a str,
        /// New end of its lease.
        lease_until: Timestamp,
    },
    /// The owner does not know whether its effect took place.
    Hold {
        /// Token of the owner.
        owner: &'a str,
        /// Whether the request includes the event that runs the effect again.
        repeat: bool,
    },
    /// Another run found that this owner's lease is over.
    HoldOrphan {
        /// Token of the owner that is gone.
        owner: &'a str,
        /// Whether the request includes the event that runs the effect again.
        repeat: bool,
    },
    /// An operator declares that the effect took place.
    CompleteHeld {
        /// Token of the operator's request.
        operator: &'a str,
        /// Time until which the record counts.
        expires_at: Timestamp,
    },
    /// An operator allows the effect to run again.
    ReleaseHeld,
}

/// What a request does to a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Transition {
    /// The record gets this state; the request succeeded.
    To(State),
    /// The record is removed; the request succeeded.
    Removed,
    /// The request took effect before and its answer was lost; it succeeded.
    AlreadyDone,
    /// The record does not change; the request failed.
    Refused,
}

impl State {
    /// Returns whether the owner's lease is over, so that no run owns the record.
    pub fn lease_is_over(&self, now: Timestamp) -> bool {
        self.lease_until < now
    }

    /// Returns whether the effect waits for an operator, or was released by one and has not run
    /// since.
    pub fn waits_for_operator(&self, now: Timestamp) -> bool {
        match self.status {
            Status::Held | Status::Released => true,
            Status::InProgress => self.lease_is_over(now),
            Status::Completed => false,
        }
    }

    fn with(&self, status: Status) -> Transition {
        Transition::To(Self { status, ..self.clone() })
    }

    fn held(&self, repeat: bool) -> Transition {
        Transition::To(Self { status: Status::Held, repeat: repeat || self.repeat, ..self.clone() })
    }

    /// Completes the record for its owner, whose effect took place.
    ///
    /// The record need not be in progress: as long as it has the owner's token, the owner knows
    /// best.
    fn completed_by_owner(&self, owner: &str, expires_at: Timestamp) -> Transition {
        if self.owner != owner {
            return Transition::Refused;
        }
        if self.status == Status::Completed {
            return Transition::AlreadyDone;
        }
        Transition::To(Self {
            status: Status::Completed,
            expires_at: Some(expires_at),
            repeat: false,
            ..self.clone()
        })
    }

    fn held_by_owner(&self, repeat: bool) -> Transition {
        match self.status {
            Status::InProgress => self.held(repeat),
            // Nothing would run the effect again, for example after an operator released it without
            // an event.
            Status::Held | Status::Released if repeat && !self.repeat => self.held(true),
            // If it is released, an operator has decided in the meantime.
            Status::Held | Status::Released => Transition::AlreadyDone,
            Status::Completed => Transition::Refused,
        }
    }

    fn held_as_orphan(&self, repeat: bool, now: Timestamp) -> Transition {
        match self.status {
            Status::InProgress if self.lease_is_over(now) => self.held(repeat),
            Status::Held if repeat && !self.repeat => self.held(true),
            Status::Held => Transition::AlreadyDone,
            Status::InProgress | Status::Completed | Status::Released => Transition::Refused,
        }
    }

    fn completed_by_operator(
        &self,
        operator: &str,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Transition {
        if is(self, operator, Status::Completed) {
            return Transition::AlreadyDone;
        }
        if !self.waits_for_operator(now) {
            return Transition::Refused;
        }
        Transition::To(Self {
            status: Status::Completed,
            owner: operator.to_owned(),
            lease_until: self.lease_until,
            expires_at: Some(expires_at),
            repeat: false,
        })
    }
}

/// Returns the transition for a request at `now`, by the requester's clock.
///
/// Invariant: a record in progress changes only by a request with its owner's token, or once its
/// lease is over. Example: `a` claims with a lease until 10. At 5 a claim of `b` is refused. At 11
/// a claim of `b` that may take over succeeds, and a completion of `a` is then refused.
pub fn decide(record: Option<&State>, request: Request<'_>, now: Timestamp) -> Transition {
    let Some(there) = record else { return without_record(request) };
    match request {
        Request::Claim { owner, .. } if is(there, owner, Status::InProgress) => {
            Transition::AlreadyDone
        }
        // Otherwise another request held, completed or released it, and the claim no longer
        // belongs to this run.
        Request::Claim { owner, lease_until, take_over } => {
            let free =
                may_be_claimed(there.status, there.lease_until, there.expires_at, take_over, now);
            if free { claimed(owner, lease_until) } else { Transition::Refused }
        }
        Request::Complete { owner, expires_at } => there.completed_by_owner(owner, expires_at),
        Request::Release { owner } if is(there, owner, Status::InProgress) => Transition::Removed,
        Request::Release { .. } => Transition::Refused,
        Request::Extend { owner, lease_until } if is(there, owner, Status::InProgress) => {
            if there.lease_until >= lease_until {
                Transition::AlreadyDone
            } else {
                Transition::To(State { lease_until, ..there.clone() })
            }
        }
        Request::Extend { .. } => Transition::Refused,
        Request::Hold { owner, repeat } if there.owner == owner => there.held_by_owner(repeat),
        Request::Hold { .. } => Transition::Refused,
        Request::HoldOrphan { owner, repeat } if there.owner == owner => {
            there.held_as_orphan(repeat, now)
        }
        Request::HoldOrphan { .. } => Transition::Refused,
        Request::CompleteHeld { operator, expires_at } => {
            there.completed_by_operator(operator, expires_at, now)
        }
        Request::ReleaseHeld if there.status == Status::Released => Transition::AlreadyDone,
        Request::ReleaseHeld if there.waits_for_operator(now) => there.with(Status::Released),
        Request::ReleaseHeld => Transition::Refused,
    }
}

/// Returns the transition if there is no record.
fn without_record(request: Request<'_>) -> Transition {
    match request {
        Request::Claim { owner, lease_until, .. } => claimed(owner, lease_until),
        Request::Release { .. } => Transition::AlreadyDone,
        Request::Complete { .. }
        | Request::Extend { .. }
        | Request::Hold { .. }
        | Request::HoldOrphan { .. }
        | Request::CompleteHeld { .. }
        | Request::ReleaseHeld => Transition::Refused,
    }
}

fn claimed(owner: &str, lease_until: Timestamp) -> Transition {
    Transition::To(State {
        status: Status::InProgress,
        owner: owner.to_owned(),
        lease_until,
        expires_at: None,
        repeat: false,
    })
}

fn is(there: &State, owner: &str, status: Status) -> bool {
    there.status == status && there.owner == owner
}

fn may_be_claimed(
    status: Status,
    lease_until: Timestamp,
    expires_at: Option<Timestamp>,
    take_over: bool,
    now: Timestamp,
) -> bool {
    match status {
        Status::Released => true,
        Status::Held => false,
        Status::Completed => expires_at.is_some_and(|expires_at| expires_at < now),
        Status::InProgress => take_over && lease_until < now,
    }
}

/// What a run does about the record that its claim or look found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InTheWay {
    /// Returns the stored result.
    Replay,
    /// Leaves the effect to an operator, once the record has the event that repeats it.
    LeaveHeld,
    /// Requests to hold the effect, because its owner is gone, and then leaves it to an operator.
    /// If the request is refused, looks again.
    HoldOrphan,
    /// Looks again after a pause.
    Wait,
    /// Claims: nothing prevents a claim any more.
    Claim,
}

/// Returns what a run does about the record `there` at `now`.
pub fn in_the_way(there: &Stored, take_over: bool, now: Timestamp) -> InTheWay {
    match there.status {
        status if may_be_claimed(status, there.lease_until, there.expires_at, take_over, now) => {
            InTheWay::Claim
        }
        Status::Completed => InTheWay::Replay,
        Status::Held => InTheWay::LeaveHeld,
        Status::InProgress if there.lease_until < now => InTheWay::HoldOrphan,
        Status::InProgress | Status::Released => InTheWay::Wait,
    }
}
