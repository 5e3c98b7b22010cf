use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::future::{BoxFuture, FutureExt, ready};
use jiff::Timestamp;

use super::EffectKey;
use super::record::{Claim, Claimed, HeldEffect, IdempotencyStore, Repeat, Status, Stored};
use crate::failure::Failure;

/// Idempotency records in memory, for tests. It passes the same contract tests as the DynamoDB one.
#[derive(Debug, Default)]
pub struct MemoryIdempotency {
    records: Mutex<BTreeMap<String, Record>>,
}

#[derive(Clone, Debug)]
struct Record {
    stored: Stored,
    reason: Option<String>,
    repeat: Repeat,
    expires_at: Option<Timestamp>,
}

impl Record {
    fn may_be_claimed(&self, claim: &Claim, now: Timestamp) -> bool {
        match self.stored.status {
            Status::Released => true,
            Status::Held => false,
            Status::Completed => self.expires_at.is_some_and(|expires_at| expires_at < now),
            Status::InProgress => claim.take_over && self.stored.lease_until < now,
        }
    }

    fn waits_for_operator(&self, now: Timestamp) -> bool {
        match self.stored.status {
            Status::Held | Status::Released => true,
            Status::InProgress => self.stored.lease_until < now,
            Status::Completed => false,
        }
    }
}

impl MemoryIdempotency {
    /// End of the lease of a record.
    pub fn lease_until(&self, key: &str) -> Option<Timestamp> {
        self.records().get(key).map(|record| record.stored.lease_until)
    }

    fn records(&self) -> MutexGuard<'_, BTreeMap<String, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the record if it is in progress and this owner's.
    fn change(
        &self,
        key: &EffectKey,
        owner: &str,
        change: impl FnOnce(&mut Record),
    ) -> Result<bool, Failure> {
        match self.records().get_mut(key.as_str()) {
            Some(record) if record.stored.status == Status::InProgress && record.stored.owner == owner => {
                change(record);
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}

impl IdempotencyStore for MemoryIdempotency {
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>> {
        let mut records = self.records();
        let now = Timestamp::now();
        let answer = match records.get(claim.key.as_str()) {
            Some(there) if there.stored.owner == claim.owner => Claimed::Yes,
            Some(there) if !there.may_be_claimed(claim, now) => Claimed::No(there.stored.clone()),
            there => {
                let released = there.is_some_and(|there| there.stored.status == Status::Released);
                let stored = Stored {
                    status: Status::InProgress,
                    owner: claim.owner.clone(),
                    lease_until: claim.lease_until,
                    payload_hash: claim.payload_hash.clone(),
                    result: None,
                };
                let record = Record { stored, reason: None, repeat: claim.repeat.clone(), expires_at: None };
                records.insert(claim.key.to_string(), record);
                if released { Claimed::AfterRelease } else { Claimed::Yes }
            }
        };
        ready(Ok(answer)).boxed()
    }

    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: Option<&'a str>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let done = self.change(key, owner, |record| {
            record.stored.status = Status::Completed;
            record.stored.result = result.map(str::to_owned);
            record.expires_at = Some(expires_at);
        });
        ready(done).boxed()
    }

    fn release<'a>(&'a self, key: &'a EffectKey, owner: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let released = self.change(key, owner, |_| {});
        if matches!(released, Ok(true)) {
            self.records().remove(key.as_str());
        }
        ready(released).boxed()
    }

    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        ready(self.change(key, owner, |record| record.stored.lease_until = lease_until)).boxed()
    }

    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let held = self.change(key, owner, |record| {
            record.stored.status = Status::Held;
            record.reason = Some(reason.to_owned());
        });
        ready(held).boxed()
    }

    fn held(&self) -> BoxFuture<'_, Result<Vec<HeldEffect>, Failure>> {
        let now = Timestamp::now();
        let held = self
            .records()
            .iter()
            .filter(|(_, record)| record.waits_for_operator(now))
            .map(|(key, record)| HeldEffect {
                key: key.clone(),
                status: record.stored.status,
                lease_until: record.stored.lease_until,
                reason: record.reason.clone(),
                repeat: Some(record.repeat.clone()),
            })
            .collect();
        ready(Ok(held)).boxed()
    }

    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        let now = Timestamp::now();
        let released = match self.records().get_mut(key) {
            Some(record) if record.waits_for_operator(now) => {
                record.stored.status = Status::Released;
                true
            }
            _ => false,
        };
        ready(Ok(released)).boxed()
    }
}
