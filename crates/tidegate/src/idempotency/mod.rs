//! Effects outside DynamoDB (an e-mail, a payment) that take place once.
//!
//! Before the effect its key is *claimed* with an owner token and a lease that ends with the invocation. Afterwards the claim is *completed* with the
//! result, or *released* when the effect did not take place. Each step is conditional on the owner token, so that a run that outlived its lease changes
//! nothing of its successor's.
//!
//! ```text
//!   (none) ──claim──▶ in_progress ──complete──▶ completed ──expiry──▶ (none)
//!      ▲                │      │
//!      └────release─────┘      └─lease over, or outcome unknown─▶ held ──operator──▶ released ──claim──▶ in_progress
//! ```

mod dynamodb;
mod effects;
mod key;
mod memory;
mod record;

pub use dynamodb::{DynamoDbIdempotency, PARTITION_KEY, TTL_ATTRIBUTE};
pub use effects::{AfterCrash, EffectError, EffectRun, Effects, Ran};
pub use key::EffectKey;
pub use memory::MemoryIdempotency;
pub use record::{Claim, Claimed, HeldEffect, IdempotencyStore, Repeat, Status, Stored};

#[cfg(test)]
mod tests;
