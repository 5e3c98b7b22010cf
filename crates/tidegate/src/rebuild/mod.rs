//! Rebuilds a read model from the event store, beside the one that is live.
//!
//! Only the function of a projection has the code of its fold. So a command drives the rebuild, and
//! invokes the function for each piece of work ([`Request`], [`Answer`]):
//!
//! 1. **Fold.** [`Work::Fold`] walks over a segment of the event store, and hands its commits to
//!    the new generation's projector. A commit is only a hint there, so the walk is exact beside
//!    live deliveries, and may be repeated from any place.
//! 2. **Prove.** The command closes the fence, waits until writers have seen it, and runs the steps
//!    of a [`Proof`]: every row is compared, the sums of all counters, and the vector of guards
//!    before and after.
//! 3. **Move.** The pointer moves to the new generation
//!    ([`Pointer::moved`](crate::generation::Pointer::moved)), and the fence opens.
//!
//! The function needs to scan (`dynamodb:Scan`) the event store and the tables of all generations.

mod answer;
mod compare;
mod fenced;
mod fold;
mod naming;
mod projectors;
mod proof;
mod reference;
mod refold;
mod request;
mod side;
mod sums;
mod totals;
mod verify;
mod walk;

pub use answer::{Answer, Difference, ParkedStream};
pub use naming::Naming;
pub use projectors::{Ports, Projectors};
pub use proof::{Proof, Step, Verdict};
pub use reference::Reference;
pub use request::{InvalidRequest, Request, Work};
pub use sums::{CounterSums, InvalidSum, Sum};

#[cfg(test)]
mod tests;
