//! Builds the message that makes a projection look at an event, if messages feed it.

use std::collections::HashMap;

use aws_sdk_kinesis::primitives::{Blob, DateTime};
use aws_sdk_kinesis::types::Record;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use bytes::Bytes;
use jiff::Timestamp;
use lambda_shapes::batching::event;
use lambda_shapes::kinesis::{self, Origin};
use lambda_shapes::moment::Moment;
use lambda_shapes::queue;
use serde_json::json;
use serde_json::value::to_raw_value;
use terminal::problem::Problem;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version};

use super::event::Shown;
use super::feed::Feed;
use crate::invoke::Shape;

/// Sequence number of a rebuilt record. Those of Kinesis are larger.
const SEQUENCE_NUMBER: &str = "1";

/// Returns the event with which a function is invoked for a message about the event `shown` of the
/// store. The projection takes from it only the stream, the version and the id.
///
/// # Errors
/// The stored event lacks its id, its type or its type version.
pub(super) fn hint(
    feed: Feed,
    shown: &Shown,
    stream: &StreamId,
    at: Version,
) -> Result<(Bytes, Shape), Problem> {
    let (Some(id), Some(kind), Some(version)) = (&shown.id, &shown.kind, shown.dataversion) else {
        return Err(Problem::new(format!(
            "{stream}: the event at version {at} has no readable id and type, so no message can \
             name it; replay its dead letter"
        )));
    };
    let unwritable = |error: serde_json::Error| Problem::new(error.to_string());
    let now = Timestamp::now();
    let schema = DataSchema::new(kind, u32::try_from(version).unwrap_or(u32::MAX));
    let data = Data::Inline(to_raw_value(&json!({})).map_err(unwritable)?);
    let mut envelope = Envelope::new(id, "tidegate.parked", stream.clone(), now, schema, data);
    envelope.sequence = Some(at);
    let body = serde_json::to_string(&envelope).map_err(unwritable)?;
    let name = format!("released-{stream}-{at}");
    let region = "us-east-1";
    Ok(match feed {
        Feed::Table | Feed::Queue => {
            let sent = Moment::from(now).as_millis().to_string();
            let attributes = HashMap::from([
                (MessageSystemAttributeName::SentTimestamp, sent),
                (MessageSystemAttributeName::ApproximateReceiveCount, "1".to_owned()),
            ]);
            let message = Message::builder()
                .message_id(name)
                .body(body)
                .set_attributes(Some(attributes))
                .build();
            let arn = format!("arn:aws:sqs:{region}:000000000000:released");
            let message = queue::message(&message, &arn, region).map_err(unwritable)?;
            (event([message.json].iter()), Shape::Batch)
        }
        Feed::Stream => {
            let record = Record::builder()
                .partition_key(stream.as_str())
                .sequence_number(SEQUENCE_NUMBER)
                .data(Blob::new(body))
                .approximate_arrival_timestamp(DateTime::from_millis(Moment::from(now).as_millis()))
                .build()
                .map_err(|error| Problem::new(error.to_string()))?;
            let origin = Origin {
                region: region.to_owned(),
                stream_arn: format!("arn:aws:kinesis:{region}:000000000000:stream/released"),
                role_arn: String::new(),
            };
            let record = kinesis::record(&record, &name, &origin, Moment::from(now));
            (event([record.map_err(unwritable)?.json].iter()), Shape::Batch)
        }
        Feed::Event => {
            let event = json!({
                "version": "0",
                "id": name,
                "detail-type": kind,
                "source": "tidegate.parked",
                "account": "000000000000",
                "time": now,
                "region": region,
                "resources": [],
                "detail": envelope,
            });
            (Bytes::from(event.to_string()), Shape::Event)
        }
    })
}

#[cfg(test)]
mod tests {
    use tidegate::source::Source;
    use tidegate::store::CommitChange;

    use super::*;

    #[test]
    fn the_message_names_the_event_whatever_feeds_the_projection() {
        let stream: StreamId = "order#1".parse().unwrap();
        let shown = Shown {
            id: Some("e2".to_owned()),
            kind: Some("OrderPlaced".to_owned()),
            dataversion: Some(1),
            time: None,
        };
        for (feed, source) in [
            (Feed::Queue, Source::Sqs),
            (Feed::Stream, Source::Kinesis),
            (Feed::Event, Source::EventBridge),
        ] {
            let (event, _) = hint(feed, &shown, &stream, Version::new(2)).unwrap();
            let event: Box<serde_json::value::RawValue> = serde_json::from_slice(&event).unwrap();
            let deliveries = source.split(&event).unwrap();
            let [delivery] = deliveries.as_slice() else { panic!("{deliveries:?}") };
            let (stream, event_id) = (stream.clone(), "e2".to_owned());
            let expected = CommitChange::Hint { stream, version: Version::new(2), event_id };
            assert_eq!(CommitChange::hint(delivery), Ok(expected), "{feed:?}");
        }
        let unread = Shown { id: None, ..shown };
        let problem = hint(Feed::Queue, &unread, &stream, Version::new(2)).unwrap_err();
        assert!(problem.to_string().contains("replay its dead letter"), "{problem}");
    }
}
