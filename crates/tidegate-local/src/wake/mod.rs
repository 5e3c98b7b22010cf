//! Wakes the pollers of a source when something is written to it.
//!
//! The proxy sees writes: those of functions, and those of everything that uses the endpoint. It
//! notes each in the [`Wakes`], and the pollers of that stream, table, queue or bus poll at once.
//! Sources that are idle can then be polled rarely.
//!
//! A wake is never lost. Like [`Activity`](crate::activity::Activity), a [`Wake`] counts: a poller
//! reads the count *before* it polls. If something is written during that poll, the count differs
//! from what the poller has read, and another poll follows.
//!
//! A write that nobody saw, such as one at the emulator itself, is found by the next poll of the
//! idle source.

mod source;
mod wakes;

pub use source::Wake;
pub use wakes::{Polled, Wakes};
