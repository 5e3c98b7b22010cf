//! Finds the receiver of a subscription's letter.

use topology::{Subscriber, Subscription};

use super::content::Undelivered;
use super::origin::is_or_moves_to;
use crate::declared::{Declared, Function};

/// The receiver of a letter.
#[derive(Debug)]
pub(super) enum Receiver<'a> {
    /// The one function to which the letter can belong.
    Function(Function<'a>),
    /// Why the letter is not replayed: its receiver is a queue, or may be one of several.
    Other(String),
}

/// Returns the receiver of a letter in `queue`, named as in the topology.
///
/// # Errors
/// No subscription of the topology writes such letters to this queue.
pub(super) fn receiver<'a>(
    queue: &str,
    letter: &Undelivered,
    declared: &Declared<'a>,
) -> Result<Receiver<'a>, String> {
    let arn = &letter.topic_arn;
    let name = declared.home.resource("sns", arn)?;
    let topology = declared.topology;
    let is_meant = |subscription: &Subscription| {
        let letters = subscription.dead_letter_queue.as_deref();
        let topic = topology.topics.get(&subscription.topic);
        topic.is_some_and(|topic| {
            declared.prefix.physical(&topic.physical_name(&subscription.topic)).as_str() == name
        }) && letters.is_some_and(|letters| is_or_moves_to(topology, letters, queue))
    };
    let mut meant: Vec<(&str, Subscriber<'a>)> = Vec::new();
    for (name, subscription) in &topology.subscriptions {
        // A queue with raw delivery has letters of another form.
        if is_meant(subscription)
            && !subscription.raw_message_delivery
            && let Some(subscriber) = subscription.subscriber()
        {
            meant.push((name, subscriber));
        }
    }
    match meant.as_slice() {
        [] => Err(format!(
            "queue {queue} is not one that the topology declares for a subscription of {name}"
        )),
        [(_, Subscriber::Function(function))] => {
            Ok(Receiver::Function(declared.function(declared.prefix.physical(function).as_str())?))
        }
        [(_, Subscriber::Queue(to))] => Ok(Receiver::Other(format!(
            "it is a message for queue {to}; send its body there again; it is left alone"
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|(name, _)| *name).collect();
            Ok(Receiver::Other(format!(
                "it may belong to any of the subscriptions {}, which share this queue; it is left \
                 alone: declare a dead-letter queue for each",
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use topology::parse;

    use super::super::content::Content;
    use super::super::verdict::Verdict;
    use super::*;
    use crate::arn::Home;
    use crate::declared::BucketNames;

    const TOPOLOGY: &str = r#"
topics = { alerts = {}, steps = { fifo = true } }
queues = {
  work = {}, dead = {}, shared = {}, elsewhere = {}, raw = {}
  steps = { fifo = true }, steps-dead = { fifo = true }
}
subscriptions = {
  f       = { topic = "alerts", function = "f", dead_letter_queue = "dead" }
  raw     = { topic = "alerts", queue = "raw", raw_message_delivery = true, dead_letter_queue = "dead" }
  g       = { topic = "alerts", function = "g", dead_letter_queue = "shared" }
  work    = { topic = "alerts", queue = "work", dead_letter_queue = "shared" }
  ordered = { topic = "steps", queue = "steps", dead_letter_queue = "steps-dead" }
}
functions = { f = {}, g = {} }
"#;

    /// Judges a letter of a topic in a queue.
    fn judged(topic: &str, queue: &str) -> Result<String, String> {
        let topology = parse(TOPOLOGY).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
        let (prefix, home) =
            ("shop-".parse().unwrap(), Home::new("aws", "us-east-1", "000000000000"));
        let buckets = BucketNames::Plain;
        let declared =
            Declared { topology: &topology, prefix: &prefix, home, buckets, qualifier: "live" };
        let body =
            json!({"Type": "Notification", "TopicArn": topic, "Message": "m", "MessageId": "i"});
        let attributes = [("RequestID", "r"), ("ErrorCode", "NotFound"), ("ErrorMessage", "no")];
        let attributes: BTreeMap<String, String> =
            attributes.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let content = Content::parse(&body.to_string(), &attributes, None);
        assert_eq!(content.kind(), "topic");
        match Verdict::new(queue, &content, &declared) {
            Verdict::Replay { function, source: None } => Ok(function.name),
            Verdict::LeftAlone(why) => Err(format!("left: {why}")),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_subscriptions_letter_belongs_to_the_one_function_that_its_queue_and_topic_name() {
        let alerts = "arn:aws:sns:us-east-1:000000000000:shop-alerts";
        assert_eq!(judged(alerts, "dead").as_deref(), Ok("shop-f"));
        let shared = judged(alerts, "shared").unwrap_err();
        assert!(
            shared.contains("left: it may belong to any of the subscriptions g, work"),
            "{shared}"
        );
        let steps = judged("arn:aws:sns:us-east-1:000000000000:shop-steps.fifo", "steps-dead");
        assert!(
            steps.as_ref().is_err_and(|why| why.contains("a message for queue steps")),
            "{steps:?}"
        );
        for (topic, queue, why) in [
            (alerts, "elsewhere", "queue elsewhere is not one that the topology declares"),
            ("arn:aws:sns:us-east-1:000000000000:other", "dead", "is not one that the topology"),
            (
                "arn:aws:sns:us-east-1:111111111111:shop-alerts",
                "dead",
                "is of account 111111111111",
            ),
            ("alerts", "dead", "is not an ARN"),
        ] {
            let said = judged(topic, queue).unwrap_err();
            assert!(said.starts_with("Refused") && said.contains(why), "{said}");
        }
    }
}
