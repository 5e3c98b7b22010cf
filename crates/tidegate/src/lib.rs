//! Runs event-driven functions on AWS Lambda so that every event takes effect exactly once, in
//! order.
//!
//! AWS delivers at least once: a record may arrive twice, late, or in a batch that Lambda retries.
//! A function built with this crate decides what *one* record leads to. The toolkit does the rest:
//!
//! - [`function`] starts the function: logs, settings, AWS clients and the Lambda runtime.
//! - [`source`] splits the event of an invocation into deliveries, so a bad record fails alone.
//! - [`batch`] runs the deliveries in lanes by ordering key, isolates errors and panics, and builds
//!   the partial batch response.
//! - [`failure`] sorts failures into classes; the class decides what follows. [`dead_letter`] keeps
//!   records that can never be applied.
//! - [`envelope`] and [`message`] define the JSON object on every transport and its typed,
//!   versioned content.
//! - [`store`] holds events: one conditional write locks, deduplicates and changes.
//! - [`projection`] keeps read models that count every event once.
//! - [`query`] reads read models: rows, pages, counters, and what a version led to.
//! - [`generation`] says which generation of a read model is read, and [`rebuild`] builds another.
//! - [`idempotency`] runs effects outside DynamoDB once.
//! - [`breaker`] spares a provider that is down, and the messages that need it.
//! - `publish` (feature `publish`) publishes what the event store holds.
//! - `process` (feature `process`) coordinates: process managers with deadlines and compensation.
//! - `timeline` (feature `timeline`) shows what became of a message across streams, and where it
//!   waits.
//! - `request` (feature `http`) answers HTTP requests, with idempotency keys and problem documents.
//! - [`validation`] checks records by the rules of their types (derived with the feature `garde`).
//! - `parameters` (feature `parameters`) reads parameters and secrets, with a cache.
//! - `metrics` (feature `custom-metrics`) writes custom metrics with dimensions.
//! - `query::PageTokens` (feature `page-tokens`) seals where a page ended into a token.
//! - `trace` (feature `otel`) exports OpenTelemetry spans.
//! - `test` (feature `test-kit`) has doubles of every port, faults, and builders of events for
//!   tests.
//!
//! A complete first function:
//!
//! ```no_run
//! use tidegate::{batch::Handled, each, function::Function, source::Source};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::process::ExitCode {
//!     let readings = each!(16, async |(sensor, celsius): &(String, f64), _| {
//!         tracing::info!(sensor, celsius); // from `["cellar", 14.5]`
//!         Ok(Handled::Applied) // anything that is not a reading becomes a dead letter
//!     });
//!     Function::start().await.run(Source::Kinesis, |_aws| Some(readings)).await
//! }
//! ```
//!
//! `examples/` has functions for Kinesis, SQS, DynamoDB Streams and EventBridge. The pages in
//! `docs/concepts` of the repository describe the guarantees, costs and limits of each part.
//!
//! # Types of other crates in this API
//!
//! A new major version of one of these crates requires a new major version of this crate:
//!
//! - `serde` and `serde_json`: raw JSON
//! - `serde_dynamo`: items of tables
//! - `jiff`: points in time
//! - `tokio`: the [`Instant`](tokio::time::Instant) of a deadline
//! - `futures`: the futures of ports
//! - `tracing`: spans
//! - `lambda_runtime` and `tower-service`: the service of a [`batch::Runner`]
//! - the AWS SDK: its configuration, its errors, the clients of DynamoDB, SQS and S3
//! - `http`, with the feature `http`: methods and statuses
//! - `schemars`, with the feature `schema`
//!
//! Structs that the toolkit creates and enums that may grow are `#[non_exhaustive]`.
//! `public-api.txt` lists every public item.

#![warn(missing_debug_implementations)]

pub mod aws;
pub mod batch;
pub mod breaker;
pub mod config;
pub mod dead_letter;
pub mod envelope;
#[cfg(feature = "schema")]
mod envelope_schema;
pub mod failure;
pub mod function;
pub mod generation;
pub mod idempotency;
pub mod ids;
pub mod log;
pub mod message;
#[cfg(feature = "custom-metrics")]
pub mod metrics;
#[cfg(feature = "parameters")]
pub mod parameters;
#[cfg(feature = "process")]
pub mod process;
pub mod projection;
#[cfg(feature = "publish")]
pub mod publish;
pub mod query;
pub mod rebuild;
mod refusal;
#[cfg(feature = "http")]
pub mod request;
pub mod source;
mod statement;
pub mod store;
#[cfg(any(test, feature = "test-kit"))]
pub mod test;
#[cfg(test)]
mod tests;
mod time_left;
#[cfg(feature = "timeline")]
pub mod timeline;
#[cfg(feature = "otel")]
pub mod trace;
pub mod validation;

// Derived messages refer to the crate by name, and so do test suites that also run against a real
// backend, as the crate's users do.
#[cfg(any(test, feature = "process"))]
extern crate self as tidegate;

/// The crate whose record types the feature `aws-lambda-events` decodes deliveries into.
#[cfg(feature = "aws-lambda-events")]
#[doc(no_inline)]
pub use aws_lambda_events;
#[doc(hidden)]
pub use serde_json;

/// Compiles and runs the code in the documentation pages with the tests, so the pages stay correct.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../README.md")]
    mod readme {}
    #[cfg(feature = "full")]
    #[doc = include_str!("../../../docs/concepts/handlers.md")]
    mod handlers {}
    #[cfg(feature = "timeline")]
    #[doc = include_str!("../../../docs/concepts/timelines.md")]
    mod timelines {}
    #[doc = include_str!("../../../docs/concepts/delivery.md")]
    mod delivery {}
    #[doc = include_str!("../../../docs/concepts/failures.md")]
    mod failures {}
    #[doc = include_str!("../../../docs/concepts/effects.md")]
    mod effects {}
    #[doc = include_str!("../../../docs/concepts/circuit-breaker.md")]
    mod circuit_breaker {}
    #[doc = include_str!("../../../docs/concepts/event-store.md")]
    mod event_store {}
    #[doc = include_str!("../../../docs/concepts/commits-with-rows.md")]
    mod commits_with_rows {}
    #[doc = include_str!("../../../docs/concepts/projections.md")]
    mod projections {}
    #[cfg(feature = "process")]
    #[doc = include_str!("../../../docs/concepts/processes.md")]
    mod processes {}
    #[doc = include_str!("../../../docs/concepts/queries.md")]
    mod queries {}
    #[doc = include_str!("../../../docs/concepts/rebuilds.md")]
    mod rebuilds {}
    #[doc = include_str!("../../../docs/concepts/replay.md")]
    mod replay {}
    #[cfg(feature = "full")]
    #[doc = include_str!("../../../docs/concepts/publishing.md")]
    mod publishing {}
    #[cfg(feature = "full")]
    #[doc = include_str!("../../../docs/concepts/observability.md")]
    mod observability {}
    #[cfg(feature = "http")]
    #[doc = include_str!("../../../docs/concepts/requests.md")]
    mod requests {}
}
