//! Fault injection: provokes failures that occur on AWS now and then, and repeats them exactly.
//!
//! A [`FaultPlan`] says which faults there are and how often they occur. Whether a fault is
//! injected depends only on the plan's seed and on its [`Site`]. A site is the function, the
//! delivery and the attempt. For a fault of an AWS call, it is also the operation and the number of
//! the call.
//!
//! Every fault is written to a [`Journal`] before it is injected. An engine that gets the journal
//! in place of a plan injects the same faults and no others.
//!
//! [`InvocationFaults`] injects faults in front of the functions; [`CallFaults`] injects them
//! behind the functions, in the proxy.

mod age;
mod call;
mod choice;
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
mod statements;

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
