use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Body, Delivery, EventName, Identity, unreadable};

/// The parts of an EventBridge event that a delivery needs. `detail` stays as it was written, its numbers too.
#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    source: Option<String>,
    #[serde(rename = "detail-type")]
    detail_type: Option<String>,
    time: Option<Timestamp>,
    #[serde(borrow)]
    detail: &'a RawValue,
}

pub(super) fn delivery(event: &RawValue) -> Delivery<'_> {
    match serde_json::from_str::<Event<'_>>(event.get()) {
        Ok(read) => Delivery {
            item: None,
            ordering_key: read.id.clone(),
            position: read.id,
            subsequence: None,
            event: read
                .source
                .zip(read.detail_type)
                .map(|(source, detail_type)| EventName { source, detail_type }),
            arrived_at: read.time,
            attempts: None,
            body: Ok(Body::Bytes(read.detail.get().as_bytes().to_vec())),
            record: event,
        },
        Err(error) => unreadable(event, Identity::default(), &error),
    }
}
