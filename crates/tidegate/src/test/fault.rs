//! Faults: which call goes wrong, and how.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use crate::failure::Failure;
use crate::ids::content_uuid;

/// A call of a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// [`EventReader::read`](crate::store::EventReader::read).
    Read,
    /// [`EventStore::commit`](crate::store::EventStore::commit).
    Commit,
    /// [`SnapshotStore::load`](crate::store::SnapshotStore::load).
    LoadSnapshot,
    /// [`SnapshotStore::save`](crate::store::SnapshotStore::save).
    SaveSnapshot,
    /// [`ReadModel::guards`](crate::projection::ReadModel::guards).
    Guards,
    /// [`ReadModel::apply`](crate::projection::ReadModel::apply).
    Apply,
    /// [`ReadModel::park`](crate::projection::ReadModel::park).
    Park,
    /// [`ReadModel::parked`](crate::projection::ReadModel::parked).
    Parked,
    /// [`ReadModel::unpark`](crate::projection::ReadModel::unpark).
    Unpark,
    /// [`ReadModel::unlist`](crate::projection::ReadModel::unlist).
    Unlist,
    /// [`IdempotencyStore::claim`](crate::idempotency::IdempotencyStore::claim).
    Claim,
    /// [`IdempotencyStore::look`](crate::idempotency::IdempotencyStore::look).
    Look,
    /// [`IdempotencyStore::complete`](crate::idempotency::IdempotencyStore::complete).
    Complete,
    /// [`IdempotencyStore::release`](crate::idempotency::IdempotencyStore::release).
    Release,
    /// [`IdempotencyStore::extend`](crate::idempotency::IdempotencyStore::extend).
    Extend,
    /// [`IdempotencyStore::hold`](crate::idempotency::IdempotencyStore::hold).
    Hold,
    /// [`IdempotencyStore::hold_orphan`](crate::idempotency::IdempotencyStore::hold_orphan).
    HoldOrphan,
    /// [`IdempotencyStore::held`](crate::idempotency::IdempotencyStore::held).
    Held,
    /// [`IdempotencyStore::waiting`](crate::idempotency::IdempotencyStore::waiting).
    Waiting,
    /// [`IdempotencyStore::complete_held`](crate::idempotency::IdempotencyStore::complete_held).
    CompleteHeld,
    /// [`IdempotencyStore::release_held`](crate::idempotency::IdempotencyStore::release_held).
    ReleaseHeld,
    /// [`DeadLetters::put`](crate::dead_letter::DeadLetters::put).
    PutLetter,
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing took effect, and the caller is told so: `throttled`, transient.
    Throttled,
    /// Another was faster, or is at work at the same place: `CommitOutcome::Conflict` of an event store, `ApplyError::Conflict` of a read model. Of a port that
    /// knows no conflict, as [`Self::Throttled`].
    Conflict,
    /// The call took effect, and the caller learns nothing but that no answer came: `lost_response`, transient.
    LostResponse,
    /// The first answer was lost, and the client sent the call again by itself: it takes effect twice, and the second answer is what the caller sees.
    SentTwice,
    /// Nothing took effect, and the caller is told this.
    Failed(Failure),
    /// The call is never answered: the caller waits until it gives up.
    Hangs {
        /// The call took effect all the same.
        applied: bool,
    },
}

/// A fault that took place.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Injected {
    /// The call.
    pub call: Call,
    /// Which of its kind, from 1.
    pub number: u32,
    /// What went wrong with it.
    pub fault: Fault,
}

/// Which calls go wrong, and how: by a script, by a seed, or both. Clones share their counts, so that one plan can serve several ports.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    script: Vec<Injected>,
    always: HashMap<Call, Fault>,
    seed: Option<(u64, f64)>,
    calls: HashMap<Call, u32>,
    injected: Vec<Injected>,
}

impl Faults {
    /// Nothing goes wrong yet.
    pub fn none() -> Self {
        Faults::default()
    }

    /// This share of all calls goes wrong, from 0.0 to 1.0. Which do, and how, is a function of the seed, the call and its number alone, so that it does not depend on
    /// how concurrent calls take turns.
    pub fn seeded(seed: u64, share: f64) -> Self {
        let faults = Faults::default();
        faults.state().seed = Some((seed, share));
        faults
    }

    /// The `number`th call of this kind, from 1, goes wrong like this.
    pub fn at(&self, call: Call, number: u32, fault: Fault) -> Self {
        self.state().script.push(Injected { call, number, fault });
        self.clone()
    }

    /// Every call of this kind goes wrong like this from now on; `None` ends it. A script or a seed goes first.
    pub fn always(&self, call: Call, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.state().always.insert(call, fault),
            None => self.state().always.remove(&call),
        };
    }

    /// How many calls of this kind were made.
    pub fn calls(&self, call: Call) -> u32 {
        self.state().calls.get(&call).copied().unwrap_or_default()
    }

    /// What went wrong so far, in order.
    pub fn injected(&self) -> Vec<Injected> {
        self.state().injected.clone()
    }

    /// Counts a call, and says what goes wrong with it.
    pub(super) fn next(&self, call: Call) -> Option<Fault> {
        let mut state = self.state();
        let number = state.calls.entry(call).or_default();
        *number += 1;
        let number = *number;
        let scripted = state.script.iter().find(|entry| entry.call == call && entry.number == number);
        let fault = scripted
            .map(|entry| entry.fault.clone())
            .or_else(|| state.seed.and_then(|(seed, share)| drawn(seed, share, call, number)))
            .or_else(|| state.always.get(&call).cloned())?;
        state.injected.push(Injected { call, number, fault: fault.clone() });
        Some(fault)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }
}

fn drawn(seed: u64, share: f64, call: Call, number: u32) -> Option<Fault> {
    let bits =
        content_uuid(&["fault", &seed.to_string(), &format!("{call:?}"), &number.to_string()]).as_u128();
    // The ends of the digest; its middle holds the version of the uuid.
    let wrong = ((bits >> 96) as f64) < share * f64::from(u32::MAX);
    let kind = match bits % 4 {
        0 => Fault::Throttled,
        1 => Fault::Conflict,
        2 => Fault::LostResponse,
        _ => Fault::SentTwice,
    };
    wrong.then_some(kind)
}
