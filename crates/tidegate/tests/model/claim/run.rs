//! One run of an effect: the real [`Effects::run`] over a store that asks the model.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::{SignedDuration, Timestamp};
use tidegate::batch::BatchContext;
use tidegate::failure::{Class, Failure};
use tidegate::idempotency::{
    AfterCrash, Claim, Claimed, EffectError, EffectKey, EffectRun, Effects, HeldEffect, HeldPage,
    IdempotencyStore, Kept, LargeEvents, PayloadHash, Ran, Repeat, RepeatEvent, Status, Stored,
};
use tidegate::serde_json::value::RawValue;
use tokio::time::Instant;

use crate::program::{Automaton, Script, run};

/// A payload that comes with the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Payload {
    X,
    Y,
}

/// The delivery that starts a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Delivery {
    pub(super) payload: Payload,
    /// The transport accepted the delivery before the time for which records are kept.
    pub(super) old: bool,
}

/// A request of a run to the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Claim {
        take_over: bool,
    },
    Look,
    Complete,
    Release,
    Extend,
    Hold {
        event: bool,
    },
    /// Holds the record that was in the way.
    HoldOrphan {
        event: bool,
    },
    /// Stores the event in the bucket.
    PutEvent,
    /// Runs the effect itself.
    Execute,
}

/// An answer of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Claimed,
    ClaimedAfterRelease,
    InTheWay(There),
    /// There is no record.
    Gone,
    Succeeded(bool),
    TookPlace,
    DidNotTakePlace,
    /// No answer came. It is not known whether the request took effect.
    Nothing,
}

/// A record that is in the way of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct There {
    pub(super) status: Order,
    /// The record is the run's own.
    pub(super) own: bool,
    pub(super) lease_over: bool,
    /// The record is seen to have the event that repeats the effect.
    pub(super) event: bool,
    pub(super) hash: Hash,
}

/// The payload to which a hash belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Hash {
    /// The run's own payload.
    Same,
    /// The payload of a delivery with another payload.
    Other,
    /// No hash was stored.
    Missing,
}

/// A [`Status`] that can be sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Order {
    InProgress,
    Completed,
    Held,
    Released,
}

impl From<Order> for Status {
    fn from(status: Order) -> Self {
        match status {
            Order::InProgress => Self::InProgress,
            Order::Completed => Self::Completed,
            Order::Held => Self::Held,
            Order::Released => Self::Released,
        }
    }
}

impl From<Status> for Order {
    fn from(status: Status) -> Self {
        match status {
            Status::InProgress => Self::InProgress,
            Status::Completed => Self::Completed,
            Status::Held => Self::Held,
            Status::Released => Self::Released,
        }
    }
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Applied,
    Duplicate,
    Held,
    /// The delivery must come again.
    Redelivered,
    /// The delivery is dead-lettered.
    DeadLettered,
}

/// The event that repeats a run's effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// An event that fits into a record.
    Small,
    /// An event that is stored in the bucket.
    Large,
    /// No event, because the client asks again.
    Forgotten,
}

/// [`Effects::run`] with one policy, for deliveries in time and for old ones.
pub(super) struct Runs {
    in_time: Automaton<Ask, Answer, End>,
    old: Automaton<Ask, Answer, End>,
}

impl Runs {
    pub(super) fn new(after_crash: AfterCrash, event: Event, faults: u8) -> Self {
        let of = |old| {
            Automaton::new(
                |answers| {
                    run(answers, async |script| run_effect(after_crash, event, old, script).await)
                },
                possible,
                faults,
            )
        };
        Self { in_time: of(false), old: of(true) }
    }

    pub(super) fn of(&self, delivery: Delivery) -> &Automaton<Ask, Answer, End> {
        if delivery.old { &self.old } else { &self.in_time }
    }
}

/// Returns the answers to a request, and those that are faults.
fn possible(ask: Ask) -> (Vec<Answer>, Vec<Answer>) {
    match ask {
        Ask::Execute => (vec![Answer::TookPlace], vec![Answer::DidNotTakePlace, Answer::Nothing]),
        Ask::Claim { .. } | Ask::Look => {
            let mut answers = match ask {
                Ask::Look => vec![Answer::Gone],
                _ => vec![Answer::Claimed, Answer::ClaimedAfterRelease],
            };
            for hash in [Hash::Same, Hash::Other, Hash::Missing] {
                for own in [false, true] {
                    for (status, lease_over, event) in [
                        (Order::InProgress, false, false),
                        (Order::InProgress, true, false),
                        (Order::Completed, true, false),
                        (Order::Held, true, false),
                        (Order::Held, true, true),
                        (Order::Released, true, false),
                    ] {
                        answers.push(Answer::InTheWay(There {
                            status,
                            own,
                            lease_over,
                            event,
                            hash,
                        }));
                    }
                }
            }
            (answers, vec![Answer::Nothing])
        }
        Ask::PutEvent => (vec![Answer::Succeeded(true)], vec![Answer::Nothing]),
        Ask::Complete | Ask::Release | Ask::Extend | Ask::Hold { .. } | Ask::HoldOrphan { .. } => {
            (vec![Answer::Succeeded(true), Answer::Succeeded(false)], vec![Answer::Nothing])
        }
    }
}

async fn run_effect(
    after_crash: AfterCrash,
    event: Event,
    old: bool,
    script: Arc<Script<Ask, Answer>>,
) -> End {
    let store = Arc::new(AskingStore {
        script: Arc::clone(&script),
        own: Mutex::default(),
        hash: Mutex::default(),
    });
    let effects = Effects::new(store, "model", Duration::from_secs(30 * 24 * 3600)).large_events(
        Arc::new(AskingBucket { script: Arc::clone(&script), large: event == Event::Large }),
    );
    let mut run =
        EffectRun::for_request(EffectKey::new("model", "effect", "1").unwrap(), after_crash)
            .arrived_at(old.then_some(Timestamp::UNIX_EPOCH));
    if event != Event::Forgotten {
        run = run.repeated_by(Repeat::new("model", RawValue::from_string("1".to_owned()).unwrap()));
    }
    let mut context = BatchContext::new(Duration::ZERO);
    // Long enough to look at a twin twice.
    context.deadline = Instant::now() + Duration::from_millis(30);
    context.lease_until = in_an_hour();
    let effect = async {
        match script.ask(Ask::Execute).await {
            Answer::TookPlace => Ok(()),
            Answer::DidNotTakePlace => {
                Err(EffectError::NotDone(Failure::transient("refused", "try later")))
            }
            _ => Err(EffectError::Unknown(Failure::transient("timeout", "no answer"))),
        }
    };
    match effects.run::<(), _>(&run, &"fields", &context, effect).await {
        Ok(Ran::Applied(())) => End::Applied,
        Ok(Ran::Duplicate(_)) => End::Duplicate,
        Ok(Ran::Held) => End::Held,
        Err(failure) if failure.class() == Class::Permanent => End::DeadLettered,
        Err(_) | Ok(_) => End::Redelivered,
    }
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

/// Token of every other run. The model knows which run it is.
const ANOTHER: &str = "another";

/// A bucket that asks the model.
struct AskingBucket {
    script: Arc<Script<Ask, Answer>>,
    /// Every event is stored in the bucket.
    large: bool,
}

impl LargeEvents for AskingBucket {
    fn above(&self) -> usize {
        if self.large { 0 } else { Repeat::INLINE_LIMIT }
    }

    fn put<'a>(
        &'a self,
        name: &'a str,
        _: &'a RawValue,
    ) -> BoxFuture<'a, Result<RepeatEvent, Failure>> {
        let put = async move {
            match self.script.ask(Ask::PutEvent).await {
                Answer::Succeeded(_) => {
                    Ok(RepeatEvent::Object { bucket: "bucket".to_owned(), key: name.to_owned() })
                }
                _ => Err(Failure::transient("event_bucket", "no answer")),
            }
        };
        put.boxed()
    }
}

/// A store that asks the model.
struct AskingStore {
    script: Arc<Script<Ask, Answer>>,
    own: Mutex<String>,
    hash: Mutex<Option<PayloadHash>>,
}

impl AskingStore {
    fn is_own(&self, owner: &str) -> bool {
        *self.own.lock().unwrap() == owner
    }

    fn stored(there: There, own: &str, hash: PayloadHash) -> Stored {
        Stored {
            status: there.status.into(),
            owner: if there.own { own.to_owned() } else { ANOTHER.to_owned() },
            lease_until: if there.lease_over {
                Timestamp::now() - SignedDuration::from_hours(1)
            } else {
                in_an_hour()
            },
            payload_hash: match there.hash {
                Hash::Same => hash,
                Hash::Other => "other".into(),
                Hash::Missing => "".into(),
            },
            repeat: there.event,
            result: Kept::Result("null".to_owned()),
            expires_at: None,
        }
    }

    async fn claimed(&self, claim: &Claim) -> Result<Claimed, Failure> {
        self.own.lock().unwrap().clone_from(&claim.owner);
        *self.hash.lock().unwrap() = Some(claim.payload_hash.clone());
        match self.script.ask(Ask::Claim { take_over: claim.take_over }).await {
            Answer::Claimed => Ok(Claimed::Yes),
            Answer::ClaimedAfterRelease => Ok(Claimed::AfterRelease),
            Answer::InTheWay(there) => {
                Ok(Claimed::No(Self::stored(there, &claim.owner, claim.payload_hash.clone())))
            }
            _ => Err(no_answer()),
        }
    }

    async fn succeeded(&self, ask: Ask) -> Result<bool, Failure> {
        match self.script.ask(ask).await {
            Answer::Succeeded(succeeded) => Ok(succeeded),
            _ => Err(no_answer()),
        }
    }
}

fn no_answer() -> Failure {
    Failure::transient("idempotency_store", "no answer")
}

impl IdempotencyStore for AskingStore {
    fn claim<'a>(&'a self, claim: &'a Claim) -> BoxFuture<'a, Result<Claimed, Failure>> {
        self.claimed(claim).boxed()
    }

    fn complete<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
        _: &'a Kept<String>,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        assert!(self.is_own(owner));
        self.succeeded(Ask::Complete).boxed()
    }

    fn release<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        assert!(self.is_own(owner));
        self.succeeded(Ask::Release).boxed()
    }

    fn extend<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        assert!(self.is_own(owner));
        self.succeeded(Ask::Extend).boxed()
    }

    fn look<'a>(&'a self, _: &'a EffectKey) -> BoxFuture<'a, Result<Option<Stored>, Failure>> {
        let looked = async {
            match self.script.ask(Ask::Look).await {
                Answer::Gone => Ok(None),
                Answer::InTheWay(there) => {
                    let (own, hash) =
                        (self.own.lock().unwrap().clone(), self.hash.lock().unwrap().clone());
                    Ok(Some(Self::stored(there, &own, hash.unwrap())))
                }
                _ => Err(no_answer()),
            }
        };
        looked.boxed()
    }

    fn hold<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
        _: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        assert!(self.is_own(owner));
        self.succeeded(Ask::Hold { event: repeat.is_some() }).boxed()
    }

    fn hold_orphan<'a>(
        &'a self,
        _: &'a EffectKey,
        _: &'a str,
        _: &'a str,
        repeat: Option<&'a Repeat>,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        self.succeeded(Ask::HoldOrphan { event: repeat.is_some() }).boxed()
    }

    fn held<'a>(&'a self, _: Option<&'a str>) -> BoxFuture<'a, Result<HeldPage, Failure>> {
        unimplemented!("operators ask for it, runs do not")
    }

    fn waiting<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<Option<HeldEffect>, Failure>> {
        unimplemented!("operators ask for it, runs do not")
    }

    fn release_held<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
        unimplemented!("operators ask for it, runs do not")
    }

    fn complete_held<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: &'a Kept<String>,
        _: Timestamp,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        unimplemented!("operators ask for it, runs do not")
    }
}
