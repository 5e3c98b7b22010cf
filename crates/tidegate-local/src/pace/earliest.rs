//! Finds the earliest of several moments to wait for.

use lambda_shapes::moment::Moment;

/// The earliest of the added moments.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earliest(Option<Moment>);

impl Earliest {
    /// Adds a moment to wait for.
    pub(crate) fn add(&mut self, moment: Moment) {
        self.0 = Some(self.0.map_or(moment, |earliest| earliest.min(moment)));
    }

    /// Returns the earliest moment; `None` if none was added.
    pub(crate) fn moment(self) -> Option<Moment> {
        self.0
    }
}
