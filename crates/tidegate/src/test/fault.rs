//! Faults: the calls that fail, and how they fail.

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
    /// [`RowStore::rows`](crate::store::RowStore::rows).
    ReadRows,
    /// [`RowStore::commit_with_rows`](crate::store::RowStore::commit_with_rows).
    CommitWithRows,
    /// [`SnapshotStore::load`](crate::store::SnapshotStore::load).
    LoadSnapshot,
    /// [`SnapshotStore::save`](crate::store::SnapshotStore::save).
    SaveSnapshot,
    /// [`ReadModel::guards`](crate::projection::ReadModel::guards).
    Guards,
    /// [`ReadModel::head`](crate::projection::ReadModel::head).
    Head,
    /// [`ReadModel::heads`](crate::projection::ReadModel::heads).
    Heads,
    /// [`ReadModel::deltas`](crate::projection::ReadModel::deltas).
    Deltas,
    /// [`ReadModel::apply`](crate::projection::ReadModel::apply).
    Apply,
    /// One counter of [`ReadModel::add`](crate::projection::ReadModel::add).
    Add,
    /// [`ReadModel::confirm`](crate::projection::ReadModel::confirm).
    Confirm,
    /// [`ReadModel::set_aside`](crate::projection::ReadModel::set_aside).
    SetAside,
    /// [`ReadModel::aside`](crate::projection::ReadModel::aside).
    Aside,
    /// [`ReadModel::restore`](crate::projection::ReadModel::restore).
    Restore,
    /// [`ReadModel::park`](crate::projection::ReadModel::park).
    Park,
    /// [`ReadModel::parked`](crate::projection::ReadModel::parked).
    Parked,
    /// [`ReadModel::unpark`](crate::projection::ReadModel::unpark).
    Unpark,
    /// [`ReadModel::unlist`](crate::projection::ReadModel::unlist).
    Unlist,
    /// [`PointerReader::read`](crate::generation::PointerReader::read).
    PointerRead,
    /// [`Pointers::write`](crate::generation::Pointers::write).
    PointerWrite,
    /// [`TableReader::get`](crate::query::TableReader::get).
    GetItem,
    /// [`TableReader::page`](crate::query::TableReader::page).
    ReadPage,
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
    /// [`BreakerStore::look`](crate::breaker::BreakerStore::look).
    LookAtBreaker,
    /// [`BreakerStore::count`](crate::breaker::BreakerStore::count).
    CountCalls,
    /// [`BreakerStore::change`](crate::breaker::BreakerStore::change).
    ChangeBreaker,
    /// [`DeadLetters::put`](crate::dead_letter::DeadLetters::put).
    PutLetter,
    /// `Target::send` of the publisher (feature `publish`): a request as a whole.
    Publish,
}

/// A fault of a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The call has no effect. The caller gets the failure `throttled` (transient).
    Throttled,
    /// Another writer was faster, or is working at the same place. An event store returns
    /// `CommitOutcome::Conflict`, a store with rows `RowOutcome::Busy`, a read model
    /// `ApplyError::Conflict`. For a port without conflicts
    /// this is [`Self::Throttled`].
    Conflict,
    /// The call takes effect, but its answer is lost. The caller gets the failure `lost_response`
    /// (transient).
    LostResponse,
    /// The first answer is lost, and the client itself sends the call again. The call takes effect
    /// twice, and the caller gets the second answer.
    SentTwice,
    /// The call has no effect. The caller gets this failure.
    Failed(Failure),
    /// The call is never answered. The caller waits until it gives up.
    Hangs {
        /// Whether the call takes effect all the same.
        applied: bool,
    },
}

/// A fault that was injected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Injected {
    /// Kind of the call.
    pub call: Call,
    /// Number of the call among those of its kind, from 1.
    pub number: u32,
    /// Fault of the call.
    pub fault: Fault,
}

/// A plan of which calls go wrong and how: by a script, by a seed, or both.
///
/// Clones share their counts, so one plan can serve several ports.
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
    /// Creates a plan without faults.
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates a plan in which this share of all calls goes wrong, from 0.0 to 1.0.
    ///
    /// Only the seed, the kind of the call and its number determine the faults. So the order of
    /// concurrent calls does not matter.
    pub fn seeded(seed: u64, share: f64) -> Self {
        let faults = Self::default();
        faults.state().seed = Some((seed, share));
        faults
    }

    /// Adds a fault for one call of this kind. `number` counts the calls of this kind from 1.
    pub fn at(&self, call: Call, number: u32, fault: Fault) -> Self {
        self.state().script.push(Injected { call, number, fault });
        self.clone()
    }

    /// Injects this fault into every call of this kind from now on; `None` stops it. Faults of a
    /// script or a seed take precedence.
    pub fn always(&self, call: Call, fault: Option<Fault>) {
        match fault {
            Some(fault) => self.state().always.insert(call, fault),
            None => self.state().always.remove(&call),
        };
    }

    /// Returns how many calls of this kind were made.
    pub fn calls(&self, call: Call) -> u32 {
        self.state().calls.get(&call).copied().unwrap_or_default()
    }

    /// Returns the injected faults in order.
    pub fn injected(&self) -> Vec<Injected> {
        self.state().injected.clone()
    }

    /// Counts a call, and returns its fault.
    pub(super) fn next(&self, call: Call) -> Option<Fault> {
        let mut state = self.state();
        let number = state.calls.entry(call).or_default();
        *number += 1;
        let number = *number;
        let scripted =
            state.script.iter().find(|entry| entry.call == call && entry.number == number);
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
        content_uuid(&["fault", &seed.to_string(), &format!("{call:?}"), &number.to_string()])
            .as_u128();
    // Uses both ends of the digest, because its middle contains the version of the UUID.
    let wrong = ((bits >> 96) as f64) < share * f64::from(u32::MAX);
    let kind = match bits % 4 {
        0 => Fault::Throttled,
        1 => Fault::Conflict,
        2 => Fault::LostResponse,
        _ => Fault::SentTwice,
    };
    wrong.then_some(kind)
}
