//! One run of an effect: the real [`Effects::run`] over a store that asks the model.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::{SignedDuration, Timestamp};
use tidegate::batch::BatchContext;
use tidegate::failure::{Class, Failure};
use tidegate::idempotency::{
    AfterCrash, Claim, Claimed, EffectError, EffectKey, EffectRun, Effects, HeldEffect, IdempotencyStore,
    Kept, Ran, Status, Stored,
};
use tokio::time::Instant;

use crate::program::{Automaton, Script, run};

/// One of the contents that come under the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Payload {
    X,
    Y,
}

/// What starts a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Delivery {
    pub(super) payload: Payload,
    /// It was taken by the transport before the time for which records are kept.
    pub(super) old: bool,
}

/// What a run asks of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Claim {
        take_over: bool,
    },
    Complete,
    Release,
    Extend,
    Hold,
    /// Hold the record that was in the way.
    HoldOrphan,
    /// The effect itself.
    Execute,
}

/// What the world answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Claimed,
    ClaimedAfterRelease,
    InTheWay(There),
    Succeeded(bool),
    TookPlace,
    DidNotTakePlace,
    /// No answer came; whether the request took effect is not known.
    Nothing,
}

/// A record that is in the way of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct There {
    pub(super) status: Order,
    /// It is the run's own.
    pub(super) own: bool,
    pub(super) lease_over: bool,
    pub(super) hash: PayloadHash,
}

/// Whose payload a hash is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum PayloadHash {
    /// The run's own.
    Same,
    /// That of a delivery with another payload.
    Other,
    /// None was stored.
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
            Order::InProgress => Status::InProgress,
            Order::Completed => Status::Completed,
            Order::Held => Status::Held,
            Order::Released => Status::Released,
        }
    }
}

impl From<Status> for Order {
    fn from(status: Status) -> Self {
        match status {
            Status::InProgress => Order::InProgress,
            Status::Completed => Order::Completed,
            Status::Held => Order::Held,
            Status::Released => Order::Released,
        }
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum End {
    Applied,
    Duplicate,
    Held,
    /// The delivery is to come again.
    Redelivered,
    /// The delivery is dead-lettered.
    DeadLettered,
}

/// [`Effects::run`] by policy, for deliveries in time and for old ones.
pub(super) struct Runs {
    in_time: Automaton<Ask, Answer, End>,
    old: Automaton<Ask, Answer, End>,
}

impl Runs {
    pub(super) fn new(after_crash: AfterCrash, faults: u8) -> Self {
        let of = |old| {
            Automaton::of(
                |answers| run(answers, async |script| run_effect(after_crash, old, script).await),
                possible,
                faults,
            )
        };
        Runs { in_time: of(false), old: of(true) }
    }

    pub(super) fn of(&self, delivery: Delivery) -> &Automaton<Ask, Answer, End> {
        if delivery.old { &self.old } else { &self.in_time }
    }
}

/// The answers to a request, and those that are faults.
fn possible(ask: Ask) -> (Vec<Answer>, Vec<Answer>) {
    match ask {
        Ask::Execute => (vec![Answer::TookPlace], vec![Answer::DidNotTakePlace, Answer::Nothing]),
        Ask::Claim { .. } => {
            let mut answers = vec![Answer::Claimed, Answer::ClaimedAfterRelease];
            for hash in [PayloadHash::Same, PayloadHash::Other, PayloadHash::Missing] {
                for own in [false, true] {
                    for (status, lease_over) in [
                        (Order::InProgress, false),
                        (Order::InProgress, true),
                        (Order::Completed, true),
                        (Order::Held, true),
                        (Order::Released, true),
                    ] {
                        answers.push(Answer::InTheWay(There { status, own, lease_over, hash }));
                    }
                }
            }
            (answers, vec![Answer::Nothing])
        }
        Ask::Complete | Ask::Release | Ask::Extend | Ask::Hold | Ask::HoldOrphan => {
            (vec![Answer::Succeeded(true), Answer::Succeeded(false)], vec![Answer::Nothing])
        }
    }
}

async fn run_effect(after_crash: AfterCrash, old: bool, script: Arc<Script<Ask, Answer>>) -> End {
    let store = Arc::new(AskingStore { script: script.clone(), own: Mutex::default() });
    let effects = Effects::new(store, "model", Duration::from_secs(30 * 24 * 3600));
    let run = EffectRun {
        key: EffectKey::new("model", "effect", "1").unwrap(),
        after_crash,
        repeat: None,
        arrived_at: old.then_some(Timestamp::UNIX_EPOCH),
        heartbeat: None,
    };
    let mut context = BatchContext::new(Duration::ZERO);
    // Long enough to look at a twin twice.
    context.deadline = Instant::now() + Duration::from_millis(30);
    context.lease_until = in_an_hour();
    let effect = async {
        match script.ask(Ask::Execute).await {
            Answer::TookPlace => Ok(()),
            Answer::DidNotTakePlace => Err(EffectError::NotDone(Failure::transient("refused", "try later"))),
            _ => Err(EffectError::Unknown(Failure::transient("timeout", "no answer"))),
        }
    };
    match effects.run::<(), _>(&run, &"fields", &context, effect).await {
        Ok(Ran::Applied(())) => End::Applied,
        Ok(Ran::Duplicate(_)) => End::Duplicate,
        Ok(Ran::Held) => End::Held,
        Err(failure) if failure.class() == Class::Permanent => End::DeadLettered,
        Err(_) => End::Redelivered,
    }
}

fn in_an_hour() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(1)
}

/// Token of everybody else. The model knows who that is.
const ANOTHER: &str = "another";

/// A store that asks the model.
struct AskingStore {
    script: Arc<Script<Ask, Answer>>,
    own: Mutex<String>,
}

impl AskingStore {
    fn is_own(&self, owner: &str) -> bool {
        *self.own.lock().unwrap() == owner
    }

    async fn claimed(&self, claim: &Claim) -> Result<Claimed, Failure> {
        self.own.lock().unwrap().clone_from(&claim.owner);
        match self.script.ask(Ask::Claim { take_over: claim.take_over }).await {
            Answer::Claimed => Ok(Claimed::Yes),
            Answer::ClaimedAfterRelease => Ok(Claimed::AfterRelease),
            Answer::InTheWay(there) => Ok(Claimed::No(Stored {
                status: there.status.into(),
                owner: if there.own { claim.owner.clone() } else { ANOTHER.to_owned() },
                lease_until: if there.lease_over {
                    Timestamp::now() - SignedDuration::from_hours(1)
                } else {
                    in_an_hour()
                },
                payload_hash: match there.hash {
                    PayloadHash::Same => claim.payload_hash.clone(),
                    PayloadHash::Other => "other".to_owned(),
                    PayloadHash::Missing => String::new(),
                },
                result: Kept::Result("null".to_owned()),
                expires_at: None,
            })),
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

    fn release<'a>(&'a self, _: &'a EffectKey, owner: &'a str) -> BoxFuture<'a, Result<bool, Failure>> {
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

    fn hold<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        assert!(self.is_own(owner));
        self.succeeded(Ask::Hold).boxed()
    }

    fn hold_orphan<'a>(
        &'a self,
        _: &'a EffectKey,
        owner: &'a str,
        _: &'a str,
    ) -> BoxFuture<'a, Result<bool, Failure>> {
        let ask = if self.is_own(owner) { Ask::Hold } else { Ask::HoldOrphan };
        self.succeeded(ask).boxed()
    }

    fn held(&self) -> BoxFuture<'_, Result<Vec<HeldEffect>, Failure>> {
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
