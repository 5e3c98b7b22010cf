use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;

use super::EffectKey;
use super::protocol::{Request, State, Transition, decide};
use super::record::{Claim, Claimed, HeldEffect, IdempotencyStore, Kept, Repeat, Status, Stored};
use crate::failure::Failure;

/// Idempotency records in memory, for tests. It passes the same contract tests as the DynamoDB one.
#[derive(Debug, Default)]
pub struct MemoryIdempotency {
    records: Mutex<BTreeMap<String, Record>>,
}

/// A record: the state that decides, and what goes with it.
#[derive(Clone, Debug)]
struct Record {
    state: State,
    payload_hash: String,
    result: Kept<String>,
    reason: Option<String>,
    repeat: Option<Repeat>,
}

impl MemoryIdempotency {
    /// End of the lease of a record.
    pub fn lease_until(&self, key: &str) -> Option<Timestamp> {
        self.records().get(key).map(|record| record.state.lease_until)
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Carries out a request that needs a record; `change` writes what goes with the new state.
    fn request(
        &self,
        key: &str,
        request: Request<'_>,
        change: impl FnOnce(&mut Record),
    ) -> BoxFuture<'static, Result<bool, Failure>> {
        let mut records = self.records();
        let record = records.get_mut(key);
        let done = match (
            decide(record.as_deref().map(|record| &record.state), request, Timestamp::now()),
            record,
        ) {
            (Transition::To(state), Some(record)) => {
                record.state = state;
                change(record);
                true
            }
            (Transition::Removed, _) => records.remove(key).is_some(),
            (Transition::AlreadyDone, _) => true,
            (Transition::Refused, _) | (Transition::To(_), None) => false,
        };
        ready(Ok(done)).boxed()
    }
}

impl IdempotencyStore for MemoryIdempotency {
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>> {
        let mut records = self.records();
        let there = records.get(claim.key.as_str());
        let request = Request::Claim {
            owner: &claim.owner,
            lease_until: claim.lease_until,
            take_over: claim.take_over,
        };
        let answer = match (decide(there.map(|there| &there.state), request, Timestamp::now()), there) {
            (Transition::To(state), there) => {
                let released = there.is_some_and(|there| there.state.status == Status::Released);
                let record = Record {
                    state,
                    payload_hash: claim.payload_hash.clone(),
                    result: Kept::Unknown,
                    reason: None,
                    repeat: claim.repeat.clone(),
                };
                records.insert(claim.key.to_string(), record);
                if released { Claimed::AfterRelease } else { Claimed::Yes }
            }
            (Transition::Refused, Some(there)) => Claimed::No(Stored {
                status: there.state.status,
                owner: there.state.owner.clone(),
                lease_until: there.state.lease_until,
                payload_hash: there.payload_hash.clone(),
                result: there.result.clone(),
                expires_at: there.state.expires_at,
            }),
            (Transition::AlreadyDone | Transition::Removed | Transition::Refused, _) => Claimed::Yes,
        };
        ready(Ok(answer)).boxed()
    }

    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key.as_str(), Request::Complete { owner, expires_at }, |record| {
            record.result = result.clone();
            record.repeat = None;
        })
    }

    fn release<'a>(&'a self, key: &'a EffectKey, owner: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key.as_str(), Request::Release { owner }, |_| {})
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key.as_str(), Request::Extend { owner, lease_until }, |_| {})
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key.as_str(), Request::Hold { owner }, |record| record.reason = Some(reason.to_owned()))
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let request = Request::HoldOrphan { owner };
        self.request(key.as_str(), request, |record| record.reason = Some(reason.to_owned()))
    }

    fn held(&self) -> BoxFuture<'_, Result<Vec<HeldEffect>, Failure>> {
        let now = Timestamp::now();
        let held = self
            .records()
            .iter()
            .filter(|(_, record)| record.state.waits_for_operator(now))
            .map(|(key, record)| HeldEffect {
                key: key.clone(),
                status: record.state.status,
                lease_until: record.state.lease_until,
                reason: record.reason.clone(),
                repeat: record.repeat.clone(),
            })
            .collect();
        ready(Ok(held)).boxed()
    }

    fn complete_held<'a>(
        &'a self,
        key: &'a str,
        operator: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key, Request::CompleteHeld { operator, expires_at }, |record| {
            record.result = result.clone();
            record.repeat = None;
        })
    }

    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        self.request(key, Request::ReleaseHeld, |_| {})
    }
}
