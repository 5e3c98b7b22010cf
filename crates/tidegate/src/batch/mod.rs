//! Runs the deliveries of one invocation.
//!
//! Records are decoded one by one, grouped into lanes by ordering key, and handled: lanes concurrently, each lane in order up to its first
//! failure. What fails for good is dead-lettered with its payload and acknowledged; the rest of the failures is reported for redelivery.

mod concurrency;
mod delivered;
mod handler;
mod isolation;
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
mod visibility;
mod window;

pub use concurrency::{Begun, Concurrency};
pub use delivered::Delivered;
pub use handler::{BatchContext, BatchHandler, Handler, Item, Stopwatch};
pub use lanes::EachRecord;
pub use metrics::{Counts, Metrics, NotANamespace};
pub use observer::{Observation, Observer};
pub use outcome::{Handled, NotRun, Outcome};
pub use router::{Endpoint, Foreign, Routed, Router, Routes, Task, Unknown};
pub use runner::{Invocation, Report, Runner};
pub use service::RunnerService;
pub(crate) use service::remaining;
pub use visibility::{HiddenMessage, MAX_DELAY, SqsVisibility, Visibility};
pub use window::{Window, WindowHandler, Windowed};

#[cfg(test)]
mod holes;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
