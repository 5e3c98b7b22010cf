//! Finds the service that bills a call, and its quantities.

use serde_json::Value;

use super::items::Items;
use super::meter::Quantity;
use super::reply::BilledReply;
use super::{dynamodb, messages, topics};
use crate::proxy::hook::Call;

/// Returns the billed quantities of a call.
pub(crate) fn quantities(call: &Call, reply: BilledReply<'_>, items: &Items) -> Vec<Quantity> {
    let Some((service, operation)) = call.operation.split_once('.') else { return Vec::new() };
    match service {
        "DynamoDB" => dynamodb::quantities(operation, &json(call), reply, items),
        "EventBridge" => messages::event_bridge(operation, &json(call), reply),
        "SQS" => messages::sqs(&json(call), reply),
        "SNS" => topics::sns(operation, &call.body, reply),
        "Kinesis" => messages::kinesis(operation, &call.body, reply),
        "SES" => messages::ses(operation, &call.body, reply),
        "S3" => messages::s3(operation),
        "Scheduler" => messages::scheduler(operation, reply),
        _ => Vec::new(),
    }
}

fn json(call: &Call) -> Value {
    serde_json::from_slice(&call.body).unwrap_or(Value::Null)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::meter::{
        EVENT_BYTES, EVENTS, GET_REQUESTS, MAILS, PUBLISHES, PUT_UNITS, QUEUE_REQUESTS, SCHEDULED,
        WRITE_UNITS,
    };
    use super::*;

    fn call(operation: &str, body: &str) -> Call {
        let head = http::Request::new(()).into_parts().0;
        let body = Bytes::copy_from_slice(body.as_bytes());
        Call { number: 0, caller: "f".to_owned(), operation: operation.to_owned(), head, body }
    }

    #[test]
    fn each_service_is_billed_in_its_own_quantities() {
        let done = BilledReply { error: None, body: b"{}" };
        for (operation, body, billed) in [
            ("DynamoDB.PutItem", r#"{"Item":{"k":{"S":"v"}}}"#, vec![(WRITE_UNITS, 1.0)]),
            (
                "EventBridge.PutEvents",
                r#"{"Entries":[{"Source":"s","Detail":"{}"}]}"#,
                vec![(EVENTS, 1.0), (EVENT_BYTES, 3.0)],
            ),
            ("SQS.SendMessage", r#"{"MessageBody":"b"}"#, vec![(QUEUE_REQUESTS, 1.0)]),
            ("Kinesis.PutRecord", r#"{"Data":"AAAA","PartitionKey":"k"}"#, vec![(PUT_UNITS, 1.0)]),
            ("S3.GetObject", "", vec![(GET_REQUESTS, 1.0)]),
            ("SES.SendEmail", "Destination.ToAddresses.member.1=a", vec![(MAILS, 1.0)]),
            ("Scheduler.CreateSchedule", "", vec![(SCHEDULED, 1.0)]),
            ("Scheduler.DeleteSchedule", "", vec![]),
            ("SNS.Publish", "TopicArn=t&Message=m", vec![(PUBLISHES, 1.0)]),
            ("STS.GetCallerIdentity", "", vec![]),
        ] {
            assert_eq!(
                quantities(&call(operation, body), done, &Items::default()),
                billed,
                "{operation}"
            );
        }
    }
}
