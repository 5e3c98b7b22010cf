//! The test kit: the test doubles and builders of the toolkit, for the tests of functions.
//!
//! It is behind the feature `test-kit`. Enable the feature in the `[dev-dependencies]` of a
//! function, so that the function itself does not contain it.
//!
//! - Doubles of all ports in memory: [`MemoryEventStore`], [`MemoryRowStore`], [`MemorySnapshots`],
//!   [`MemoryReadModel`], [`MemoryTables`], [`MemoryPointers`],
//!   [`MemoryIdempotency`], [`MemoryBreakers`], [`MemoryDeadLetters`]. They pass the contract
//!   suites of the DynamoDB implementations, including the limits.
//!   [`View::from_memory`](crate::query::View::from_memory) reads a [`MemoryReadModel`].
//! - [`MemoryGenerations`] has the tables of a projection with generations, and rebuilds them.
//! - `MemoryTarget` (feature `publish`) is a target that fails entries by a script.
//! - [`Faulty`] puts [`Faults`] between a function and any port: throttling, lost races and lost
//!   responses, from a script or a seed.
//! - [`given`] tests the decisions of an aggregate.
//! - [`projected`] tests what a projection makes of a history, in every order of its events.
//! - `ProcessTest` and `ProcessTable` (feature `process`) test a process manager; `repeated` and
//!   `interrupted` play a scenario with repeats and crashes.
//! - [`golden`] compares a text with a committed file.
//! - [`KinesisEvent`], [`DynamoDbEvent`], [`SqsEvent`], [`EventBridgeEvent`], [`SnsEvent`],
//!   [`S3Event`] and [`HttpEvent`] build the events with which AWS invokes a function.
//! - `ApiClient` (feature `http`) sends requests to an API in memory.
//! - `ParameterServer` (feature `parameters`) answers as AWS's extension for parameters and secrets
//!   does.
//!
//! ```
//! use std::sync::Arc;
//! use tidegate::ids::Version;
//! use tidegate::store::EventReader;
//! use tidegate::test::{Call, Fault, Faults, Faulty, MemoryEventStore};
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let faults = Faults::none().at(Call::Read, 1, Fault::Throttled);
//! let store = Faulty::new(Arc::new(MemoryEventStore::default()), faults.clone());
//! let stream = "order#1".parse().unwrap();
//! assert_eq!(store.read(&stream, Version::NONE).await.unwrap_err().code(), "throttled");
//! assert_eq!(store.read(&stream, Version::NONE).await, Ok(Vec::new()));
//! assert_eq!(faults.calls(Call::Read), 2);
//! # });
//! ```

mod breakers;
#[cfg(feature = "http")]
mod client;
mod events;
mod fail;
mod fault;
mod faulty;
mod faulty_pointers;
mod generations;
#[cfg(feature = "test-kit")]
mod golden;
#[cfg(feature = "parameters")]
mod parameter_server;
#[cfg(all(feature = "process", feature = "test-kit"))]
mod process;
mod projected;
mod scenario;
#[cfg(feature = "publish")]
mod target;

#[cfg(feature = "http")]
pub use client::{ApiClient, HttpAnswer};
pub use events::{
    DynamoDbEvent, EventBridgeEvent, HttpEvent, KinesisEvent, S3Event, SnsEvent, SqsEvent,
};
pub use fault::{Call, Fault, Faults, Injected};
pub use faulty::Faulty;
pub use generations::MemoryGenerations;
#[cfg(feature = "test-kit")]
pub use golden::golden;
#[cfg(feature = "parameters")]
pub use parameter_server::ParameterServer;
#[cfg(all(feature = "process", feature = "test-kit"))]
pub use process::{ProcessStep, ProcessTable, ProcessTest, SentCommand, interrupted, repeated};
pub use projected::{History, projected};
pub use scenario::{Given, When, given};
#[cfg(feature = "publish")]
pub use target::{MemoryTarget, SentEntry, TargetAnswer};

pub use crate::breaker::memory::MemoryBreakers;
pub use crate::dead_letter::memory::MemoryDeadLetters;
pub use crate::generation::memory::MemoryPointers;
pub use crate::idempotency::memory::MemoryIdempotency;
pub use crate::projection::memory::{MemoryReadModel, MemorySlice};
pub use crate::query::memory::MemoryTables;
pub use crate::store::memory::MemoryEventStore;
pub use crate::store::rows::memory::MemoryRowStore;
pub use crate::store::snapshot_memory::MemorySnapshots;

#[cfg(test)]
mod tests;
