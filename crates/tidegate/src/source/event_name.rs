//! The name by which rules of EventBridge choose an event.

/// What EventBridge calls an event, and matches its rules with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Who produced it: `shop.orders`, `aws.s3`.
    pub source: String,
    /// Its type: `OrderPlaced`, `Object Created`.
    pub detail_type: String,
}

impl EventName {
    /// The name of the events of this type from this source.
    pub fn new(source: impl Into<String>, detail_type: impl Into<String>) -> Self {
        EventName { source: source.into(), detail_type: detail_type.into() }
    }
}
