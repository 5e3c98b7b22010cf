//! Tests that every statement of every role is needed and enforced.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use crate::deployment::Deployment;
use crate::differences::matches;
use crate::order::{place_order, put_event, put_record};
use crate::wait::{say, timed, until};

/// Number of bytes that no message can hold.
const TOO_LARGE: usize = 300_000;
/// Lines of an order whose event fits neither into one item of DynamoDB nor onto the bus.
const LINES_OF_A_LARGE_ORDER: usize = 9000;

/// Attempts to test a statement.
const ATTEMPTS: u32 = 3;

/// An input of the system.
#[derive(Clone, Copy, Debug)]
enum Stimulus {
    Order {
        lines: usize,
    },
    /// A record on the stream that is not a command.
    BadRecord {
        bytes: usize,
    },
    /// An item in the event store that is not a commit.
    BadCommit {
        bytes: usize,
    },
    /// An event on the bus that is not an envelope.
    BadEvent {
        bytes: usize,
    },
}

/// The effect of an input.
#[derive(Clone, Copy, Debug)]
enum Effect {
    /// A row in the read model.
    Row,
    Mail,
    /// A dead letter of the function with the record in it.
    Letter,
    /// A dead letter of the function that names an object in the bucket.
    LetterWithObject,
}

const ORDER: Stimulus = Stimulus::Order { lines: 1 };
const LARGE_ORDER: Stimulus = Stimulus::Order { lines: LINES_OF_A_LARGE_ORDER };

/// Function, statement, the input that needs the statement, and the effect that is missing without
/// it.
const NEEDED: [(&str, &str, Stimulus, Effect); 16] = [
    ("order-processor", "UsesEventStoreTable", ORDER, Effect::Row),
    (
        "order-processor",
        "UsesDeadLetterQueueUrl",
        Stimulus::BadRecord { bytes: 10 },
        Effect::Letter,
    ),
    (
        "order-processor",
        "UsesDeadLetterBucket",
        Stimulus::BadRecord { bytes: TOO_LARGE },
        Effect::LetterWithObject,
    ),
    ("event-publisher", "UsesEventStoreTable", LARGE_ORDER, Effect::Mail),
    ("event-publisher", "UsesEventBus", ORDER, Effect::Mail),
    (
        "event-publisher",
        "UsesDeadLetterQueueUrl",
        Stimulus::BadCommit { bytes: 10 },
        Effect::Letter,
    ),
    (
        "event-publisher",
        "UsesDeadLetterBucket",
        Stimulus::BadCommit { bytes: TOO_LARGE },
        Effect::LetterWithObject,
    ),
    ("order-projection", "UsesEventStoreTable", LARGE_ORDER, Effect::Row),
    ("order-projection", "UsesOrderViewTable", ORDER, Effect::Row),
    ("order-projection", "UsesSalesTable", ORDER, Effect::Row),
    (
        "order-projection",
        "UsesDeadLetterQueueUrl",
        Stimulus::BadCommit { bytes: 10 },
        Effect::Letter,
    ),
    (
        "order-projection",
        "UsesDeadLetterBucket",
        Stimulus::BadCommit { bytes: TOO_LARGE },
        Effect::LetterWithObject,
    ),
    ("notification", "UsesEventStoreTable", LARGE_ORDER, Effect::Mail),
    ("notification", "UsesIdempotencyTable", ORDER, Effect::Mail),
    ("notification", "UsesDeadLetterQueueUrl", Stimulus::BadEvent { bytes: 10 }, Effect::Letter),
    (
        "notification",
        "UsesDeadLetterBucket",
        Stimulus::BadEvent { bytes: TOO_LARGE },
        Effect::LetterWithObject,
    ),
];

/// Statements whose need these tests cannot show: role, statement and reason. `*` matches any text.
const NOT_SHOWN: [(&str, &str, &str); 16] = [
    ("*", "Logs", "the emulator writes a function's log itself, whatever its role says"),
    (
        "order-processor",
        "SourceOrders",
        "the emulator's mappings read their sources without the role",
    ),
    (
        "event-publisher",
        "SourceEventStore",
        "the emulator's mappings read their sources without the role",
    ),
    (
        "order-projection",
        "SourceEventStore",
        "the emulator's mappings read their sources without the role",
    ),
    (
        "*",
        "OnFailure*",
        "the emulator sends nothing to an on-failure destination, or without the role",
    ),
    ("notification", "UsesSenderAddress", "the emulator never grants it: see EMULATOR_GRANTS"),
    ("event-publisher", "UsesFulfilmentQueueUrl", SENT_BESIDE),
    ("event-publisher", "UsesInventoryQueueUrl", SENT_BESIDE),
    ("event-publisher", "UsesLedgerQueueUrl", SENT_BESIDE),
    ("event-publisher", "UsesPaymentQueueUrl", SENT_BESIDE),
    ("event-publisher", "UsesShippingQueueUrl", SENT_BESIDE),
    ("event-publisher", "UsesDeadlines", NO_DEADLINES),
    ("event-publisher", "PassDeadlines", NO_DEADLINES),
    ("schedules-deadlines", "*", NO_DEADLINES),
    ("order-projection", "UsesFulfilment*", "no process runs here, so its view is empty"),
    ("order-projection", "UsesOrderViewTableIndexes", "a projection does not query"),
];

/// Why a queue of the publisher is not shown to be needed.
const SENT_BESIDE: &str = "the e-mail does not depend on it: each target is sent to by itself";

/// Why nothing here needs the group of schedules.
const NO_DEADLINES: &str = "no process runs here, so no deadline is set";

#[tokio::test(flavor = "multi_thread")]
async fn without_any_one_statement_of_a_role_its_call_is_refused_and_what_needs_it_does_not_come_about()
 {
    let system = Deployment::apply().await;
    let mut needed: BTreeSet<(&str, &str)> =
        NEEDED.iter().map(|(function, sid, ..)| (*function, *sid)).collect();
    let mut not_shown: BTreeSet<(&str, &str)> =
        NOT_SHOWN.iter().map(|(function, sid, _)| (*function, *sid)).collect();
    let policies = system.terraform.resources("aws_iam_role_policy").await;
    for policy in &policies {
        let function = policy["role"].as_str().unwrap();
        let document = document_of(policy);
        for statement in document["Statement"].as_array().unwrap() {
            let sid = statement["Sid"].as_str().expect("a statement has a Sid");
            let listed = NOT_SHOWN
                .iter()
                .find(|(of, named, _)| matches(of, function) && matches(named, sid));
            if let Some((pattern, of, _)) = listed {
                not_shown.remove(&(*pattern, *of));
                continue;
            }
            let case = NEEDED.iter().find(|(of, named, ..)| (*of, *named) == (function, sid));
            let (_, _, stimulus, effect) =
                case.unwrap_or_else(|| panic!("{function} has the statement {sid}: say in NEEDED what needs it, or in NOT_SHOWN why nothing does"));
            let step = format!("without {sid}, {function}");
            let refused =
                timed(&step, needs(&system, function, policy, statement, *stimulus, *effect)).await;
            say(&format!("… is refused {refused}; {stimulus:?} has no {effect:?}"));
            needed.retain(|(of, named)| (*of, *named) != (function, sid));
        }
    }
    assert!(needed.is_empty(), "NEEDED has statements that no role has: {needed:?}");
    assert!(not_shown.is_empty(), "NOT_SHOWN has statements that no role has: {not_shown:?}");
    say(&format!(
        "{} statements of {} roles are needed, {} are not shown to be",
        NEEDED.len(),
        policies.len(),
        NOT_SHOWN.len()
    ));
}

/// Tests one statement. Returns the refused action.
///
/// The invocation for an earlier input may still run when its effect is there. If that invocation
/// is refused, the statement comes back too early, and the input of this test has its effect. Such
/// an attempt proves nothing and is repeated.
async fn needs(
    system: &Deployment,
    function: &str,
    policy: &Value,
    statement: &Value,
    stimulus: Stimulus,
    effect: Effect,
) -> String {
    for attempt in 1..=ATTEMPTS {
        let refused = refused(system, function, policy, statement, stimulus, effect, attempt).await;
        if let Some(action) = refused {
            return action;
        }
        say("… an earlier invocation was refused, not this one");
    }
    panic!("{function} did {effect:?} without {}, {ATTEMPTS} times", statement["Sid"]);
}

/// Makes one attempt.
///
/// It removes the statement, sends an input that needs it, waits for the refusal, restores the
/// statement, and sends the same input again. The emulator reads sources in order and repeats
/// nothing. So when the second input has its effect, the first never will. Returns the refused
/// action, or `None` if the first input has had its effect.
async fn refused(
    system: &Deployment,
    function: &str,
    policy: &Value,
    statement: &Value,
    stimulus: Stimulus,
    effect: Effect,
    attempt: u32,
) -> Option<String> {
    let sid = statement["Sid"].as_str().unwrap();
    let name = |what: &str| format!("{function}-{sid}-{attempt}-{what}");
    let document = document_of(policy);
    let mut without = document.clone();
    without["Statement"].as_array_mut().unwrap().retain(|other| other != statement);
    put_policy(system, function, policy, &without).await;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let actions: Vec<&str> = match &statement["Action"] {
        Value::String(action) => vec![action],
        actions => {
            actions.as_array().unwrap().iter().map(|action| action.as_str().unwrap()).collect()
        }
    };
    let lost = stimulus.send(system, &name("refused")).await;
    let refused = until(&format!("{function} is refused without {sid}"), async || {
        let input =
            json!({ "logGroupName": format!("/aws/lambda/{function}"), "startTime": since, "limit": 10000 });
        let answer = system.api.json("logs", "Logs_20140328.FilterLogEvents", &input).await;
        let lines: Vec<&str> = answer["events"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|event| event["message"].as_str())
            .collect();
        let refused = |action: &&&str| {
            lines.iter().any(|line| line.contains(&format!("not authorized to perform: {action}")))
        };
        let tail = || {
            lines.iter().rev().take(6).fold(String::new(), |mut tail, line| {
                let _ = write!(tail, "\n{}", line.chars().take(600).collect::<String>());
                tail
            })
        };
        actions.iter().find(refused).map(|action| (*action).to_owned()).ok_or_else(tail)
    })
    .await;
    put_policy(system, function, policy, &document).await;
    let granted = stimulus.send(system, &name("granted")).await;
    until(&format!("{stimulus:?} has its {effect:?} with {sid} of {function}"), async || {
        if effect.is_there(system, function, &granted).await {
            Ok(())
        } else {
            Err("not there".to_owned())
        }
    })
    .await;
    (!effect.is_there(system, function, &lost).await).then_some(refused)
}

fn document_of(policy: &Value) -> Value {
    serde_json::from_str(policy["policy"].as_str().unwrap()).expect("a policy")
}

async fn put_policy(system: &Deployment, function: &str, policy: &Value, document: &Value) {
    let name = policy["name"].as_str().unwrap();
    let document = document.to_string();
    let parameters =
        [("RoleName", function), ("PolicyName", name), ("PolicyDocument", document.as_str())];
    system.api.query("iam", "PutRolePolicy", &parameters).await;
}

impl Stimulus {
    /// Sends the input. Returns the text that identifies its effect.
    async fn send(self, system: &Deployment, name: &str) -> String {
        match self {
            Self::Order { lines } => {
                put_record(system, &format!("order#{name}"), place_order(name, lines).to_string())
                    .await;
            }
            Self::BadRecord { bytes } => put_record(system, name, "x".repeat(bytes)).await,
            Self::BadCommit { bytes } => {
                let put = system.clients.dynamodb.put_item().table_name("event-store");
                let put = put.item("stream", AttributeValue::S(format!("order#{name}")));
                let put = put.item("version", AttributeValue::N("1".to_owned()));
                put.item("events", AttributeValue::S("x".repeat(bytes)))
                    .send()
                    .await
                    .expect("a stored item");
            }
            Self::BadEvent { bytes } => {
                return put_event(system, json!({ "nonsense": "x".repeat(bytes) })).await;
            }
        }
        name.to_owned()
    }
}

impl Effect {
    async fn is_there(self, system: &Deployment, function: &str, marker: &str) -> bool {
        match self {
            Self::Row => system.orders().await.contains_key(marker),
            Self::Mail => system.mail().await.iter().any(|mail| mail.subject.ends_with(marker)),
            Self::Letter | Self::LetterWithObject => {
                let part = if let Self::Letter = self { "record" } else { "object" };
                let letters = system.messages("dead-letters").await;
                letters.iter().any(|letter| {
                    letter["function"] == function
                        && letter["payload"].get(part).is_some()
                        && letter.to_string().contains(marker)
                })
            }
        }
    }
}
