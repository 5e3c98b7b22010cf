//! Adds faults to a port.

use std::sync::Arc;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;
use serde_dynamo::Item;

use super::{Call, Fault, Faults};
use crate::dead_letter::{DeadLetter, DeadLetters};
use crate::failure::Failure;
use crate::idempotency::{
    Claim, Claimed, EffectKey, HeldEffect, HeldPage, IdempotencyStore, Kept, Repeat, Stored,
};
use crate::ids::{StreamId, Version};
use crate::projection::{
    Added, Addition, ApplyError, Aside, Delta, Guard, Guards, Head, ReadModel, Transaction,
};
use crate::query::{Get, Items, NextPage, Query, TableReader};
use crate::store::{
    Commit, CommitOutcome, EventReader, EventStore, RecordedCommit, RowChange, RowOutcome,
    RowStore, Snapshot, SnapshotStore,
};

/// A port of which some calls go wrong.
///
/// It wraps doubles and real implementations alike.
#[derive(Debug)]
pub struct Faulty<P: ?Sized> {
    port: Arc<P>,
    faults: Faults,
}

impl<P: ?Sized> Faulty<P> {
    /// Wraps a port with these faults.
    pub fn new(port: Arc<P>, faults: Faults) -> Self {
        Self { port, faults }
    }

    /// Returns the port behind the faults.
    pub fn port(&self) -> &P {
        &self.port
    }

    /// Makes one call. `conflict` is the answer to a lost race, for a port that has such an answer.
    pub(super) async fn call<'a, T, E>(
        &'a self,
        call: Call,
        conflict: Option<Result<T, E>>,
        run: impl Fn(&'a P) -> BoxFuture<'a, Result<T, E>> + Send,
    ) -> Result<T, E>
    where
        T: Send,
        E: From<Refused> + Send,
    {
        let refused = |code: &'static str, reason: &str| {
            Err(Refused(Failure::transient(code, format!("{call:?}: {reason}"))).into())
        };
        match self.faults.next(call) {
            None => run(&self.port).await,
            Some(Fault::Throttled) => refused("throttled", "an injected fault"),
            Some(Fault::Conflict) => {
                conflict.unwrap_or_else(|| refused("throttled", "an injected fault"))
            }
            Some(Fault::LostResponse) => {
                // The answer is lost, success or failure.
                let _ = run(&self.port).await;
                refused("lost_response", "no answer came; the call may have taken effect")
            }
            Some(Fault::SentTwice) => {
                let _ = run(&self.port).await;
                run(&self.port).await
            }
            Some(Fault::Failed(failure)) => Err(Refused(failure).into()),
            Some(Fault::Hangs { applied }) => {
                if applied {
                    let _ = run(&self.port).await;
                }
                std::future::pending().await
            }
        }
    }
}

/// A failure that becomes the port's own error.
pub(super) struct Refused(Failure);

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        refused.0
    }
}

#[cfg(feature = "publish")]
impl From<Refused> for crate::publish::RefusedRequest {
    fn from(refused: Refused) -> Self {
        refused.0.into()
    }
}

impl From<Refused> for ApplyError {
    fn from(refused: Refused) -> Self {
        Self::Failed(refused.0)
    }
}

impl<P: EventReader + ?Sized> EventReader for Faulty<P> {
    fn read<'a>(
        &'a self,
        stream: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        self.call(Call::Read, None, move |port| port.read(stream, after)).boxed()
    }

    fn read_at<'a>(
        &'a self,
        stream: &'a StreamId,
        version: Version,
    ) -> BoxFuture<'a, Result<Option<RecordedCommit>, Failure>> {
        self.call(Call::Read, None, move |port| port.read_at(stream, version)).boxed()
    }
}

impl<P: EventStore + ?Sized> EventStore for Faulty<P> {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        let conflict = Some(Ok(CommitOutcome::Conflict));
        self.call(Call::Commit, conflict, move |port| port.commit(commit)).boxed()
    }

    fn takes_several_decisions(&self) -> bool {
        self.port.takes_several_decisions()
    }
}

impl<P: RowStore + ?Sized> RowStore for Faulty<P> {
    fn rows<'a>(&'a self, keys: &'a [String]) -> BoxFuture<'a, Result<Vec<Option<Item>>, Failure>> {
        self.call(Call::ReadRows, None, move |port| port.rows(keys)).boxed()
    }

    fn commit_with_rows<'a>(
        &'a self,
        commit: &'a Commit,
        changes: &'a [RowChange],
    ) -> BoxFuture<'a, Result<RowOutcome, Failure>> {
        let busy = Some(Ok(RowOutcome::Busy));
        let run = move |port: &'a P| port.commit_with_rows(commit, changes);
        self.call(Call::CommitWithRows, busy, run).boxed()
    }
}

impl<P: SnapshotStore + ?Sized> SnapshotStore for Faulty<P> {
    fn load<'a>(
        &'a self,
        stream: &'a StreamId,
        shape: &'a str,
    ) -> BoxFuture<'a, Result<Option<Snapshot>, Failure>> {
        self.call(Call::LoadSnapshot, None, move |port| port.load(stream, shape)).boxed()
    }

    fn save<'a>(&'a self, snapshot: &'a Snapshot) -> BoxFuture<'a, Result<(), Failure>> {
        self.call(Call::SaveSnapshot, None, move |port| port.save(snapshot)).boxed()
    }
}

impl<P: ReadModel + ?Sized> ReadModel for Faulty<P> {
    fn guards<'a>(&'a self, streams: &'a [StreamId]) -> BoxFuture<'a, Result<Guards, Failure>> {
        self.call(Call::Guards, None, move |port| port.guards(streams)).boxed()
    }

    fn slice(&self) -> u32 {
        self.port.slice()
    }

    fn head(&self, slice: u32) -> BoxFuture<'_, Result<Head, Failure>> {
        self.call(Call::Head, None, move |port| port.head(slice)).boxed()
    }

    fn heads(&self) -> BoxFuture<'_, Result<Vec<Head>, Failure>> {
        self.call(Call::Heads, None, move |port| port.heads()).boxed()
    }

    fn deltas(&self, slice: u32) -> BoxFuture<'_, Result<Vec<Delta>, Failure>> {
        self.call(Call::Deltas, None, move |port| port.deltas(slice)).boxed()
    }

    fn add<'a>(&'a self, slice: u32, additions: &'a [Addition]) -> BoxFuture<'a, Vec<Added>> {
        let add = async move {
            let mut results = Vec::with_capacity(additions.len());
            for addition in additions {
                let one = std::slice::from_ref(addition);
                let run = move |port: &'a P| {
                    port.add(slice, one).map(|mut added| Ok(added.remove(0))).boxed()
                };
                let added = self.call::<_, Failure>(Call::Add, None, run).await;
                results.push(added.unwrap_or_else(Added::Failed));
            }
            results
        };
        add.boxed()
    }

    fn confirm(&self, slice: u32, number: u64) -> BoxFuture<'_, Result<(), Failure>> {
        self.call(Call::Confirm, None, move |port| port.confirm(slice, number)).boxed()
    }

    fn set_aside<'a>(
        &'a self,
        slice: u32,
        addition: &'a Addition,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Added> {
        let run = move |port: &'a P| port.set_aside(slice, addition, failure).map(Ok).boxed();
        let added = self.call::<_, Failure>(Call::SetAside, None, run);
        added.map(|added| added.unwrap_or_else(Added::Failed)).boxed()
    }

    fn aside(&self) -> BoxFuture<'_, Result<Vec<Aside>, Failure>> {
        self.call(Call::Aside, None, move |port| port.aside()).boxed()
    }

    fn restore<'a>(&'a self, aside: &'a Aside) -> BoxFuture<'a, Result<(), ApplyError>> {
        let conflict = Some(Err(ApplyError::Conflict));
        self.call(Call::Restore, conflict, move |port| port.restore(aside)).boxed()
    }

    fn apply<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<(), ApplyError>> {
        let conflict = Some(Err(ApplyError::Conflict));
        self.call(Call::Apply, conflict, move |port| port.apply(transaction)).boxed()
    }

    fn park<'a>(
        &'a self,
        stream: &'a StreamId,
        at: Version,
        failure: &'a Failure,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        let conflict = Some(Err(ApplyError::Conflict));
        self.call(Call::Park, conflict, move |port| port.park(stream, at, failure)).boxed()
    }

    fn parked<'a>(
        &'a self,
        after: Option<&'a StreamId>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<StreamId>, Failure>> {
        self.call(Call::Parked, None, move |port| port.parked(after, limit)).boxed()
    }

    fn unpark<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        let conflict = Some(Err(ApplyError::Conflict));
        self.call(Call::Unpark, conflict, move |port| port.unpark(stream, guard)).boxed()
    }

    fn unlist<'a>(
        &'a self,
        stream: &'a StreamId,
        guard: &'a Guard,
    ) -> BoxFuture<'a, Result<(), ApplyError>> {
        let conflict = Some(Err(ApplyError::Conflict));
        self.call(Call::Unlist, conflict, move |port| port.unlist(stream, guard)).boxed()
    }
}

impl<P: TableReader + ?Sized> TableReader for Faulty<P> {
    fn get<'a>(&'a self, get: &'a Get) -> BoxFuture<'a, Result<Option<Item>, Failure>> {
        self.call(Call::GetItem, None, move |port| port.get(get)).boxed()
    }

    fn page<'a>(
        &'a self,
        query: &'a Query,
        from: Option<&'a NextPage>,
    ) -> BoxFuture<'a, Result<Items, Failure>> {
        self.call(Call::ReadPage, None, move |port| port.page(query, from)).boxed()
    }
}

impl<P: IdempotencyStore + ?Sized> IdempotencyStore for Faulty<P> {
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>> {
        self.call(Call::Claim, None, move |port| port.claim(claim)).boxed()
    }

    fn look<'a>(&'a self, key: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>> {
        self.call(Call::Look, None, move |port| port.look(key)).boxed()
    }

    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::Complete, None, move |port| port.complete(key, owner, result, expires_at))
            .boxed()
    }

    fn release<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::Release, None, move |port| port.release(key, owner)).boxed()
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::Extend, None, move |port| port.extend(key, owner, lease_until)).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::Hold, None, move |port| port.hold(key, owner, reason, repeat)).boxed()
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::HoldOrphan, None, move |port| port.hold_orphan(key, owner, reason, repeat))
            .boxed()
    }

    fn held<'a>(&'a self, from: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>> {
        self.call(Call::Held, None, move |port| port.held(from)).boxed()
    }

    fn waiting<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>> {
        self.call(Call::Waiting, None, move |port| port.waiting(key)).boxed()
    }

    fn complete_held<'a>(
        &'a self,
        key: &'a str,
        operator: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::CompleteHeld, None, move |port| {
            port.complete_held(key, operator, result, expires_at)
        })
        .boxed()
    }

    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        self.call(Call::ReleaseHeld, None, move |port| port.release_held(key)).boxed()
    }
}

impl<P: DeadLetters + ?Sized> DeadLetters for Faulty<P> {
    fn put<'a>(&'a self, letter: &'a DeadLetter) -> BoxFuture<'a, Result<(), Failure>> {
        self.call(Call::PutLetter, None, move |port| port.put(letter)).boxed()
    }
}
