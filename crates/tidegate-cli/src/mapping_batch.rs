//! Batches that a function gets as from its event source mapping.

use bytes::Bytes;
use lambda_shapes::stream_kind::StreamKind;
use topology::Source as Mapping;
use topology::pattern::filter::{Filter, Filtered};

/// Bytes that the event of a batch needs besides its records.
const FRAME: usize = 64;

/// Returns the filter of a mapping, if it has one.
pub(crate) fn filter(kind: StreamKind, mapping: &Mapping) -> Result<Option<Filter>, String> {
    if mapping.filter_criteria.is_empty() {
        return Ok(None);
    }
    let of = match kind {
        StreamKind::Kinesis => Filtered::Kinesis,
        StreamKind::DynamoDb => Filtered::DynamoDb,
    };
    let patterns = mapping.filter_criteria.iter().map(|filter| &filter.pattern);
    Filter::parse(of, patterns)
        .map(Some)
        .map_err(|error| format!("the filter of its source cannot be read: {error}"))
}

/// Drops the records that a filter drops.
pub(crate) fn passed(filter: Option<&Filter>, mut records: Vec<Bytes>) -> Vec<Bytes> {
    if let Some(filter) = filter {
        records.retain(|record| filter.passes(record));
    }
    records
}

/// Splits records into batches of at most `size` records and `bytes` bytes.
///
/// A record that is too large becomes a batch of its own.
pub(crate) fn batches(records: &[Bytes], size: usize, bytes: usize) -> Vec<&[Bytes]> {
    let mut batches = Vec::new();
    let mut rest = records;
    while !rest.is_empty() {
        let mut sum = FRAME;
        let fits = rest.iter().take(size.max(1)).take_while(|record| {
            sum += record.len() + 1;
            sum <= bytes
        });
        let (batch, behind) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = behind;
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_that_the_filter_of_the_mapping_drops_are_not_replayed() {
        let topology = topology::parse(
            r#"
streams = { orders = {} }
functions = { f = { sources = { orders = { stream = "orders", starting_position = "LATEST",
  filter_criteria = [{ pattern = "{\"data\": {\"kind\": [\"placed\"]}}" }] } } } }
"#,
        );
        let topology = topology.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let mapping = &topology.functions["f"].sources["orders"];
        let filter = filter(StreamKind::Kinesis, mapping).unwrap();
        assert!(filter.is_some());
        let record = |data: &str| {
            let data = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, data);
            Bytes::from(serde_json::json!({"kinesis": {"data": data}}).to_string())
        };
        let [placed, other, none] =
            [r#"{"kind":"placed"}"#, r#"{"kind":"other"}"#, "not JSON"].map(record);
        let read = vec![placed.clone(), other.clone(), none];
        assert_eq!(passed(filter.as_ref(), read), std::slice::from_ref(&placed));
        assert_eq!(passed(None, vec![placed, other]).len(), 2);
    }

    #[test]
    fn batches_end_at_the_number_of_records_and_at_the_bytes_and_lose_none() {
        let records: Vec<Bytes> =
            [10, 10, 10, 500, 10].map(|length| Bytes::from(vec![b'x'; length])).into();
        let lengths = |size, bytes| -> Vec<usize> {
            batches(&records, size, bytes).iter().map(|batch| batch.len()).collect()
        };
        assert_eq!(lengths(2, 10_000), [2, 2, 1]);
        assert_eq!(lengths(100, FRAME + 22), [2, 1, 1, 1]);
        assert_eq!(lengths(100, 10_000), [5]);
        assert!(batches(&[], 10, 10).is_empty());
    }
}
