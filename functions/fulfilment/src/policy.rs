//! Deadlines and policies of the process, all in this file.

use events::Money;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use tidegate::process::Taken;

/// A deadline of the process.
pub(crate) struct Deadline {
    pub(crate) name: &'static str,
    after: SignedDuration,
}

/// Time in which a payment must be authorised. Then the order is cancelled.
pub(crate) const PAYMENT: Deadline =
    Deadline { name: "payment", after: SignedDuration::from_mins(15) };

/// Time in which a confirmed order must leave the warehouse. Then it is called back.
pub(crate) const DISPATCH: Deadline =
    Deadline { name: "dispatch", after: SignedDuration::from_hours(48) };

impl Deadline {
    /// Returns the time at which the deadline passes if it is set now.
    pub(crate) fn due(&self, now: Timestamp) -> Timestamp {
        now.checked_add(self.after).unwrap_or(Timestamp::MAX)
    }
}

/// A service that keeps something for an order until it is asked to release it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Service {
    /// Has the products.
    Inventory,
    /// Has the authorised amount.
    Payment,
}

/// Returns whether an order must be paid. One without value is confirmed without a payment.
pub(crate) fn is_paid(total: Money) -> bool {
    total.minor > 0
}

/// Returns the services that keep something for an order that is reserved and to be paid, the first
/// that was asked first. They are asked to release it in reverse: nobody pays for what is not kept.
pub(crate) fn kept_for(total: Money) -> Taken<Service> {
    let inventory = Taken::default().and(Service::Inventory);
    if is_paid(total) { inventory.and(Service::Payment) } else { inventory }
}
