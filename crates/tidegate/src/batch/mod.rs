//! Runs the deliveries of one invocation.
//!
//! The runner decodes records one by one, groups them into lanes by ordering key, and handles them.
//! Lanes run concurrently, and each lane in order up to its first failure. A delivery that fails
//! permanently is dead-lettered with its payload and acknowledged. All other failures are reported
//! for redelivery.

mod client_context;
mod concurrency;
mod context;
mod counts;
mod decided;
mod decode;
mod delivered;
mod each_record;
mod each_stream;
mod from_delivery;
mod handler;
mod handler_fn;
mod handling;
mod invocation;
mod isolation;
mod item;
mod lanes;
mod letters;
mod metrics;
mod observer;
mod outcome;
mod patience;
mod progress;
mod recent;
mod router;
mod runner;
mod service;
mod spans;
mod stopwatch;
mod timetable;
mod visibility;
mod watch;
mod window;
mod windowed;

pub use client_context::{OCCASION, REPLAY, TYPES};
pub use concurrency::{Begun, Concurrency};
pub use context::BatchContext;
pub use counts::Counts;
pub use decode::Decode;
pub use delivered::Delivered;
pub use each_record::EachRecord;
pub use each_stream::{EachStream, StreamHandler};
pub use from_delivery::FromDelivery;
pub use handler::{BatchHandler, Handler};
pub use handler_fn::HandlerFn;
pub use invocation::{Invocation, Report};
pub(crate) use isolation::catch;
#[cfg(feature = "http")]
pub(crate) use isolation::isolate;
pub use item::Item;
pub use metrics::{Metrics, NotANamespace};
pub use observer::{Observation, Observer};
pub use outcome::{Handled, NotRun, Outcome};
pub use router::{Endpoint, Foreign, Routed, Router, Routes, Task, Unknown};
pub use runner::Runner;
pub use service::RunnerService;
#[cfg(all(feature = "http", feature = "otel"))]
pub(crate) use spans::remote_parent;
pub use stopwatch::Stopwatch;
pub use visibility::{HiddenMessage, MAX_DELAY, SqsVisibility, Visibility};
pub use window::Window;
pub use windowed::{WindowHandler, Windowed};

#[cfg(test)]
mod tests;
