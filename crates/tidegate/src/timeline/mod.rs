//! Timelines: what became of one message across streams, with causes, durations and where it waits
//! (feature `timeline`).
//!
//! A [`Trail`] says where to begin: at streams, or at a correlation id with the streams that have
//! it. [`read()`] follows the commands of processes to the streams that they are for, and puts
//! everything that is connected by causes into one [`Timeline`].
//!
//! - A cause is found by its source and id, which are stored with every decision. The ids of
//!   commands and deadlines follow from the event that sent them, so nothing else is stored.
//! - A decision names the id of its cause, and no stream. So a stream from which no command leads
//!   here has to be named: [`Trail::also`] names candidates, which count only if a cause connects
//!   them.
//! - Times are those at which commits were written. They come from the clocks of several functions,
//!   so a duration can be a few milliseconds below zero.
//! - Contents of events and commands are left out.
//!
//! What cannot be read is listed in [`Timeline::unreadable`], and what the limits of the trail left
//! out in [`Timeline::left_out`].

mod connected;
mod draft;
mod entry;
mod fold;
mod instance;
mod lanes;
mod limit;
mod links;
mod order;
mod read;
mod stream;
#[cfg(test)]
mod tests;
mod text;
#[allow(clippy::module_inception, reason = "a file is named after its noun")]
mod timeline;
mod trail;
mod unanswered;
mod wait;

pub use entry::{Entry, What};
pub use instance::InstanceState;
pub use read::read;
pub use text::{HEADER, Row};
pub use timeline::{LeftOut, Timeline, Unreadable};
pub use trail::Trail;
pub use wait::Wait;
