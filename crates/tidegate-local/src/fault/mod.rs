//! Fault injection: what goes wrong on AWS now and then goes wrong here on demand.
//!
//! It goes wrong the same way again, if that is asked for. A [`FaultPlan`] says which faults there
//! are and how often. Whether one is injected is a function of the plan's seed and of its [`Site`]:
//! the function, the delivery, the attempt and, for a fault of an AWS call, the operation and its
//! number. Every fault is written to a [`Journal`] before it is injected; an engine that is given
//! the journal instead of a plan injects the same faults and no others.
//!
//! [`InvocationFaults`] stands in front of the functions, [`CallFaults`] in the proxy behind them.

mod age;
mod call;
mod clock;
mod environments;
mod error;
mod identity;
mod injector;
mod invocation;
mod journal;
mod kind;
mod order;
mod plan;
mod plan_text;
mod reply;
mod rule;
mod site;

pub use call::CallFaults;
pub use clock::{ClockError, variables};
pub(crate) use environments::Environments;
pub use error::{FaultError, Mistake};
pub use injector::{Faults, FaultsStatus};
pub use invocation::InvocationFaults;
pub use journal::{Entry, Journal};
pub use kind::{Fault, Kind, Reason, When};
pub use plan::FaultPlan;
pub use rule::{Clock, Rule};
pub use site::Site;
