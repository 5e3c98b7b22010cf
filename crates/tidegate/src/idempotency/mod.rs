//! Runs effects outside DynamoDB, such as an e-mail or a payment, once.
//!
//! Before the effect a run *claims* the effect's key with an owner token and a lease that ends with
//! the invocation. Afterwards the run *completes* the claim with the result, or *releases* it if
//! the effect did not take place. Each step is conditional on the owner token, so a run that
//! outlived its lease cannot change the claim of its successor.
//!
//! ```text
//!   (none) ──claim──▶ in_progress ──complete──▶ completed ──expiry──▶ (none)
//!      ▲                │      │                    ▲
//!      └────release─────┘      │                    └──operator: it took place──┐
//!                              └─lease over, or outcome unknown─▶ held ─────────┤
//!                                    operator: run it again                     │
//!                 in_progress ◀──claim── released ◀─────────────────────────────┘
//! ```
//!
//! [`protocol`] lists every state and transition, with the requester and the condition of each.
//!
//! # Guarantee and cost
//!
//! An effect that completes is not run again while its record counts, whoever delivers it and
//! however often. If a run dies between effect and completion, it is unknown whether the effect
//! took place. [`AfterCrash`] then decides whether the effect runs again or is held for an operator
//! (`tidegate effects`).
//!
//! A first run costs two conditional writes. A duplicate costs one write that fails, or no request
//! if the process [remembers](Effects::remember) the effect.
//!
//! # In a request handler
//!
//! An effect does not need a batch: the context of an invocation provides the deadline and the end
//! of the lease.
//!
//! ```
//! use std::time::Duration;
//! use serde::Deserialize;
//! use tidegate::failure::Failure;
//! use tidegate::idempotency::{AfterCrash, Effect, EffectError, EffectKey, Effects, Kept, Ran};
//!
//! #[derive(Deserialize)]
//! struct Payment { order: String, pence: u64 }
//!
//! # async fn charge(_: &Payment, _idempotency_key: &str) -> Result<String, EffectError> {
//! #     Ok("receipt 1".to_owned())
//! # }
//! async fn pay(
//!     payment: Payment,
//!     effect: &Effect,
//!     context: &lambda_runtime::Context,
//! ) -> Result<String, Failure> {
//!     let fields = (&payment.order, payment.pence);
//!     let charge = async |key: &EffectKey| charge(&payment, key.as_str()).await;
//!     match effect.run(&payment.order, &fields, context, charge).await? {
//!         Ran::Applied(receipt) | Ran::Duplicate(Kept::Result(receipt)) => Ok(receipt),
//!         Ran::Duplicate(_) => Ok("paid before".to_owned()),
//!         _ => Ok("an operator looks into it".to_owned()),
//!     }
//! }
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # let store = std::sync::Arc::new(tidegate::test::MemoryIdempotency::default());
//! // The provider deduplicates by our key.
//! # let month = Duration::from_secs(30 * 24 * 3600);
//! let effect = Effect::new(Effects::new(store, "shop", month), "payment", AfterCrash::RunAgain);
//! # let mut context = lambda_runtime::Context::default();
//! # context.deadline = 60_000;
//! # for _ in 0..2 {
//! #     let payment = Payment { order: "7".to_owned(), pence: 100 };
//! #     assert_eq!(pay(payment, &effect, &context).await, Ok("receipt 1".to_owned()));
//! # }
//! # }
//! ```
//!
//! Tests of the surrounding code can switch effects off: [`Effects::disabled`].

mod attempt;
mod claiming;
mod completion;
mod dynamodb;
mod effect;
mod effects;
mod execution;
mod hold;
mod item;
mod key;
mod lease;
mod local;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod ownership;
mod pauses;
mod payload_hash;
pub mod protocol;
mod record;
mod repeat;
mod run;
mod sdk;
mod update;

pub use attempt::Attempt;
pub use dynamodb::DynamoDbIdempotency;
pub use effect::Effect;
pub use effects::Effects;
pub use item::{PARTITION_KEY, TTL_ATTRIBUTE};
pub use key::EffectKey;
pub use lease::Lease;
#[cfg(test)]
pub(crate) use memory::MemoryIdempotency;
pub use payload_hash::PayloadHash;
pub use record::{
    Claim, Claimed, HeldEffect, HeldPage, IdempotencyStore, Kept, Status, Stored, UnreadableRecord,
};
pub use repeat::{EventBucket, LargeEvents, Repeat, RepeatEvent};
pub use run::{AfterCrash, EffectError, EffectRun, Ran};

#[cfg(test)]
mod tests;
