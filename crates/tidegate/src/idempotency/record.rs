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
    /// Nobody knows whether the effect took place; an operator decides.
    Held,
    /// An operator let it run again.
    Released,
}

/// A claim about to be made.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The effect.
    pub key: EffectKey,
    /// Token of the owner, unique to this run.
    pub owner: String,
    /// When the owner is certainly gone.
    pub lease_until: Timestamp,
    /// Hash of the payload's business fields.
    pub payload_hash: PayloadHash,
    /// A claim whose lease is over may be taken over.
    pub take_over: bool,
}

/// What became of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The effect is this run's.
    Yes,
    /// The effect is this run's, because an operator released it. (Only the first answer tells: one that is lost is followed by [`Claimed::Yes`].)
    AfterRelease,
    /// It is not; this is what is there.
    No(Stored),
}

/// A record that is in the way of a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its state.
    pub status: Status,
    /// Its owner.
    pub owner: String,
    /// End of the owner's lease.
    pub lease_until: Timestamp,
    /// Hash of the payload's business fields.
    pub payload_hash: PayloadHash,
    /// Whether the record has the event that runs the effect again. [`IdempotencyStore::look`] may
    /// return false in any case.
    pub repeat: bool,
    /// Result of a completed effect, as JSON.
    pub result: Kept<String>,
    /// Until when a completed record counts.
    pub expires_at: Option<Timestamp>,
}

/// What is kept of a completed effect's result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept<R> {
    /// The result.
    Result(R),
    /// It was larger than [`Effects::RESULT_LIMIT`](super::Effects::RESULT_LIMIT); the effect took place all the same.
    TooLarge {
        /// Its size in bytes of JSON.
        bytes: usize,
    },
    /// There is none: an operator said that the effect took place, or it could not be encoded.
    Unknown,
}

/// An effect that waits for an operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HeldEffect {
    /// Key of the effect.
    pub key: String,
    /// `held`; `in_progress` when the lease is over and no later delivery has noticed yet; `released` when it was let run again and has not.
    pub status: Status,
    /// End of the last owner's lease.
    pub lease_until: Timestamp,
    /// Why it is held.
    pub reason: Option<String>,
    /// The invocation that runs the effect again. `None` if the owner is gone and the delivery was
    /// never acknowledged: the next delivery, or its dead letter, runs the effect.
    pub repeat: Option<Repeat>,
}

/// A page of the effects that wait for an operator.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HeldPage {
    /// The effects, in no order.
    pub effects: Vec<HeldEffect>,
    /// Records that cannot be read. Each may be an effect that waits.
    pub unreadable: Vec<UnreadableRecord>,
    /// How many records, of any status, were read for this page.
    pub records: usize,
    /// Where the next page begins. `None`: this is the last page.
    pub next: Option<String>,
}

/// A record that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct UnreadableRecord {
    /// Its key.
    pub key: String,
    /// Why it cannot be read.
    pub reason: String,
}

impl UnreadableRecord {
    /// A record of this key, and why it cannot be read.
    pub fn new(key: impl Into<String>, reason: impl Into<String>) -> Self {
        UnreadableRecord { key: key.into(), reason: reason.into() }
    }
}

/// Where idempotency records are kept. Each method is one request of the [state machine](super::protocol), decided and carried out in one step.
///
/// One's own write found there is success: its answer was lost, not its effect.
pub trait IdempotencyStore: Send + Sync {
    /// Makes a claim: succeeds if there is no record, or a released one, or a completed one past its expiry, or, with
    /// [`Claim::take_over`], one in progress past its lease. One's own claim found there is success.
    ///
    /// # Errors
    /// A failure of the store.
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>>;

    /// Reads the record of an effect, consistently and without a change. Returns `None` if there is
    /// no record. A run that waits for a twin calls this repeatedly.
    ///
    /// # Errors
    /// A failure of the store.
    fn look<'a>(&'a self, key: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>>;

    /// Completes a claim and keeps the result until `expires_at`. It need not be in progress any more: the owner knows best, as long as its token is
    /// there. False: the claim is not this owner's any more.
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

    /// Gives a claim back: the effect did not take place. False: there is a record that is not this owner's claim.
    ///
    /// # Errors
    /// A failure of the store.
    fn release<'a>(&'a self, key: &'a EffectKey, owner: &'a str) -> BoxFuture<'a, Result<bool, Failure>>;

    /// Moves the end of a claim's lease, to a later time only. False: the claim is not this owner's any more.
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
    /// The same write keeps `repeat`. An effect that is held or released without an event gets this
    /// one, and is held. Returns false if the claim no longer belongs to this owner.
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
    /// The same write keeps `repeat`. An effect that is held without an event gets this one.
    /// Returns false if the lease was extended, or the claim no longer belongs to that owner.
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

    /// A page of the effects that wait for an operator, from the first one or from
    /// [`HeldPage::next`]. All pages together read every record.
    ///
    /// # Errors
    /// A failure of the store. A record that cannot be read is not a failure: the page names it.
    fn held<'a>(&'a self, from: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>>;

    /// The effect of this key, if it waits for an operator.
    ///
    /// # Errors
    /// A failure of the store; `corrupt_record` (permanent) if the record cannot be read.
    fn waiting<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>>;

    /// Completes a held effect, because `operator` (a token of the request) says that it took place. False: no effect of this key waits for an operator.
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

    /// Lets a held effect run again; the next claim succeeds. Doing so twice is doing so once. False: no effect of this key waits for an operator.
    ///
    /// # Errors
    /// A failure of the store.
    fn release_held<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<bool, Failure>>;
}
