//! Decodes the records of an event for people to read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// The records of an event.
///
/// An event without `Records` counts as one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// The records in the order of the batch.
    pub records: Vec<Record>,
}

/// One decoded record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Names of the record at its source and in failures: event id, sequence number, message id.
    pub positions: Vec<String>,
    /// Data of the record as text.
    pub text: String,
}

impl Content {
    /// Splits an event into records.
    ///
    /// An event of unknown shape becomes one record with the whole text.
    pub(crate) fn parse(payload: &[u8]) -> Self {
        let whole = || vec![Record { positions: Vec::new(), text: text(payload) }];
        let Ok(event) = aws_json::value(payload) else { return Self { records: whole() } };
        let records = event.get("Records").and_then(Value::as_array);
        Self { records: records.map_or_else(whole, |records| records.iter().map(record).collect()) }
    }
}

impl Record {
    /// Returns whether the record's text or one of its names contains this id.
    pub(crate) fn mentions(&self, id: &str) -> bool {
        mentions(&self.text, id) || self.positions.iter().any(|position| position == id)
    }
}

/// Returns whether a text contains this id as a whole word.
///
/// `order#53` is not found in `order#536`, because a letter or digit follows it.
pub(crate) fn mentions(text: &str, id: &str) -> bool {
    if id.is_empty() {
        return false;
    }
    let part = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    text.match_indices(id).any(|(start, _)| {
        let before = text.get(..start).and_then(|text| text.chars().next_back());
        let after = text.get(start + id.len()..).and_then(|text| text.chars().next());
        !part(before) && !part(after)
    })
}

fn record(record: &Value) -> Record {
    let named = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let positions =
        ["/eventID", "/kinesis/sequenceNumber", "/dynamodb/SequenceNumber", "/messageId"]
            .map(named);
    let data = || STANDARD.decode(record.pointer("/kinesis/data")?.as_str()?).ok();
    let body = || Some(record.get("body")?.as_str()?.to_owned());
    let change = || Some(record.get("dynamodb")?.get("NewImage")?.to_string());
    let text = data().map(|data| text(&data)).or_else(body).or_else(change);
    Record {
        positions: positions.into_iter().flatten().collect(),
        text: text.unwrap_or_else(|| record.to_string()),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_data_of_every_source_is_decoded() {
        let event = json!({"Records": [
            {"eventID": "shard-0:7", "kinesis": {"sequenceNumber": "7", "data": STANDARD.encode("order#1")}},
            {"eventID": "e", "dynamodb": {"SequenceNumber": "8", "NewImage": {"stream": {"S": "order#2"}}}},
            {"messageId": "m", "body": "order#3"},
            {"other": "order#4"},
        ]});
        let content = Content::parse(event.to_string().as_bytes());
        for (index, id) in ["order#1", "order#2", "order#3", "order#4"].into_iter().enumerate() {
            let found: Vec<_> = content.records.iter().map(|record| record.mentions(id)).collect();
            assert_eq!(found.iter().position(|found| *found), Some(index), "{id}");
        }
        assert_eq!(content.records[0].positions, ["shard-0:7", "7"]);
        assert!(
            content.records[2].mentions("m") && !content.records[2].mentions("order"[..3].into())
        );
    }

    #[test]
    fn a_record_that_a_strict_reader_refuses_does_not_hide_its_neighbours() {
        let event =
            r#"{"Records":[{"messageId":"a","body":"\ud83d"},{"messageId":"b","body":"order#2"}]}"#;
        let records = Content::parse(event.as_bytes()).records;
        let texts: Vec<_> = records.iter().map(|record| record.text.as_str()).collect();
        assert_eq!(texts, ["?", "order#2"]);
    }

    #[test]
    fn an_event_of_another_shape_is_one_record() {
        for payload in [r#"{"detail":{"n":1}}"#, "no json", ""] {
            let content = Content::parse(payload.as_bytes());
            assert_eq!(
                content.records,
                [Record { positions: Vec::new(), text: payload.to_owned() }]
            );
        }
    }

    #[test]
    fn an_id_is_not_found_in_a_longer_one() {
        assert!(mentions(r#"{"subject":"order#536365"}"#, "order#536365"));
        assert!(mentions("536365", "536365") && mentions("5363651 536365", "536365"));
        assert!(!mentions(r#"{"subject":"order#5363651"}"#, "order#536365"));
        assert!(!mentions("anything", ""));
    }
}
