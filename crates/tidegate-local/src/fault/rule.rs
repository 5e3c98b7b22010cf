//! Rules of a plan: the sites of a fault, and the fault at a site.

use super::kind::{Fault, Kind, Reason, When};
use super::site::Site;
use topology::pattern::Wildcard;

/// Milliseconds from which the moment of a fault during the handler's work is drawn, if the plan
/// has none.
const DURING: u64 = 50;

/// A fault and how often it occurs.
#[derive(Clone, Debug)]
pub struct Rule {
    pub(super) kind: Kind,
    pub(super) when: Option<When>,
    pub(super) milliseconds: Option<u64>,
    pub(super) reason: Option<Reason>,
    pub(super) rate: f64,
    pub(super) function: Wildcard,
    /// Operation of an AWS call. `None` for a fault of the invocation itself.
    pub(super) operation: Option<Wildcard>,
    pub(super) attempts: Option<u32>,
    pub(super) call: Option<u32>,
}

/// A function whose clock is wrong.
#[derive(Clone, Debug)]
pub struct Clock {
    pub(super) function: Wildcard,
    pub(super) skew_seconds: i64,
}

impl Rule {
    /// Returns whether the rule applies to this site.
    pub(super) fn concerns(&self, site: &Site) -> bool {
        let operation = match (&self.operation, &site.operation) {
            (None, None) => true,
            (Some(wanted), Some(operation)) => wanted.matches(operation),
            _ => false,
        };
        operation
            && self.function.matches(&site.function)
            && self.attempts.is_none_or(|attempts| site.attempt <= attempts)
            && self.call.is_none_or(|call| site.call == call)
    }

    /// Returns the fault that the rule may inject at this site.
    pub(super) fn fault(&self, site: &Site, seed: u64) -> Fault {
        let (when, milliseconds, reason) = (self.when, self.milliseconds, self.reason);
        let fault = Fault { when, milliseconds, reason, ..Fault::new(self.kind) };
        match (self.kind, self.when) {
            (Kind::Kill, Some(When::During)) => {
                // The moment is drawn too, so that it varies.
                let within = self.milliseconds.unwrap_or(DURING);
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    clippy::cast_precision_loss,
                    reason = "milliseconds of a plan stay far below 2^52, and the product is not negative"
                )]
                let moment = (site.draw(seed, "moment") * within as f64) as u64;
                Fault { milliseconds: Some(moment), ..fault }
            }
            (Kind::Reorder | Kind::Cancel | Kind::FailStatements, _) => {
                Fault { seed: Some(seed), ..fault }
            }
            _ => fault,
        }
    }
}

impl Clock {
    /// Returns whether the clock is that of this function.
    pub(super) fn concerns(&self, function: &str) -> bool {
        self.function.matches(function)
    }
}
