//! Idempotency records, and the port of the store that keeps them.

use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EffectKey;
use super::payload_hash::PayloadHash;
use super::repeat::Repeat;
use crate::failure::Failure;

/// State of an idempotency record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Claimed by an owner until the lease ends.
    InProgress,
    /// The effect took place.
    Completed,
    /// It is unknown whether the effect took place; an operator decides.
    Held,
    /// An operator allowed another run.
    Released,
}

/// A claim that a run wants to make.
#[derive(Clone, Debug)]
pub struct Claim {
    /// Key of the effect.
    pub key: EffectKey,
    /// Token of the owner, unique to this run.
    pub owner: String,
    /// Time at which the owner is certainly gone.
    pub lease_until: Timestamp,
    /// Hash of the payload's business fields.
    pub payload_hash: PayloadHash,
    /// Whether the run may take over a claim whose lease is over.
    pub take_over: bool,
}

/// Result of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The run owns the effect.
    Yes,
    /// The run owns the effect, because an operator released it.
    ///
    /// Only the first answer reports this. If that answer is lost, the next one is
    /// [`Claimed::Yes`].
    AfterRelease,
    /// The run does not own the effect, because this record exists.
    No(Stored),
}

/// A record that prevents a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Status of the record.
    pub status: Status,
    /// Token of its owner.
    pub owner: String,
    /// End of the owner's lease.
    pub lease_until: Timestamp,
    /// Hash of the payload's business fields.
    pub payload_hash: PayloadHash,
    /// Whether the record has the event that runs the effect again. [`IdempotencyStore::look`] may
    /// always return false.
    pub repeat: bool,
    /// Result of a completed effect, as JSON.
    pub result: Kept<String>,
    /// Time until which a completed record counts.
    pub expires_at: Option<Timestamp>,
}

/// The stored part of a completed effect's result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept<R> {
    /// Result.
    Result(R),
    /// The result was larger than [`Effects::RESULT_LIMIT`](super::Effects::RESULT_LIMIT). The
    /// effect did take place.
    TooLarge {
        /// Size of the result in bytes of JSON.
        bytes: usize,
    },
    /// No result is stored: an operator completed the effect, or the result could not be encoded.
    Unknown,
}

/// An effect that waits for an operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeldEffect {
    /// Key of the effect.
    pub key: String,
    /// Status of the record.
    ///
    /// `held`; `in_progress` if the lease is over and no later delivery has held the effect yet;
    /// `released` if an operator released the effect and it has not run since.
    pub status: Status,
    /// End of the last owner's lease.
    pub lease_until: Timestamp,
    /// Why the effect is held.
    pub reason: Option<String>,
    /// Invocation that runs the effect again. `None` if the owner is gone and the delivery was
    /// never acknowledged: the next delivery, or its dead letter, runs the effect.
    pub repeat: Option<Repeat>,
}

/// A page of the effects that wait for an operator.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HeldPage {
    /// Effects, in no order.
    pub effects: Vec<HeldEffect>,
    /// Records that cannot be read. Each may be an effect that waits.
    pub unreadable: Vec<UnreadableRecord>,
    /// Number of records, of any status, that were read for this page.
    pub records: usize,
    /// Start of the next page. `None`: this is the last page.
    pub next: Option<String>,
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// Key of the record.
    pub key: String,
    /// Why the record cannot be read.
    pub reason: String,
}

impl UnreadableRecord {
    /// Creates the entry of an unreadable record with this key and reason.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { key: key.into(), reason: reason.into() }
    }
}

/// Stores idempotency records.
///
/// Each method is one request of the [state machine](super::protocol), decided and carried out in
/// one step. If a method finds its own earlier write, it succeeds: only the answer to that write
/// was lost.
pub trait IdempotencyStore: Send + Sync {
    /// Makes a claim.
    ///
    /// Succeeds if there is no record, or if the record is released, is completed and past its
    /// expiry, or, with [`Claim::take_over`], is in progress past its lease. Also succeeds if the
    /// record is this claim.
    ///
    /// # Errors
    /// A failure of the store.
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>>;

    /// Reads the record of an effect, consistently and without a change.
    ///
    /// Returns `None` if there is no record.
    ///
    /// A run that waits for a twin calls this repeatedly.
    ///
    /// # Errors
    /// A failure of the store.
    fn look<'a>(&'a self, key: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>>;

    /// Completes a claim and keeps the result until `expires_at`.
    ///
    /// The claim need not be in progress any more: as long as the record has the owner's token, the
    /// owner knows best. Returns false if the claim no longer belongs to this owner.
    ///
    /// # Errors
    /// A failure of the store.
    fn complete<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Removes a claim whose effect did not take place.
    ///
    /// Returns false if there is a record that is not this owner's claim.
    ///
    /// # Errors
    /// A failure of the store.
    fn release<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Moves the end of a claim's lease to a later time.
    ///
    /// Returns false if the claim no longer belongs to this owner.
    ///
    /// # Errors
    /// A failure of the store.
    fn extend<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        lease_until: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Holds the claim of this owner for an operator, at the owner's request.
    ///
    /// The same write keeps `repeat`. A held or released effect without an event receives this
    /// event, and is held. Returns false if the claim no longer belongs to this owner.
    ///
    /// # Errors
    /// A failure of the store.
    fn hold<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Holds the claim of another owner, whose lease is over, for an operator.
    ///
    /// The same write keeps `repeat`. A held effect without an event receives this event. Returns
    /// false if the lease was extended, or the claim no longer belongs to that owner.
    ///
    /// # Errors
    /// A failure of the store.
    fn hold_orphan<'a>(
        &'a self,
        key: &'a EffectKey,
        owner: &'a str,
        reason: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Returns a page of the effects that wait for an operator, starting at the first one or at
    /// [`HeldPage::next`].
    ///
    /// All pages together read every record.
    ///
    /// # Errors
    /// A failure of the store. A record that cannot be read is not a failure: the page names it.
    fn held<'a>(&'a self, from: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>>;

    /// Returns the effect of this key, if it waits for an operator.
    ///
    /// # Errors
    /// A failure of the store; `corrupt_record` (permanent) if the record cannot be read.
    fn waiting<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>>;

    /// Completes a held effect that took place according to an operator.
    ///
    /// `operator` is a token of the operator's request. Returns false if no effect of this key
    /// waits for an operator.
    ///
    /// # Errors
    /// A failure of the store.
    fn complete_held<'a>(
        &'a self,
        key: &'a str,
        operator: &'a str,
        result: &'a Kept<String>,
        expires_at: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Allows a held effect to run again: the next claim succeeds.
    ///
    /// Repeating the request has no further effect. Returns false if no effect of this key waits
    /// for an operator.
    ///
    /// # Errors
    /// A failure of the store.
    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>>;
}
