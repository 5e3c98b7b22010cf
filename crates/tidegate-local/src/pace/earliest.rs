//! The earliest of several moments that are waited for.

use lambda_shapes::moment::Moment;

/// The earliest moment of those that were added.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Earliest(Option<Moment>);

impl Earliest {
    /// Something is waited for until this moment.
    pub(crate) fn add(&mut self, moment: Moment) {
        self.0 = Some(self.0.map_or(moment, |earliest| earliest.min(moment)));
    }

    /// The earliest; none if nothing is waited for.
    pub(crate) fn moment(self) -> Option<Moment> {
        self.0
    }
}
