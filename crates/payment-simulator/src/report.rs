//! What the simulator did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What the simulator did since it started. Amounts are in minor units.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Calls, with look-ups and with those that found it down.
    pub calls: u64,
    /// Look-ups of operations that it answered.
    pub look_ups: u64,
    /// Look-ups of operations that it had not got.
    pub look_ups_unknown: u64,
    /// Operations that were asked for again with their key, and answered as the first time.
    pub repeated: u64,
    /// Answers that it dropped.
    pub dropped_answers: u64,
    /// Calls that found it down.
    pub calls_while_down: u64,
    /// Authorisations that it carried out.
    pub authorisations: u64,
    /// Authorisations that it declined.
    pub declines: u64,
    /// Captures that it carried out.
    pub charges: u64,
    /// Authorisations that it gave up.
    pub releases: u64,
    /// Refunds that it carried out.
    pub refunds: u64,
    /// Authorisations, captures and refunds beyond the first of their reference. A caller that uses
    /// its keys well has none.
    pub duplicate_charges: u64,
    /// Sums of all payments and refunds.
    pub total: Sums,
    /// Sums of each reference.
    pub references: BTreeMap<String, Sums>,
}

/// Amounts that moved, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    /// Reserved on the card.
    pub authorised: i64,
    /// Taken.
    pub captured: i64,
    /// Given up.
    pub released: i64,
    /// Paid back.
    pub refunded: i64,
}

impl Sums {
    /// Returns what is reserved, and neither taken nor given up.
    pub fn held(&self) -> i64 {
        self.authorised - self.captured - self.released
    }
}
