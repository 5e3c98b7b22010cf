//! Moves the arrival times of a batch's records back, as after a pause.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

/// Returns the event with the arrival time of each record moved back by `by`. `None` if no record
/// has one.
///
/// Arrival times are:
///
/// - Kinesis: the approximate arrival of a record
/// - DynamoDB Streams: the approximate creation of a record
/// - SQS: the times at which a message was sent and first received
pub(super) fn aged(payload: &[u8], by: Duration) -> Option<Bytes> {
    let mut event: Value = serde_json::from_slice(payload).ok()?;
    let mut moved = false;
    for record in event.get_mut("Records")?.as_array_mut()? {
        for pointer in
            ["/kinesis/approximateArrivalTimestamp", "/dynamodb/ApproximateCreationDateTime"]
        {
            let Some(arrived) = record.pointer_mut(pointer) else { continue };
            if let Some(seconds) = arrived.as_f64() {
                (*arrived, moved) = (json!(seconds - by.as_secs_f64()), true);
            }
        }
        for pointer in ["/attributes/SentTimestamp", "/attributes/ApproximateFirstReceiveTimestamp"]
        {
            let Some(arrived) = record.pointer_mut(pointer) else { continue };
            if let Some(millis) = arrived.as_str().and_then(|text| text.parse::<u64>().ok()) {
                let by = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                (*arrived, moved) = (json!(millis.saturating_sub(by).to_string()), true);
            }
        }
    }
    moved.then(|| Bytes::from(event.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn of(event: &Value) -> Option<Value> {
        aged(event.to_string().as_bytes(), HOUR).map(|aged| serde_json::from_slice(&aged).unwrap())
    }

    #[test]
    fn every_record_arrived_earlier_and_nothing_else_changes() {
        let event = |kinesis: f64, table: f64, sent: &str| {
            json!({"Records": [
                {"kinesis": {"approximateArrivalTimestamp": kinesis, "data": "AAAA"}},
                {"dynamodb": {"ApproximateCreationDateTime": table, "Keys": {"k": {"N": "1.50"}}}},
                {"attributes": {"SentTimestamp": sent, "ApproximateReceiveCount": "2"}, "body": "b"},
            ]})
        };
        assert_eq!(of(&event(7200.25, 7201.0, "7200000")), Some(event(3600.25, 3601.0, "3600000")));
    }

    #[test]
    fn what_says_no_arrival_stays_as_it_is() {
        assert_eq!(of(&json!({"Records": [{"kinesis": {}}, 1]})), None);
        assert_eq!(of(&json!({"detail": {}})), None);
        assert_eq!(aged(b"no json", HOUR), None);
    }
}
