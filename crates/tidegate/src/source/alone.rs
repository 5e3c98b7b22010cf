//! Builds a record that holds one of several deliveries of a record.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::delivery::Delivery;
use super::{kinesis, sns, sqs};

impl Delivery<'_> {
    /// Returns a record with only this delivery, from which the invocation can be rebuilt.
    ///
    /// If the delivery is one of several in its record, this is a new record with this delivery
    /// alone, at the same position. Otherwise it is the record as it arrived. (A dead letter with
    /// the whole record would also replay the other deliveries.)
    pub fn own_record(&self) -> Cow<'_, RawValue> {
        let alone = self
            .part()
            .and_then(|data| alone(self.record, &self.position, &self.ordering_key, data));
        alone.map_or(Cow::Borrowed(self.record), Cow::Owned)
    }
}

/// Creates a record with only one of the deliveries in `record`. Scans `record`.
pub(crate) fn alone(
    record: &RawValue,
    position: &str,
    ordering_key: &str,
    data: &[u8],
) -> Option<Box<RawValue>> {
    kinesis::alone(record, position, ordering_key, data)
        .or_else(|| sqs::alone(record, position, data))
        .or_else(|| sns::alone(record, position, data))
}
