//! Reorders the records of a batch.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;

use super::site::Site;

/// Returns the event with its records in another order. Records with the same key keep their order.
///
/// The key is what the source keeps in order: the partition key, the item's key, the message group.
/// Messages of a standard queue have no key. Returns `None` if there is nothing to change.
///
/// For example, records `a1 b1 a2` may become `b1 a1 a2` or `a1 a2 b1`, but never `a2 b1 a1`.
pub(super) fn reordered(payload: &[u8], site: &Site, seed: u64) -> Option<Bytes> {
    let event: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(payload).ok()?;
    let records: Vec<Box<RawValue>> = serde_json::from_str(event.get("Records")?.get()).ok()?;
    if event.len() != 1 || records.len() < 2 {
        return None;
    }
    let mut groups: BTreeMap<String, VecDeque<&RawValue>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        groups.entry(key(record, index)).or_default().push_back(record);
    }
    if groups.len() < 2 {
        return None;
    }
    let mut shuffled = Vec::with_capacity(records.len());
    while !groups.is_empty() {
        let drawn = site.draw(seed, &format!("order {}", shuffled.len()));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a batch has at most 10,000 records, and the product is not negative"
        )]
        let index = (drawn * groups.len() as f64) as usize;
        let key = groups.keys().nth(index)?.clone();
        let group = groups.get_mut(&key)?;
        shuffled.extend(group.pop_front());
        if group.is_empty() {
            groups.remove(&key);
        }
    }
    let text = serde_json::to_vec(&serde_json::json!({ "Records": shuffled })).ok()?;
    Some(Bytes::from(text))
}

fn key(record: &RawValue, index: usize) -> String {
    let record: Value = serde_json::from_str(record.get()).unwrap_or(Value::Null);
    ["/kinesis/partitionKey", "/dynamodb/Keys", "/attributes/MessageGroupId"]
        .iter()
        .find_map(|pointer| record.pointer(pointer))
        .map_or_else(|| format!("record {index}"), Value::to_string)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    fn batch(keys: &[&str]) -> Vec<u8> {
        let records: Vec<Value> = keys
            .iter()
            .enumerate()
            .map(|(index, key)| json!({"kinesis": {"partitionKey": key, "sequenceNumber": index}}))
            .collect();
        json!({ "Records": records }).to_string().into_bytes()
    }

    fn order(event: &[u8]) -> Vec<(String, u64)> {
        let event: Value = serde_json::from_slice(event).unwrap();
        let records = event["Records"].as_array().unwrap();
        records
            .iter()
            .map(|record| {
                let kinesis = &record["kinesis"];
                (
                    kinesis["partitionKey"].as_str().unwrap().to_owned(),
                    kinesis["sequenceNumber"].as_u64().unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn records_change_places_across_keys_and_never_within_one() {
        let event = batch(&["a", "b", "a", "c", "b", "a"]);
        let mut orders = std::collections::BTreeSet::new();
        for attempt in 0..50 {
            let shuffled = order(&reordered(&event, &site(attempt), 3).unwrap());
            for key in ["a", "b", "c"] {
                let of_key = |records: &[(String, u64)]| -> Vec<u64> {
                    records.iter().filter(|(k, _)| k == key).map(|(_, number)| *number).collect()
                };
                assert_eq!(of_key(&shuffled), of_key(&order(&event)), "{shuffled:?}");
            }
            orders.insert(shuffled);
        }
        assert!(orders.len() > 10, "only {} orders", orders.len());
    }

    #[test]
    fn one_key_one_record_and_what_is_no_batch_stay_as_they_are() {
        assert_eq!(reordered(&batch(&["a", "a"]), &site(1), 3), None);
        assert_eq!(reordered(&batch(&["a"]), &site(1), 3), None);
        assert_eq!(reordered(b"{\"detail\":{}}", &site(1), 3), None);
        // The event of a tumbling window has more fields than its records.
        assert_eq!(reordered(b"{\"Records\":[1,2],\"state\":{}}", &site(1), 3), None);
    }
}
