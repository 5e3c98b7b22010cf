//! Fault injection: what goes wrong on AWS now and then goes wrong here on demand, and the same way again.
//!
//! A [`FaultPlan`] says which faults there are and how often. Whether one is injected is a function of the plan's seed and of its [`Site`]: the
//! function, the delivery, the attempt and, for a fault of an AWS call, the operation and its number. Every fault is written to a [`Journal`]
//! before it is injected; an engine that is given the journal instead of a plan injects the same faults and no others.
//!
//! [`Invocations`] stands in front of the functions, [`Calls`] in the proxy behind them.

mod age;
mod call;
mod clock;
mod delivery;
mod error;
mod injector;
mod invocation;
mod journal;
mod kind;
mod order;
mod plan;
mod reply;
mod site;
mod trial;

pub(crate) use call::APPLICATION;
pub use call::Calls;
pub use clock::{ClockError, variables};
pub use error::{FaultError, Mistake};
pub use injector::{Faults, FaultsStatus};
pub use invocation::Invocations;
pub use journal::{Entry, Journal};
pub use kind::{Fault, Kind, Reason, When};
pub use plan::{Clock, FaultPlan, Rule};
pub use site::Site;
pub(crate) use trial::Work;
pub use trial::{Fate, Trial};
