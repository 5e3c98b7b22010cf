//! Money of an order or a return.

use std::ops::AddAssign;

use events::PaymentEvent;

/// Money of an order or a return, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Money {
    pub(super) authorised: i128,
    pub(super) captured: i128,
    pub(super) released: i128,
    pub(super) refunded: i128,
    /// Number of captures and refunds.
    pub(super) charges: u32,
    pub(super) declined: bool,
    pub(super) refund_refused: bool,
}

impl Money {
    pub(super) fn apply(&mut self, event: &PaymentEvent) {
        match event {
            PaymentEvent::PaymentAuthorised(event) => {
                self.authorised += i128::from(event.amount.minor);
            }
            PaymentEvent::PaymentDeclined(_) => self.declined = true,
            PaymentEvent::PaymentCaptured(event) => {
                self.captured += i128::from(event.amount.minor);
                self.charges += 1;
            }
            PaymentEvent::CaptureRefused(_) => {}
            PaymentEvent::PaymentReleased(event) => {
                self.released += event.amount.map_or(0, |amount| i128::from(amount.minor));
            }
            PaymentEvent::PaymentRefunded(event) => {
                self.refunded += i128::from(event.amount.minor);
                self.charges += 1;
            }
            PaymentEvent::RefundRefused(_) => self.refund_refused = true,
        }
    }

    /// Returns what is authorised, and neither captured nor released.
    pub(super) fn open(&self) -> i128 {
        self.authorised - self.captured - self.released
    }

    /// Returns the amounts by name.
    pub(super) fn amounts(&self) -> [(&'static str, i128); 4] {
        let Self { authorised, captured, released, refunded, .. } = *self;
        [
            ("authorised", authorised),
            ("captured", captured),
            ("released", released),
            ("refunded", refunded),
        ]
    }
}

impl AddAssign<&Self> for Money {
    fn add_assign(&mut self, other: &Self) {
        self.authorised += other.authorised;
        self.captured += other.captured;
        self.released += other.released;
        self.refunded += other.refunded;
        self.charges += other.charges;
    }
}
