//! The record of an asynchronous invocation that has ended, for its on-failure or on-success
//! destination (AWS docs: "Capturing records of Lambda asynchronous invocations").

use crate::message::{LARGEST, sendable};
use crate::moment::Moment;
use crate::text::shortened;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

/// How an event ended, in the words of asynchronous invocation. Those of a stream are
/// [`stream_failure::Condition`](crate::stream_failure::Condition).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Condition {
    /// The function succeeded.
    Success,
    /// The function failed in every allowed attempt.
    RetriesExhausted,
    /// The event is older than its maximum age.
    EventAgeExceeded,
    /// The function's reserved concurrency is 0, so it never runs.
    ZeroReservedConcurrency,
}

/// An event that has ended.
#[derive(Clone, Debug)]
pub struct Ended<'a> {
    /// Request id, the same for all invocations with the event.
    pub request_id: &'a str,
    /// Unqualified ARN of the function.
    pub function_arn: &'a str,
    /// The version or alias that was invoked; `None` is written as `$LATEST`.
    pub qualifier: Option<&'a str>,
    /// How it ended.
    pub condition: Condition,
    /// Number of invocations.
    pub count: u32,
    /// The event.
    pub payload: &'a [u8],
    /// The answer to the last invocation, if the function ran: its response if the event succeeded,
    /// otherwise the error object.
    pub answer: Option<&'a [u8]>,
}

/// The only version that the engine runs.
const LATEST: &str = "$LATEST";

/// Writes the record as JSON. It carries the payload, unlike that of a stream.
///
/// A payload or an answer that is not JSON is written as a JSON string, and characters that SQS
/// refuses are escaped. A record that would be larger than [`LARGEST`] has no response, or only
/// type and message of the error object, both shortened. The payload is never cut: a replay needs
/// it.
///
/// # Errors
/// The record cannot be serialised. This does not occur with these types.
pub fn record(ended: &Ended<'_>, now: Moment) -> serde_json::Result<String> {
    let whole = body(ended, ended.answer.map(json).transpose()?, now)?;
    match ended.answer {
        Some(_) if whole.len() > LARGEST && ended.condition == Condition::Success => {
            body(ended, None, now)
        }
        Some(error) if whole.len() > LARGEST => body(ended, Some(cut(error)?), now),
        _ => Ok(whole),
    }
}

/// Reduces an error object to its type and message, both shortened.
fn cut(error: &[u8]) -> serde_json::Result<Box<RawValue>> {
    let object = aws_json::value(error).ok();
    let member = |name: &str| object.as_ref()?.get(name)?.as_str().map(shortened);
    let start = || shortened(&String::from_utf8_lossy(error));
    to_raw_value(&ErrorObject {
        error_type: member("errorType"),
        error_message: member("errorMessage").unwrap_or_else(start),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ErrorObject {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_type: Option<String>,
    error_message: String,
}

fn body(
    ended: &Ended<'_>,
    response: Option<Box<RawValue>>,
    now: Moment,
) -> serde_json::Result<String> {
    let body = Body {
        version: "1.0",
        timestamp: now.with_millis(),
        request_context: RequestContext {
            request_id: ended.request_id,
            function_arn: format!("{}:{}", ended.function_arn, ended.qualifier.unwrap_or(LATEST)),
            condition: ended.condition,
            approximate_invoke_count: ended.count,
        },
        request_payload: json(ended.payload)?,
        response_context: ended.answer.map(|_| ResponseContext {
            status_code: 200,
            executed_version: LATEST,
            function_error: (ended.condition != Condition::Success).then_some("Unhandled"),
        }),
        response_payload: response,
    };
    serde_json::to_string(&body).map(|text| sendable(&text).into_owned())
}

fn json(bytes: &[u8]) -> serde_json::Result<Box<RawValue>> {
    let bytes = if bytes.is_empty() { b"null" } else { bytes };
    serde_json::from_slice(bytes).or_else(|_| to_raw_value(&String::from_utf8_lossy(bytes)))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    version: &'static str,
    timestamp: String,
    request_context: RequestContext<'a>,
    request_payload: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_context: Option<ResponseContext>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_payload: Option<Box<RawValue>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: &'a str,
    function_arn: String,
    condition: Condition,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResponseContext {
    status_code: u16,
    executed_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_error: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_record_has_lambdas_shape() {
        let ended = Ended {
            request_id: "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
            function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f",
            qualifier: None,
            condition: Condition::RetriesExhausted,
            count: 3,
            payload: br#"{"detail":{"n":1}}"#,
            answer: Some(br#"{"errorMessage":"boom","errorType":"Boom"}"#),
        };
        let text = record(&ended, Moment::from_millis(1_573_691_890_000)).unwrap();
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({
                "version": "1.0",
                "timestamp": "2019-11-14T00:38:10.000Z",
                "requestContext": {
                    "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                    "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                    "condition": "RetriesExhausted",
                    "approximateInvokeCount": 3
                },
                "requestPayload": {"detail": {"n": 1}},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
                "responsePayload": {"errorMessage": "boom", "errorType": "Boom"}
            })
        );
    }

    #[test]
    fn the_record_of_a_success_has_lambdas_shape() {
        let response = format!("\"{}\"", "r".repeat(LARGEST));
        for (answer, payload) in [
            (&br#"{"done":1}"#[..], Some(json!({"done": 1}))),
            (b"", Some(json!(null))),
            (response.as_bytes(), None),
        ] {
            let ended = Ended {
                request_id: "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f",
                qualifier: None,
                condition: Condition::Success,
                count: 1,
                payload: br#"{"detail":{"n":1}}"#,
                answer: Some(answer),
            };
            let mut expected = json!({
                "version": "1.0",
                "timestamp": "2019-11-14T00:38:10.000Z",
                "requestContext": {
                    "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                    "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST",
                    "condition": "Success",
                    "approximateInvokeCount": 1
                },
                "requestPayload": {"detail": {"n": 1}},
                "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"}
            });
            if let Some(payload) = payload {
                expected["responsePayload"] = payload;
            }
            let text = record(&ended, Moment::from_millis(1_573_691_890_000)).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }

    #[test]
    fn an_error_too_large_for_the_destination_is_cut_and_the_payload_is_kept() {
        let payload = format!("\"{}\"", "p".repeat(900_000));
        let errors = [
            json!({"errorType": "Boom", "errorMessage": "m".repeat(200_000), "stackTrace": []})
                .to_string(),
            format!(r#"{{"errorType":"Boom","errorMessage":"\ud83d{}"}}"#, "m".repeat(200_000)),
            format!("[\"{}\"]", "\u{1F980}".repeat(100_000)),
            "not json ".repeat(30_000),
        ];
        for error in &errors {
            let ended = Ended {
                request_id: "r",
                function_arn: "arn",
                qualifier: None,
                condition: Condition::RetriesExhausted,
                count: 3,
                payload: payload.as_bytes(),
                answer: Some(error.as_bytes()),
            };
            let text = record(&ended, Moment::from_millis(0)).unwrap();
            assert!(text.len() <= LARGEST, "{}", text.len());
            let body: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(body["requestPayload"].as_str().unwrap().len(), 900_000);
            let (first, message) =
                (&error[..1], body["responsePayload"]["errorMessage"].as_str().unwrap());
            match first {
                "{" => assert_eq!(body["responsePayload"]["errorType"], "Boom"),
                _ => assert!(message.starts_with(first), "{message}"),
            }
            assert!(!message.is_empty() && message.chars().count() <= 501, "{message}");
        }
    }

    #[test]
    fn characters_that_sqs_does_not_take_are_escaped_before_the_size_is_measured() {
        // Each character has three bytes, and six as an escape.
        let error = format!("{{\"errorMessage\":\"{}\"}}", "\u{FFFE}".repeat(180_000));
        let ended = Ended {
            request_id: "r",
            function_arn: "arn",
            qualifier: None,
            condition: Condition::RetriesExhausted,
            count: 3,
            payload: "{\"n\":\"\u{FFFF}\"}".as_bytes(),
            answer: Some(error.as_bytes()),
        };
        let text = record(&ended, Moment::from_millis(0)).unwrap();
        let payload = r#""requestPayload":{"n":"\uffff"}"#;
        assert!(text.contains(payload), "{} bytes without it", text.len());
        assert!(text.len() <= LARGEST && text.contains(r"\ufffe"), "{}", text.len());
    }

    #[test]
    fn an_event_that_never_ran_has_no_response() {
        for (condition, word) in [
            (Condition::ZeroReservedConcurrency, "ZeroReservedConcurrency"),
            (Condition::EventAgeExceeded, "EventAgeExceeded"),
        ] {
            let ended = Ended {
                request_id: "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                function_arn: "arn:aws:lambda:us-east-1:000000000000:function:f",
                qualifier: Some("live"),
                condition,
                count: 0,
                payload: b"not json",
                answer: None,
            };
            let text = record(&ended, Moment::from_millis(1_573_691_890_123)).unwrap();
            assert_eq!(
                serde_json::from_str::<Value>(&text).unwrap(),
                json!({
                    "version": "1.0",
                    "timestamp": "2019-11-14T00:38:10.123Z",
                    "requestContext": {
                        "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                        "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:live",
                        "condition": word,
                        "approximateInvokeCount": 0
                    },
                    "requestPayload": "not json"
                })
            );
        }
    }

    #[test]
    fn an_event_and_an_error_that_a_strict_reader_refuses_are_in_the_record_as_they_were() {
        let (event, error) =
            (r#"{"note":"thanks \ud83d","total":1e999}"#, r#"{"errorMessage":"\ud83d"}"#);
        let ended = Ended {
            request_id: "r",
            function_arn: "arn",
            qualifier: None,
            condition: Condition::RetriesExhausted,
            count: 3,
            payload: event.as_bytes(),
            answer: Some(error.as_bytes()),
        };
        let text = record(&ended, Moment::from_millis(0)).unwrap();
        assert!(text.contains(&format!(r#""requestPayload":{event},"#)), "{text}");
        assert!(text.contains(&format!(r#""responsePayload":{error}"#)), "{text}");
    }
}
