//! The name by which EventBridge rules match an event.

/// The name by which EventBridge knows an event and matches its rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventName {
    /// Producer of the event, such as `shop.orders` or `aws.s3`.
    pub source: String,
    /// Type of the event, such as `OrderPlaced` or `Object Created`.
    pub detail_type: String,
}

impl EventName {
    /// Creates the name of the events of this type from this source.
    pub fn new(source: impl Into<String>, detail_type: impl Into<String>) -> Self {
        Self { source: source.into(), detail_type: detail_type.into() }
    }
}
