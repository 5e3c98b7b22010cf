//! The loop around every state machine that delivers.
//!
//! A shard, a queue, the events of a function and those of a bus each follow a [`Machine`]: inputs
//! and the time go in, actions come out, and nothing else happens in it. `drive` is the one loop
//! that lets time pass and does what the actions say, through a `Port` per kind.

mod last_error;
mod machine;
mod port;
mod run;

#[cfg(test)]
mod tests;

pub use machine::{IllegalInput, Machine};

pub(crate) use last_error::{LastError, note};
pub(crate) use port::{Done, InputOf, Performed, Port, Work};
pub(crate) use run::drive;
