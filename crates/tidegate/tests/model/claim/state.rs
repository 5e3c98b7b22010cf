//! A state of the model: the record, the runs and the requests in flight.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use tidegate::idempotency::Status;
use tidegate::idempotency::protocol::State as RecordState;

use super::run::{Ask, Delivery, Order, Payload};

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub(super) record: Option<Record>,
    pub(super) runs: Vec<Run>,
    pub(super) queue: Vec<Delivery>,
    pub(super) late: Vec<Late>,
    /// Number of times that the effect took place for X and for Y; 2 means two or more.
    pub(super) executed: [u8; 2],
    /// Number of times that it may still take place; 6 means more than can be in progress.
    pub(super) allowed: u8,
    pub(super) released: u8,
    pub(super) faults: u8,
    pub(super) dead_letters: Vec<Payload>,
    pub(super) retention_over: bool,
    /// Whether the event is in the bucket.
    pub(super) object: bool,
    pub(super) wrong: Option<Wrong>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Record {
    pub(super) status: Order,
    pub(super) owner: u8,
    pub(super) lease_over: bool,
    pub(super) expired: bool,
    /// Whether the record has the event that repeats the effect.
    pub(super) event: bool,
    pub(super) payload: Payload,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Run {
    pub(super) delivery: Delivery,
    /// Node of the run in its program.
    pub(super) node: usize,
    pub(super) token: u8,
    /// Owner of the last record that was in the way.
    pub(super) met: Option<u8>,
}

/// A request that reaches the store after its run has stopped waiting for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Late {
    pub(super) ask: Ask,
    pub(super) token: u8,
    pub(super) met: Option<u8>,
    pub(super) payload: Payload,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Wrong {
    /// The effect took place more often than the policy allows.
    TooOften,
    /// A delivery was reported as applied, but the effect had not taken place.
    FalseSuccess,
    /// A request changed a record of another owner.
    AnothersRecord,
    /// A claim was taken from a run that was still in progress, within its lease.
    LiveClaimTaken,
    /// A delivery was dead-lettered, although its key came with no other payload.
    HonestDeadLettered,
}

/// Token of an operator.
pub(super) const OPERATOR: u8 = u8::MAX;

pub(super) fn now() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1_000_000)
}

pub(super) fn later(over: bool) -> Timestamp {
    now() + SignedDuration::from_hours(if over { -1 } else { 1 })
}

pub(super) fn name(token: u8) -> String {
    format!("run {token}")
}

impl Record {
    pub(super) fn state(&self) -> RecordState {
        RecordState {
            status: self.status.into(),
            owner: name(self.owner),
            lease_until: later(self.lease_over),
            expires_at: (self.status == Order::Completed).then(|| later(self.expired)),
            repeat: self.event,
        }
    }

    pub(super) fn new(state: &RecordState, payload: Payload) -> Self {
        Self {
            status: state.status.into(),
            owner: state.owner.strip_prefix("run ").and_then(|number| number.parse().ok()).unwrap(),
            // A record that is no longer in progress may have a lease that ended long before.
            lease_over: state.lease_is_over(now()) || state.status != Status::InProgress,
            expired: state.expires_at.is_some_and(|expires_at| expires_at < now()),
            event: state.repeat,
            payload,
        }
    }
}

impl State {
    /// Returns whether the delivery is not lost: its effect took place, or still can, or an
    /// operator learns that it did not.
    pub(super) fn keeps(&self, payload: Payload) -> bool {
        self.took_place(payload)
            || self.dead_letters.contains(&payload)
            || self.queue.iter().any(|delivery| delivery.payload == payload)
            || self.runs.iter().any(|run| run.delivery.payload == payload)
            || self
                .record
                .as_ref()
                .is_some_and(|record| record.payload == payload && record.event && self.object)
    }

    pub(super) fn took_place(&self, payload: Payload) -> bool {
        self.executed[payload as usize] > 0
    }

    pub(super) fn executions(&self) -> u8 {
        self.executed.iter().sum()
    }

    pub(super) fn allow(&mut self) {
        self.allowed = (self.allowed + 1).min(6);
    }

    /// Returns whether no delivery is left and no run is in progress.
    pub(super) fn is_settled(&self) -> bool {
        self.queue.is_empty()
            && self.runs.is_empty()
            && self.record.as_ref().is_none_or(|record| record.status != Order::InProgress)
    }

    /// Makes states equal that differ only in the numbers of tokens or in the order of runs.
    pub(super) fn normalise(&mut self) {
        self.queue.sort();
        self.runs.sort();
        self.late.sort();
        self.dead_letters.sort();
        let mut numbers = BTreeMap::from([(OPERATOR, OPERATOR)]);
        let mut number = |token: &mut u8| {
            let next = u8::try_from(numbers.len() - 1).unwrap();
            *token = *numbers.entry(*token).or_insert(next);
        };
        for run in &mut self.runs {
            number(&mut run.token);
        }
        if let Some(record) = &mut self.record {
            number(&mut record.owner);
        }
        for late in &mut self.late {
            number(&mut late.token);
        }
        let met = self.runs.iter_mut().map(|run| &mut run.met);
        met.chain(self.late.iter_mut().map(|late| &mut late.met)).flatten().for_each(number);
    }

    pub(super) fn unused_token(&self) -> u8 {
        let runs = self.runs.iter().flat_map(|run| [Some(run.token), run.met]);
        let late = self.late.iter().flat_map(|late| [Some(late.token), late.met]);
        let record = self.record.iter().map(|record| Some(record.owner));
        let taken =
            runs.chain(late).chain(record).flatten().filter(|token| *token != OPERATOR).max();
        taken.map_or(0, |taken| taken + 1)
    }
}
