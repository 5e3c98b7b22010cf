//! Decides whether a letter is replayed, before anything that it names is used.

use lambda_shapes::stream_kind::StreamKind;
use tidegate::dead_letter::Payload;
use topology::Source;

use super::content::Content;
use super::origin::Origin;
use super::subscriber::{Receiver, receiver};
use crate::declared::{Declared, Function};

/// Longest id of a shard, by AWS's rule.
const SHARD_CHARACTERS: usize = 128;

/// Decision about a letter.
#[derive(Debug)]
pub(crate) enum Verdict<'a> {
    /// It is replayed through this function. A pointer also has the source whose records it names.
    Replay { function: Function<'a>, source: Option<&'a Source> },
    /// There is nothing to replay, or nothing that this command replays.
    LeftAlone(String),
    /// It names something that the topology does not declare, or that is in another account or
    /// region.
    Refused(String),
}

impl<'a> Verdict<'a> {
    /// Judges a letter. `queue` is the name of its queue in the topology.
    pub(crate) fn new(queue: &str, content: &Content, declared: &Declared<'a>) -> Self {
        match content {
            Content::Unknown { reason } => {
                Self::LeftAlone(format!("unknown ({reason}); it is left alone"))
            }
            Content::Asynchronous(failed) if failed.succeeded() => {
                Self::LeftAlone("the invocation succeeded: there is nothing to replay".to_owned())
            }
            Content::Rule(rule) if content.function().is_none() => Self::LeftAlone(format!(
                "its target {} is not a function; it is left alone",
                rule.target_arn
            )),
            Content::Undelivered(letter) => match receiver(queue, letter, declared) {
                Ok(Receiver::Function(function)) => Self::Replay { function, source: None },
                Ok(Receiver::Other(why)) => Self::LeftAlone(why),
                Err(why) => Self::Refused(why),
            },
            _ => match replayed(queue, content, declared) {
                Ok((function, source)) => Self::Replay { function, source },
                Err(why) => Self::Refused(why),
            },
        }
    }

    /// Returns the reason if the letter is refused.
    pub(crate) fn refusal(&self) -> Option<&str> {
        match self {
            Self::Refused(why) => Some(why),
            Self::Replay { .. } | Self::LeftAlone(_) => None,
        }
    }
}

fn replayed<'a>(
    queue: &str,
    content: &Content,
    declared: &Declared<'a>,
) -> Result<(Function<'a>, Option<&'a Source>), String> {
    let (function, source) = named(content, declared)?;
    Origin::new(content, source, declared)?.check(declared.topology, &function, queue)?;
    Ok((function, source))
}

/// Returns the function and the source that a letter names, if the topology declares them.
fn named<'a>(
    content: &Content,
    declared: &Declared<'a>,
) -> Result<(Function<'a>, Option<&'a Source>), String> {
    Ok(match content {
        Content::Pointer(pointer) => {
            let function = declared.function_of(&pointer.function_arn)?;
            let source = match pointer.kind {
                StreamKind::Kinesis => declared.stream(&function, &pointer.stream_arn)?,
                StreamKind::DynamoDb => declared.table_stream(&function, &pointer.stream_arn)?,
            };
            if !is_shard(&pointer.shard) {
                return Err(format!("`{}` is not the id of a shard", pointer.shard));
            }
            (function, Some(source))
        }
        Content::Asynchronous(failed) => (declared.function_of(&failed.function_arn)?, None),
        Content::Rule(rule) => (declared.target(&rule.rule_arn, &rule.target_arn)?, None),
        Content::Own(letter) => {
            let function = declared.function(&letter.function)?;
            if let Payload::Object { bucket, key } = &letter.payload {
                declared.payload(&function, &letter.id, bucket, key)?;
            }
            (function, None)
        }
        Content::Undelivered(_) => return Err("it names no subscription".to_owned()),
        Content::Unknown { reason } => return Err(reason.clone()),
    })
}

fn is_shard(id: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=SHARD_CHARACTERS).contains(&id.len()) && id.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use topology::{Topology, parse};

    use super::*;
    use crate::arn::Home;
    use crate::declared::BucketNames;

    fn judged<T>(
        body: &str,
        attributes: &[(&str, &str)],
        check: impl FnOnce(Verdict<'_>) -> T,
    ) -> T {
        let topology: Topology = parse(
            r#"
streams = { orders = {} }
queues = { dead = {} }
functions = {
  f = { sources = { orders = { stream = "orders", starting_position = "LATEST", on_failure = { queue = "dead" } } } }
  h = { asynchronous = { on_failure = { queue = "dead" } } }
}
"#,
        )
        .unwrap();
        let (prefix, home) =
            (String::new().parse().unwrap(), Home::new("aws", "us-east-1", "000000000000"));
        let buckets = BucketNames::Plain;
        let declared =
            Declared { topology: &topology, prefix: &prefix, home, buckets, qualifier: "live" };
        let attributes: BTreeMap<String, String> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        check(Verdict::new("dead", &Content::parse(body, &attributes, None), &declared))
    }

    fn refused(body: &str, because: &str) {
        judged(body, &[], |verdict| {
            let said = verdict.refusal().unwrap_or_else(|| panic!("{body}: {verdict:?}"));
            assert!(said.contains(because), "`{because}` is not in `{said}`");
        });
    }

    #[test]
    fn a_success_in_a_shared_destination_queue_is_left_alone() {
        let record = json!({
            "version": "1.0", "timestamp": "2026-11-01T00:00:00.000Z",
            "requestContext": {"requestId": "r", "condition": "Success", "approximateInvokeCount": 1,
                "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"},
            "requestPayload": {"id": "e-1", "source": "shop.orders", "detail-type": "OrderPlaced", "detail": {}},
            "responseContext": {"statusCode": 200, "executedVersion": "$LATEST"}, "responsePayload": null
        });
        let event = json!({"source": "lambda", "detail-type": "Lambda Function Invocation Result - Success", "detail": record});
        let notification = json!({"Type": "Notification", "Message": record.to_string()});
        for body in [&record, &event, &notification] {
            judged(&body.to_string(), &[], |verdict| match verdict {
                Verdict::LeftAlone(why) => assert!(why.contains("succeeded"), "{why}"),
                other => panic!("{body}: {other:?}"),
            });
        }
    }

    #[test]
    fn a_shard_has_an_id_of_aws_form() {
        let pointer = |shard: &str| {
            json!({
                "requestContext": {"functionArn": "arn:aws:lambda:us-east-1:000000000000:function:f", "condition": "c"},
                "KinesisBatchInfo": {"shardId": shard, "startSequenceNumber": "1", "endSequenceNumber": "1", "batchSize": 1,
                    "streamArn": "arn:aws:kinesis:us-east-1:000000000000:stream/orders"}
            })
            .to_string()
        };
        judged(&pointer("shardId-000000000000"), &[], |verdict| {
            assert!(matches!(verdict, Verdict::Replay { source: Some(_), .. }), "{verdict:?}");
        });
        for shard in ["", "../x", "shard id", "s\u{202e}", &"s".repeat(129)] {
            refused(&pointer(shard), "is not the id of a shard");
        }
    }

    #[test]
    fn every_shape_of_letter_is_compared_with_the_topology() {
        let asynchronous = json!({
            "requestContext": {"functionArn": "arn:aws:lambda:us-east-1:000000000000:function:g", "condition": "RetriesExhausted"},
            "requestPayload": {}
        });
        refused(&asynchronous.to_string(), "`g` is not a function");
        let here = asynchronous.to_string().replace("function:g", "function:h");
        judged(&here, &[], |verdict| {
            assert!(matches!(verdict, Verdict::Replay { .. }), "{verdict:?}")
        });
        let elsewhere = asynchronous.to_string().replace("function:g", "function:f");
        refused(&elsewhere, "queue dead is not one that the topology declares for f");
        let own = json!({
            "kind": "tidegate.dead-letter.v1", "id": "i", "function": "f", "source": "kinesis", "position": "s:1",
            "ordering_key": "k", "class": "permanent", "code": "c", "reason": "r", "arrived_at": null,
            "failed_at": "2026-01-01T00:00:00Z", "payload": {"object": {"bucket": "other", "key": "f/i.json"}}
        });
        refused(&own.to_string(), "is not the dead-letter bucket of f");
        let rule = [
            ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/shop/r"),
            ("TARGET_ARN", "arn:aws:lambda:us-east-1:000000000000:function:f"),
        ];
        judged("{}", &rule, |verdict| {
            assert!(verdict.refusal().unwrap().contains("is not a rule"))
        });
    }
}
