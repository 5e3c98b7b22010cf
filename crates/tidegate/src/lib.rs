//! Toolkit for event-driven functions on AWS Lambda in which every event takes effect exactly once, in order, and none is lost.
//!
//! AWS delivers at least once: a record may come twice, late, or in a batch that is tried again. A function built with this crate says what becomes of *one*
//! record; the rest is done around it:
//!
//! - [`function`] starts the function: logs, settings, AWS clients, the runtime's loop.
//! - [`source`] takes the event of an invocation apart, so that one bad record costs itself.
//! - [`batch`] runs the records in lanes by ordering key, isolates errors and panics, and puts the partial response together.
//! - [`failure`] sorts failures into classes, and the class decides what follows; [`dead_letter`] keeps what can never be applied.
//! - [`envelope`] and [`message`] are the JSON object on every transport and its typed, versioned content.
//! - [`store`] holds events: one conditional write is the lock, the dedup and the change.
//! - [`projection`] keeps read models that count every event once.
//! - [`idempotency`] runs effects outside DynamoDB once.
//!
//! ```no_run
//! use serde::Deserialize;
//! use tidegate::batch::{BatchContext, EachRecord, Effect, Handler};
//! use tidegate::failure::Failure;
//! use tidegate::function::Function;
//! use tidegate::source::{Delivery, Source};
//!
//! #[derive(Deserialize)]
//! struct Reading { sensor: String, celsius: f64 }
//!
//! struct Readings;
//!
//! impl Handler for Readings {
//!     type Record = Reading;
//!
//!     fn decode(&self, delivery: &Delivery<'_>) -> Result<Reading, Failure> {
//!         delivery.json() // what is no reading becomes a dead letter
//!     }
//!
//!     async fn handle(&self, reading: &Reading, _: &BatchContext) -> Result<Effect, Failure> {
//!         tracing::info!(reading.sensor, reading.celsius);
//!         Ok(Effect::Applied)
//!     }
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::process::ExitCode {
//!     Function::start().await.run(Source::Kinesis, |_aws| Some(EachRecord::new(Readings, 16))).await
//! }
//! ```

pub mod aws;
pub mod batch;
pub mod config;
pub mod dead_letter;
pub mod envelope;
#[cfg(feature = "schema")]
mod envelope_schema;
pub mod failure;
pub mod function;
pub mod idempotency;
pub mod ids;
pub mod log;
pub mod message;
pub mod projection;
pub mod source;
pub mod store;

#[doc(hidden)]
pub use serde_json;
