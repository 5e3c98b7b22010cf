//! A circuit breaker for calls to a provider, shared by all environments of a system.
//!
//! While a provider is down, each call to it takes time, money and a receive of its message. A
//! breaker refuses the calls instead, and lets one *probe* find out whether the provider is back.
//!
//! ```text
//!            a rule is met             the cool-down is over
//!   closed ───────────────▶ open ──────────────────────────▶ half-open
//!     ▲                      ▲                                │     │  ▲ lease over:
//!     │                      └───────── the probe failed ─────┘     └──┘ another probe
//!     └──────────────────────────────── the probe succeeded ───┘
//! ```
//!
//! The state is one row of a DynamoDB table. Every change of it is one conditional write, so only
//! one environment owns a probe. The lease of a probe ends with the invocation of its owner: a
//! probe whose environment died is followed by another one.
//!
//! # Guarantee and cost
//!
//! - **Never two probes**, if the clocks of the environments differ by [`MAX_CLOCK_SKEW`] at most.
//! - **No lost opening.** Failures are added in the row, and whoever sees that they meet a rule
//!   opens the breaker.
//! - An environment knows of an opening after [`Rules::freshness`] at the latest, or after its own
//!   next failure.
//! - A success costs no request while nothing fails. While calls fail, an environment reports its
//!   successes with its next read or failure. A failure costs one write, which failures at the same
//!   moment share.
//! - An environment reads the row at most once in [`Rules::freshness`], and only if it calls.
//!
//! A count may be added twice after a lost answer. The breaker then opens a little earlier.
//!
//! # Where it belongs
//!
//! Behind a queue. A refused call is a transient failure with a delay
//! ([`Failure::retry_after`](crate::failure::Failure::retry_after)), for which the queue hides the
//! message. Each return counts as a receive, so the queue's `maximum_receives` must outlast the
//! longest outage; `tidegate topology check` says which number is needed. A stream has no delays: a
//! refused record blocks its shard. An asynchronous invocation ends after two retries.
//!
//! With an [`Effect`](crate::idempotency::Effect), ask before the claim and say what came of the
//! call inside of it: [`Breaker::admit`].

mod admit;
#[allow(clippy::module_inception, reason = "a file is named after its noun")]
mod breaker;
mod call;
mod change;
mod clock;
mod dynamodb;
mod event;
mod item;
mod measure;
#[cfg(any(test, feature = "test-kit"))]
pub(crate) mod memory;
mod permit;
mod phase;
mod port;
mod report;
mod rules;
mod settings;
mod state;
mod tally;
mod update;

pub use breaker::Breaker;
pub use change::{Change, Count};
pub use dynamodb::DynamoDbBreakers;
pub use event::BreakerChanged;
pub use item::PARTITION_KEY;
pub use permit::Permit;
pub use phase::{Operator, Phase};
pub use port::{BreakerStore, Changed};
pub use rules::Rules;
pub use settings::BreakerSettings;
pub use state::{BreakerState, Counts, MAX_CLOCK_SKEW, Standing};

#[cfg(test)]
mod tests;
