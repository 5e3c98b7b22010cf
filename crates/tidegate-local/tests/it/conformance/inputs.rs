//! What LocalStack gives the target of a rule, beside what `topology::input` makes of the same
//! event. LocalStack's tests of inputs were recorded against AWS.

use std::time::{Duration, Instant};

use aws_sdk_eventbridge::types::{InputTransformer, PutEventsRequestEntry, Target};
use serde_json::{Value, json};
use tidegate_local::clients::Clients;
use tidegate_local::emulator::Backend;
use topology::input::{Context, Input};

use crate::backend::started;
use crate::delivery::queue;

/// An input, and what LocalStack makes of it if that is something else.
struct Case {
    name: &'static str,
    input: Value,
    localstack: Option<Value>,
}

fn case(name: &'static str, input: Value) -> Case {
    Case { name, input, localstack: None }
}

fn template(name: &'static str, template: &str) -> Case {
    let paths = json!({
        "subject": "$.detail.subject", "number": "$.detail.number", "yes": "$.detail.yes",
        "zero": "$.detail.zero", "no": "$.detail.no", "object": "$.detail.object",
        "list": "$.detail.list", "absent": "$.detail.absent", "first": "$.detail.list[0]",
    });
    case(name, json!({ "input_transformer": { "paths": paths, "template": template } }))
}

fn cases() -> Vec<Case> {
    vec![
        case("the event", json!({})),
        case("a constant object", json!({ "input": { "go": [1, "two", true] } })),
        case("a part", json!({ "input_path": "$.detail" })),
        case("a text of the event", json!({ "input_path": "$.detail.subject" })),
        case("an element of a list", json!({ "input_path": "$.detail.list[1]" })),
        // Without a number: LocalStack sends nothing if one is between quotes.
        template("text", r#""order <subject> has <first>""#),
        template("values outside of quotes", r#"{"a": <subject>, "b": <number>, "c": <yes>}"#),
        template("an object and a list", r#"{"a": <object>, "b": <list>, "c": <first>}"#),
        template("a value in quotes", r#"{"a": "order <subject>!"}"#),
        template("absent values", r#"{"a": <absent>, "b": "x<absent>y"}"#),
        template("the rule", r#"{"a": <aws.events.rule-arn>, "b": <aws.events.rule-name>}"#),
        template("the whole event", r#"{"a": <aws.events.event.json>}"#),
        template("the event without its detail", r#"{"a": <aws.events.event>}"#),
        Case {
            // The guide: only a value that is not in the event does not appear.
            localstack: Some(json!({ "a": "", "b": "" })),
            ..template("zero and false", r#"{"a": <zero>, "b": <no>}"#)
        },
    ]
}

/// Puts a rule with this target on the bus, and returns the rule's ARN.
async fn rule(clients: &Clients, bus: &str, name: &str, queue: &str, input: &Value) -> String {
    let put = clients.events.put_rule().name(name).event_bus_name(bus);
    let put = put.event_pattern(r#"{"source":["shop.orders"]}"#).send().await.unwrap();
    let transformer = input.get("input_transformer").map(|transformer| {
        let builder =
            InputTransformer::builder().input_template(transformer["template"].as_str().unwrap());
        let paths = transformer["paths"].as_object().unwrap().iter();
        let builder = paths.fold(builder, |builder, (name, path)| {
            builder.input_paths_map(name, path.as_str().unwrap())
        });
        builder.build().unwrap()
    });
    let target = Target::builder()
        .id("target")
        .arn(queue)
        .set_input(input.get("input").map(Value::to_string))
        .set_input_path(input.get("input_path").map(|path| path.as_str().unwrap().to_owned()))
        .set_input_transformer(transformer);
    let targets = clients.events.put_targets().rule(name).event_bus_name(bus);
    let targets = targets.targets(target.build().unwrap()).send().await.unwrap();
    assert_eq!(targets.failed_entry_count(), 0, "{targets:?}");
    put.rule_arn.unwrap()
}

async fn message(clients: &Clients, url: &str) -> String {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let receive = clients.sqs.receive_message().queue_url(url).wait_time_seconds(5);
        let received = receive.send().await.unwrap().messages.unwrap_or_default();
        if let Some(message) = received.into_iter().next() {
            return message.body.unwrap();
        }
        assert!(Instant::now() < deadline, "nothing came to {url}");
    }
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!({ "not JSON": text }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs LocalStack: make conformance"]
async fn what_localstack_gives_a_target_is_what_the_engine_gives_or_is_explained() {
    let backend = started(&Backend::LocalStack).await;
    let clients = &backend.clients;
    let bus = "conformance";
    clients.events.create_event_bus().name(bus).send().await.unwrap();
    let mut set_up = Vec::new();
    for (n, case) in cases().into_iter().enumerate() {
        let name = format!("input-{n}");
        let (url, arn) = queue(clients, &name, false).await;
        let rule_arn = rule(clients, bus, &name, &arn, &case.input).await;
        set_up.push((case, name, url, rule_arn));
    }
    let detail = json!({
        "subject": "order#7", "number": 12.5, "yes": true, "zero": 0, "no": false,
        "object": { "k": "v" }, "list": ["a", "b"],
    });
    let event = PutEventsRequestEntry::builder().event_bus_name(bus).source("shop.orders");
    let event = event.detail_type("Placed").detail(detail.to_string()).build();
    clients.events.put_events().entries(event).send().await.unwrap();

    let event = message(clients, &set_up[0].2).await;
    let time = read(&event)["time"].as_str().unwrap().to_owned();
    for (case, rule_name, url, rule_arn) in &set_up[1..] {
        let mut declared = json!({ "queue": "q" });
        declared.as_object_mut().unwrap().extend(case.input.as_object().unwrap().clone());
        let input = Input::parse(&serde_json::from_value(declared).unwrap()).unwrap();
        let context = Context { rule_arn, rule_name, ingestion_time: &time };
        let ours = read(&input.build(&event, &context).unwrap());
        let theirs = read(&message(clients, url).await);
        match &case.localstack {
            None => assert_eq!(ours, theirs, "{}", case.name),
            Some(explained) => {
                assert_eq!(&theirs, explained, "{}", case.name);
                assert_ne!(ours, theirs, "{}: explained, and the same", case.name);
            }
        }
        println!("{}: {ours}", case.name);
    }
}
