//! Runs the state machines that deliver to functions.
//!
//! Five kinds of machines deliver: for a shard of a stream, for a queue, for the asynchronous
//! invocations of a function, for the events of a bus, and for the messages of a topic. Each
//! implements [`Machine`] and only decides. Inputs with their time go in, actions come out.
//!
//! `drive` is the one loop that runs a machine: it measures the time, waits and passes inputs. A
//! `Port` per kind of machine carries out the actions.

mod last_error;
mod machine;
mod port;
mod run;

#[cfg(test)]
mod tests;

pub use machine::{IllegalInput, Machine};

pub(crate) use last_error::{LastError, note, write_error};
pub(crate) use port::{Done, InputOf, Performed, Port, Work};
pub(crate) use run::drive;
