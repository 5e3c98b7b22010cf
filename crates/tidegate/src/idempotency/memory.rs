//! Keeps idempotency records in memory, for tests.

use std::collections::BTreeMap;
use std::ops::Bound;

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;
use parking_lot::{Mutex, MutexGuard};

use super::EffectKey;
use super::payload_hash::PayloadHash;
use super::protocol::{Request, State, Transition, decide};
use super::record::{Claim, Claimed, HeldEffect, HeldPage, IdempotencyStore, Kept, Status, Stored};
use super::repeat::Repeat;
use crate::failure::Failure;

/// Number of records that are read for a page of held effects.
const PAGE: usize = 100;

/// Idempotency records in memory, for tests. Passes the same contract tests as the DynamoDB store.
#[derive(Debug, Default)]
pub struct MemoryIdempotency {
    records: Mutex<BTreeMap<String, Record>>,
}

/// A record: the state that decides, and the data of that state.
#[derive(Clone, Debug)]
struct Record {
    state: State,
    payload_hash: PayloadHash,
    result: Kept<String>,
    reason: Option<String>,
    repeat: Option<Repeat>,
}

impl Record {
    fn stored(&self) -> Stored {
        Stored {
            status: self.state.status,
            owner: self.state.owner.clone(),
            lease_until: self.state.lease_until,
            payload_hash: self.payload_hash.clone(),
            repeat: self.repeat.is_some(),
            result: self.result.clone(),
            expires_at: self.state.expires_at,
        }
    }

    fn held(&self, key: &str) -> HeldEffect {
        HeldEffect {
            key: key.to_owned(),
            status: self.state.status,
            lease_until: self.state.lease_until,
            reason: self.reason.clone(),
            repeat: self.repeat.clone(),
        }
    }

    fn hold(&mut self, reason: &str, repeat: Option<&Repeat>) {
        self.reason.get_or_insert_with(|| reason.to_owned());
        if let Some(repeat) = repeat {
            self.repeat = Some(repeat.clone());
        }
    }
}

impl MemoryIdempotency {
    /// Returns the end of a record's lease.
    pub fn lease_until(&self, key: &str) -> Option<Timestamp> {
        self.records().get(key).map(|record| record.state.lease_until)
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock()
    }

    /// Carries out a request that needs a record; `change` writes the data of the new state.
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
        let answer =
            match (decide(there.map(|there| &there.state), request, Timestamp::now()), there) {
                (Transition::To(state), there) => {
                    let released =
                        there.is_some_and(|there| there.state.status == Status::Released);
                    let record = Record {
                        state,
                        payload_hash: claim.payload_hash.clone(),
                        result: Kept::Unknown,
                        reason: None,
                        repeat: None,
                    };
                    records.insert(claim.key.to_string(), record);
                    if released { Claimed::AfterRelease } else { Claimed::Yes }
                }
                (Transition::Refused, Some(there)) => Claimed::No(there.stored()),
                (Transition::AlreadyDone | Transition::Removed | Transition::Refused, _) => {
                    Claimed::Yes
                }
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

    fn release<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
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

    fn look<'a>(&'a self, key: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>> {
        ready(Ok(self.records().get(key.as_str()).map(Record::stored))).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let request = Request::Hold { owner, repeat: repeat.is_some() };
        self.request(key.as_str(), request, |record| record.hold(reason, repeat))
    }

    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let request = Request::HoldOrphan { owner, repeat: repeat.is_some() };
        self.request(key.as_str(), request, |record| record.hold(reason, repeat))
    }

    fn held<'a>(&'a self, from: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>> {
        let (now, records) = (Timestamp::now(), self.records());
        let mut page = HeldPage::default();
        let after = from.map_or(Bound::Unbounded, Bound::Excluded);
        for (key, record) in records.range::<str, _>((after, Bound::Unbounded)) {
            if page.records == PAGE {
                break;
            }
            page.records += 1;
            if record.state.waits_for_operator(now) {
                page.effects.push(record.held(key));
            }
            page.next = Some(key.clone());
        }
        if page.records < PAGE {
            page.next = None;
        }
        ready(Ok(page)).boxed()
    }

    fn waiting<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>> {
        let (now, records) = (Timestamp::now(), self.records());
        let waiting = records.get(key).filter(|record| record.state.waits_for_operator(now));
        ready(Ok(waiting.map(|record| record.held(key)))).boxed()
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
