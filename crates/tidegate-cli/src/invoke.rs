//! Invokes functions and judges their answers.

use std::fmt;
use std::time::{Duration, Instant};

use aws_sdk_lambda::error::DisplayErrorContext;
use aws_sdk_lambda::operation::invoke::InvokeOutput;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::InvocationType;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lambda_shapes::partial_response::{Reported, reported};
use serde_json::{Value, json};
use tidegate::batch::{OCCASION, REPLAY, TYPES};

/// Longest time for which a function may be throttled because all its environments are busy.
const THROTTLED_LIMIT: Duration = Duration::from_secs(60);
/// What the type of an error begins with that no repetition mends.
const PERMANENT: &str = "permanent.";
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The alias that Terraform creates for each function.
///
/// Mappings and rules use it. A deployment moves it forward, and a rollback moves it back. So it
/// always leads to the version that is live now. The local engine has it too.
pub(crate) const ALIAS: &str = "live";

/// A function to invoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Invoked<'a> {
    /// Name in Lambda.
    pub(crate) name: &'a str,
    /// Alias or version.
    pub(crate) qualifier: &'a str,
}

/// Kind of event that a function gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A batch. The answer must be a valid partial batch response without failures.
    Batch,
    /// One event. Lambda ignores the answer to an asynchronous invocation, but failures listed in
    /// it count here.
    Event,
}

/// Why a function is invoked, which it reads from its client context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose<'a> {
    /// A replay. The function reports a permanent failure instead of dead-lettering it again.
    Replay {
        /// Request id of the invocation that it repeats, if known.
        occasion: Option<&'a str>,
    },
    /// Events of the store are published again. A permanent failure is reported, as for a replay.
    Republish {
        /// Patterns of the types of events that leave; empty: all.
        types: &'a [String],
    },
    /// A first run, like a delivery by the source.
    Run {
        /// The same as for a replay.
        occasion: Option<&'a str>,
    },
}

impl fmt::Display for Invoked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.qualifier)
    }
}

impl Purpose<'_> {
    /// Returns the custom fields of the client context.
    fn custom(self) -> serde_json::Map<String, Value> {
        let mut custom = serde_json::Map::new();
        if let Purpose::Replay { .. } | Purpose::Republish { .. } = self {
            custom.insert(REPLAY.to_owned(), Value::from("true"));
        }
        match self {
            Purpose::Replay { occasion } | Purpose::Run { occasion } => {
                custom.extend(occasion.map(|id| (OCCASION.to_owned(), Value::from(id))));
            }
            // The fields of a client context are texts.
            Purpose::Republish { types } if !types.is_empty() => {
                custom.insert(TYPES.to_owned(), Value::from(json!(types).to_string()));
            }
            Purpose::Republish { .. } => {}
        }
        custom
    }
}

/// Invokes a function and waits for its answer.
///
/// HTTP status 200 is not enough: the function may have failed, or some of its records may have.
///
/// # Errors
/// Why the invocation did not succeed, for people.
pub(crate) async fn invoke(
    client: &aws_sdk_lambda::Client,
    function: Invoked<'_>,
    event: &[u8],
    shape: Shape,
    purpose: Purpose<'_>,
) -> Result<(), String> {
    let answer = sent(client, function, event, purpose.custom()).await?;
    let payload = answer.payload().map_or(&[][..], AsRef::as_ref);
    judge(answer.status_code(), answer.function_error(), payload, shape)
}

/// Why a function did not answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unanswered {
    /// For people.
    pub(crate) why: String,
    /// Whether it would not answer another time either.
    pub(crate) is_final: bool,
}

/// Invokes a function and returns its answer.
///
/// # Errors
/// It could not be invoked, or failed.
pub(crate) async fn ask(
    client: &aws_sdk_lambda::Client,
    function: Invoked<'_>,
    event: &[u8],
) -> Result<Vec<u8>, Unanswered> {
    let passing = |why: String| Unanswered { why, is_final: false };
    let answer = sent(client, function, event, serde_json::Map::new()).await.map_err(passing)?;
    let payload = answer.payload().map_or_else(Vec::new, |payload| payload.as_ref().to_vec());
    match (answer.status_code(), answer.function_error()) {
        (200, None) => Ok(payload),
        (200, Some(kind)) => {
            let what = described(&payload).unwrap_or_else(|| kind.to_owned());
            let is_final = what.starts_with(PERMANENT);
            Err(Unanswered { why: format!("{function} failed: {what}"), is_final })
        }
        (status, _) => Err(passing(format!("{function} was answered with HTTP {status}"))),
    }
}

/// Sends an invocation. Waits while all environments are busy.
async fn sent(
    client: &aws_sdk_lambda::Client,
    function: Invoked<'_>,
    event: &[u8],
    custom: serde_json::Map<String, Value>,
) -> Result<InvokeOutput, String> {
    let mut call = client
        .invoke()
        .function_name(function.name)
        .qualifier(function.qualifier)
        .invocation_type(InvocationType::RequestResponse)
        .payload(Blob::new(event));
    if !custom.is_empty() {
        call = call.client_context(STANDARD.encode(json!({ "custom": custom }).to_string()));
    }
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        match call.clone().send().await {
            Ok(answer) => return Ok(answer),
            Err(error) => match error.as_service_error() {
                // It did not run.
                Some(refused)
                    if refused.is_too_many_requests_exception()
                        && began.elapsed() < THROTTLED_LIMIT =>
                {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Some(refused) => {
                    let mut message =
                        refused.meta().message().map_or_else(|| refused.to_string(), str::to_owned);
                    if refused.is_resource_not_found_exception() {
                        message.push_str("; --qualifier names another alias or version");
                    }
                    return Err(format!("{function} refused the invocation: {message}"));
                }
                None => {
                    return Err(format!(
                        "{function} could not be invoked: {}",
                        DisplayErrorContext(&error)
                    ));
                }
            },
        }
    }
}

/// Returns the name in a function's ARN, without version or alias.
pub(crate) fn short_name(function: &str) -> &str {
    let rest = function.split_once(":function:").map_or(function, |(_, rest)| rest);
    rest.split(':').next().unwrap_or(rest)
}

fn judge(
    status: i32,
    function_error: Option<&str>,
    payload: &[u8],
    shape: Shape,
) -> Result<(), String> {
    if status != 200 {
        return Err(format!("the invocation was answered with HTTP {status}"));
    }
    if let Some(kind) = function_error {
        return Err(format!(
            "the function failed: {}",
            described(payload).unwrap_or_else(|| kind.to_owned())
        ));
    }
    match (reported(payload), shape) {
        (Reported::Nothing, _) | (Reported::Invalid(_), Shape::Event) => Ok(()),
        (Reported::Items(items), _) => Err(format!(
            "the function could not apply {} (its log says why)",
            match items.as_slice() {
                [one] => format!("record {one}"),
                many => format!("{} records", many.len()),
            }
        )),
        (Reported::Invalid(why), Shape::Batch) => {
            Err(format!("the function's answer is not a valid partial batch response: {why}"))
        }
    }
}

/// Describes Lambda's error object.
fn described(payload: &[u8]) -> Option<String> {
    let error = aws_json::value(payload).ok()?;
    let message = error.get("errorMessage").and_then(Value::as_str)?;
    Some(match error.get("errorType").and_then(Value::as_str) {
        Some(kind) => format!("{kind}: {message}"),
        None => message.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_200_alone_is_no_success() {
        let failed = judge(
            200,
            Some("Unhandled"),
            br#"{"errorType":"transient.x","errorMessage":"down"}"#,
            Shape::Event,
        );
        assert_eq!(failed, Err("the function failed: transient.x: down".to_owned()));
        let half = br#"{"errorType":"transient.x","errorMessage":"down \ud83d"}"#;
        let failed = judge(200, Some("Unhandled"), half, Shape::Event);
        assert_eq!(failed, Err("the function failed: transient.x: down ?".to_owned()));
        let partial =
            judge(200, None, br#"{"batchItemFailures":[{"itemIdentifier":"42"}]}"#, Shape::Batch);
        assert_eq!(
            partial,
            Err("the function could not apply record 42 (its log says why)".to_owned())
        );
        assert!(
            judge(200, None, br#"{"batchItemFailures":[{"itemIdentifier":""}]}"#, Shape::Batch)
                .is_err()
        );
        assert!(judge(202, None, b"", Shape::Event).is_err());
    }

    #[test]
    fn every_form_of_success_is_one() {
        for answer in
            ["", "null", "{}", "[]", r#"{"batchItemFailures":[]}"#, r#"{"batchItemFailures":null}"#]
        {
            assert_eq!(judge(200, None, answer.as_bytes(), Shape::Batch), Ok(()), "{answer}");
        }
        assert_eq!(judge(200, None, br#""done""#, Shape::Event), Ok(()));
        assert!(judge(200, None, br#""done""#, Shape::Batch).is_err());
    }

    #[test]
    fn a_first_run_may_repeat_an_invocation_and_is_no_replay() {
        let run = Purpose::Run { occasion: Some("r1") }.custom();
        assert_eq!(Value::from(run), json!({ OCCASION: "r1" }));
        assert!(Purpose::Run { occasion: None }.custom().is_empty());
        let replay = Purpose::Replay { occasion: Some("r1") }.custom();
        assert_eq!(Value::from(replay), json!({ REPLAY: "true", OCCASION: "r1" }));
        let types = ["Order*".to_owned(), "Paid".to_owned()];
        let some = Purpose::Republish { types: &types }.custom();
        let expected = json!({ REPLAY: "true", TYPES: r#"["Order*","Paid"]"# });
        assert_eq!(Value::from(some), expected);
        let all = Purpose::Republish { types: &[] }.custom();
        assert_eq!(Value::from(all), json!({ REPLAY: "true" }));
    }

    #[test]
    fn the_alias_is_the_one_that_terraform_gives_each_function() {
        let locals = include_str!("../../../infra/locals.tf");
        let declared = locals.lines().find_map(|line| line.trim().strip_prefix("function_alias"));
        assert_eq!(declared.map(|line| line.replace([' ', '='], "")), Some(format!("\"{ALIAS}\"")));
    }

    #[test]
    fn functions_are_named_by_name_or_arn() {
        for given in [
            "f",
            "arn:aws:lambda:us-east-1:000000000000:function:f",
            "arn:aws:lambda:us-east-1:0:function:f:live",
        ] {
            assert_eq!(short_name(given), "f");
        }
    }
}
