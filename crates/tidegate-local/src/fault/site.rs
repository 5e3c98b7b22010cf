//! Places where a fault can be injected.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::kind::Fault;
use crate::trial::Trial;

/// Place of a possible fault.
///
/// The same place has the same site in every run.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Site {
    /// Name of the function.
    pub function: String,
    /// Operation of the AWS call. `None` for a fault of the invocation itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Digest of what identifies the first record of the delivery.
    pub delivery: String,
    /// Ordinal of this invocation among those with the delivery, starting at 1.
    pub attempt: u32,
    /// Ordinal of this call among those of the operation in the invocation, starting at 1. 0 for
    /// the invocation itself.
    #[serde(default)]
    pub call: u32,
}

impl Site {
    /// Returns the site of the next call of an operation in an invocation.
    pub(super) fn from_call(trial: &Trial, operation: &str) -> Self {
        Self {
            function: trial.function().to_owned(),
            operation: Some(operation.to_owned()),
            delivery: trial.delivery().to_owned(),
            attempt: trial.attempt(),
            call: trial.next_call(operation),
        }
    }

    /// Draws a number in `0.0..1.0`.
    ///
    /// The numbers are spread evenly over the sites. The same seed, site and fault always give the
    /// same number.
    pub(super) fn draw(&self, seed: u64, fault: &str) -> f64 {
        let mut digest = Sha256::new();
        digest.update(seed.to_be_bytes());
        let operation = self.operation.as_deref().unwrap_or_default();
        for part in [fault, &self.function, operation, &self.delivery] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        digest.update(self.attempt.to_be_bytes());
        digest.update(self.call.to_be_bytes());
        let head =
            digest.finalize().iter().take(4).fold(0_u32, |sum, byte| (sum << 8) | u32::from(*byte));
        f64::from(head) / (f64::from(u32::MAX) + 1.0)
    }

    /// Returns whether a fault occurs, by [`Site::draw`].
    pub(super) fn occurs(&self, seed: u64, fault: &Fault, rate: f64) -> bool {
        self.draw(seed, &fault.to_string()) < rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(attempt: u32) -> Site {
        Site {
            function: "f".to_owned(),
            operation: None,
            delivery: "d".to_owned(),
            attempt,
            call: 0,
        }
    }

    #[test]
    fn a_site_draws_the_same_number_in_every_run() {
        // The first four bytes of the digest, computed with another implementation of SHA-256.
        let drawn = f64::from(1_759_625_633_u32) / 4_294_967_296.0;
        assert_eq!(site(1).draw(7, "kill").to_bits(), drawn.to_bits());
    }

    #[test]
    fn seed_fault_and_every_part_of_a_site_change_the_number() {
        let base = site(1);
        let call = Site { operation: Some("SQS.SendMessage".to_owned()), ..base.clone() };
        let others = [
            Site { function: "g".to_owned(), ..base.clone() },
            Site { delivery: "e".to_owned(), ..base.clone() },
            Site { call: 1, ..base.clone() },
            site(2),
            call,
        ];
        let number = base.draw(7, "kill").to_bits();
        assert!(others.iter().all(|other| other.draw(7, "kill").to_bits() != number));
        assert!(
            base.draw(8, "kill").to_bits() != number && base.draw(7, "stall").to_bits() != number
        );
    }

    #[test]
    fn the_numbers_are_spread_evenly() {
        let hits = (0..10_000).filter(|attempt| site(*attempt).draw(1, "kill") < 0.1).count();
        assert!((900..1100).contains(&hits), "{hits} of 10000 at a rate of a tenth");
    }
}
