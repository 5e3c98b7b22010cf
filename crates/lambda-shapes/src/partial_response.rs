//! Reads partial batch responses.

use serde_json::Value;

/// The failures that a partial response reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reported {
    /// None: the whole batch succeeded.
    Nothing,
    /// These items.
    Items(Vec<String>),
    /// The response is not a valid partial response, so the whole batch failed: why.
    Invalid(String),
}

/// Reads a response as a partial response.
///
/// A batch succeeded if the response is empty, `""`, `null`, `[]`, an object without
/// `batchItemFailures`, or one with an empty or null list. An empty, null or missing
/// `itemIdentifier` makes the response invalid (AWS docs: "Configuring partial batch response with
/// Kinesis Data Streams and Lambda" and "Handling errors for an SQS event source in Lambda",
/// success and failure conditions).
#[must_use]
pub fn reported(response: &[u8]) -> Reported {
    if response.iter().all(u8::is_ascii_whitespace) {
        return Reported::Nothing;
    }
    let failures = match aws_json::value(response) {
        Err(error) => return Reported::Invalid(format!("the response is not JSON: {error}")),
        Ok(Value::Null) => return Reported::Nothing,
        Ok(Value::String(text)) if text.is_empty() => return Reported::Nothing,
        Ok(Value::Array(list)) if list.is_empty() => return Reported::Nothing,
        Ok(Value::Object(mut object)) => object.remove("batchItemFailures").unwrap_or(Value::Null),
        Ok(_) => return Reported::Invalid("the response is not a JSON object".to_owned()),
    };
    match failures {
        Value::Null => Reported::Nothing,
        Value::Array(list) if list.is_empty() => Reported::Nothing,
        Value::Array(list) => list
            .iter()
            .map(|item| match item.get("itemIdentifier") {
                Some(Value::String(id)) if !id.is_empty() => Ok(id.clone()),
                Some(Value::String(_)) => Err("an itemIdentifier is empty"),
                Some(Value::Null) => Err("an itemIdentifier is null"),
                Some(_) => Err("an itemIdentifier is not text"),
                None => Err("an item of batchItemFailures has no itemIdentifier"),
            })
            .collect::<Result<Vec<_>, _>>()
            .map_or_else(|reason| Reported::Invalid(reason.to_owned()), Reported::Items),
        _ => Reported::Invalid("batchItemFailures is not a list".to_owned()),
    }
}
