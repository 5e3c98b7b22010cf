//! Tests of rules whose target queues refuse the characters that SQS refuses.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::bus::{BusQueue, BusStatus, Retries, Rule, Target, start};
use crate::pace::Pace;
use crate::send_error::SendError;
use crate::tests::stand_in::StandIn;
use topology::input::Input;
use topology::pattern::Pattern;

/// Refuses every event for a function, with a reason in characters that SQS refuses.
struct Refusing;

impl EventQueue for Refusing {
    fn accept<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        Box::pin(async { Err("no \u{FFFF}".to_owned().into()) })
    }
}

fn queue(sqs: &StandIn, name: &str) -> Target {
    Target::Queue { url: sqs.url(name), group: None }
}

fn rule(name: &str, pattern: &Value, target: Target, sqs: &StandIn) -> Rule {
    Rule {
        name: name.to_owned(),
        rule: name.to_owned(),
        arn: format!("arn:of:{name}"),
        pattern: Pattern::parse(pattern).unwrap(),
        input: Input::Event,
        target,
        target_arn: "arn:of:target".to_owned(),
        dead_letters: Some(sqs.url("letters")),
        retries: Retries { maximum_attempts: 0, maximum_age: Duration::from_secs(60) },
    }
}

/// Routes one event by these rules until the bus is done with it.
async fn routed(sqs: &StandIn, rules: Vec<Rule>) -> BusStatus {
    routed_by(sqs, rules, Arc::new(Refusing)).await
}

async fn routed_by(sqs: &StandIn, rules: Vec<Rule>, events: Arc<dyn EventQueue>) -> BusStatus {
    let router = start(BusQueue {
        bus: "shop".to_owned(),
        queue_url: sqs.url("tidegate-bus-shop"),
        rules,
        clients: sqs.clients(),
        events,
        replays: Arc::default(),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
        hidden: Duration::from_secs(60),
        time_scale: 1000.0,
    });
    let status = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let status = router.status();
            if sqs.deleted() == 1 && status.idle_since.is_some() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    let status = status.await.unwrap_or_else(|_| panic!("{router:?}"));
    router.stop().await;
    status
}

#[tokio::test]
async fn an_event_with_characters_that_sqs_does_not_take_reaches_queues_and_dead_letters() {
    let event = json!({"source": "shop", "detail": {"name": "\u{FFFE}\u{FFFF}"}});
    let sqs = StandIn::start([event.to_string().as_str()]).await;
    let any = json!({"source": ["shop"]});
    let rules = vec![
        rule("queue", &any, queue(&sqs, "work"), &sqs),
        rule("function", &any, Target::Function("f".to_owned()), &sqs),
    ];
    routed(&sqs, rules).await;
    for queue in ["work", "letters"] {
        let bodies = sqs.bodies(queue);
        let taken: Vec<Value> =
            bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert_eq!(taken, std::slice::from_ref(&event), "{queue}");
    }
    assert_eq!(sqs.attributes("letters", "ERROR_MESSAGE"), ["no \u{FFFD}"]);
    assert_eq!(sqs.refused(), 0);
}

// serde-rs/json#827: half of a surrogate pair. `Infinity` is what MiniStack makes of 1e999.
#[tokio::test]
async fn an_event_that_a_strict_reader_refuses_is_matched_and_handed_over_as_it_is() {
    let detail = r#""type":"order","note":"thanks \ud83d","total":1.10,"type":"order""#;
    let event = format!(r#"{{"source":"shop","detail":{{{detail},"limit":1e999}}}}"#);
    let given = event.replace("1e999", "Infinity");
    let sqs = StandIn::start([given.as_str()]).await;
    let order = json!({"source": ["shop"], "detail": {"type": ["order"]}});
    let other = json!({"detail": {"type": [{"anything-but": "order"}]}});
    let rules = vec![
        rule("queue", &order, queue(&sqs, "work"), &sqs),
        rule("function", &order, Target::Function("f".to_owned()), &sqs),
        rule("other", &other, queue(&sqs, "other"), &sqs),
    ];
    let status = routed(&sqs, rules).await;
    assert_eq!((status.events, status.unmatched), (1, 0));
    for queue in ["work", "letters"] {
        assert_eq!(sqs.bodies(queue), [event.as_str()], "{queue}");
    }
    assert_eq!(sqs.bodies("other"), [""; 0]);
}

#[tokio::test]
async fn an_event_that_is_not_json_is_reported() {
    let sqs = StandIn::start([r#"{"source":"shop","detail":NaN}"#]).await;
    let any = json!({"source": ["shop"]});
    let status = routed(&sqs, vec![rule("queue", &any, queue(&sqs, "work"), &sqs)]).await;
    assert_eq!((status.unmatched, sqs.bodies("work").len()), (1, 0));
    let says = "an event of bus shop is not JSON and matches no rule: expected a value at line 1 column 27";
    assert_eq!(status.last_error.as_deref(), Some(says));
}

#[tokio::test]
async fn an_event_that_no_queue_takes_is_dropped_and_not_sent_for_ever() {
    // Three bytes each, and six as escapes: more than a message may have.
    let event = json!({"source": "shop", "detail": "\u{FFFE}".repeat(180_000)});
    let sqs = StandIn::start([event.to_string().as_str()]).await;
    let any = json!({"source": ["shop"]});
    let status = routed(&sqs, vec![rule("queue", &any, queue(&sqs, "work"), &sqs)]).await;
    let error = status.last_error.unwrap_or_default();
    assert!(error.contains("the dead letter of rule queue"), "{error}");
    assert_eq!((status.destination_failures.count, sqs.bodies("letters").len()), (1, 0));
}

/// Routes an event that its function refuses, with this queue for its dead letter.
async fn given_up_to(queue: Option<&str>) -> (StandIn, BusStatus) {
    let sqs = StandIn::start([json!({"source": "shop"}).to_string().as_str()]).await;
    let any = json!({"source": ["shop"]});
    let mut rule = rule("function", &any, Target::Function("f".to_owned()), &sqs);
    rule.dead_letters = queue.map(|queue| sqs.url(queue));
    let status = routed(&sqs, vec![rule]).await;
    (sqs, status)
}

#[tokio::test]
async fn a_dead_letter_that_its_queue_refuses_for_good_is_lost_and_counted() {
    for (queue, why) in [
        (Some("gone"), "QueueDoesNotExist"),
        (Some("closed"), "AccessDenied"),
        (None, "has no dead-letter queue"),
    ] {
        let (sqs, status) = given_up_to(queue).await;
        let lost = status.destination_failures;
        assert_eq!(lost.count, 1, "{queue:?}");
        assert!(lost.last.as_ref().is_some_and(|last| last.contains(why)), "{lost:?}");
        assert_eq!(sqs.refused(), usize::from(queue.is_some()), "{queue:?}");
        assert_eq!(status.rules["function"].failed, 1);
    }
}

#[tokio::test]
async fn a_dead_letter_is_sent_again_to_a_queue_that_is_busy() {
    let (sqs, status) = given_up_to(Some("busy")).await;
    assert_eq!((sqs.refused(), sqs.bodies("busy").len()), (1, 1));
    assert_eq!(status.destination_failures.count, 0);
}

#[tokio::test]
async fn an_event_that_no_function_can_take_is_given_up_at_once() {
    /// Refuses every event as too large.
    struct TooLarge;
    impl EventQueue for TooLarge {
        fn accept<'a>(
            &'a self,
            _: &'a str,
            _: Option<&'a str>,
            _: String,
        ) -> BoxFuture<'a, Result<String, SendError>> {
            Box::pin(async { Err(SendError::too_large("the event", "f", 2, 1)) })
        }
    }
    let sqs = StandIn::start([json!({"source": "shop"}).to_string().as_str()]).await;
    let mut rule =
        rule("function", &json!({"source": ["shop"]}), Target::Function("f".to_owned()), &sqs);
    rule.retries.maximum_attempts = 185;
    let status = routed_by(&sqs, vec![rule], Arc::new(TooLarge)).await;
    assert_eq!((status.rules["function"].retries, status.rules["function"].failed), (0, 1));
    assert_eq!(sqs.attributes("letters", "ERROR_CODE"), ["INVALID_PARAMETER"]);
}

/// A rule with an input as the topology declares it.
fn with_input(name: &str, target: Target, input: &Value, sqs: &StandIn) -> Rule {
    let mut declared = json!({"queue": name});
    declared.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    let declared = serde_json::from_value(declared).unwrap();
    let input = Input::parse(&declared).unwrap();
    Rule { input, ..rule(name, &json!({"source": ["shop"]}), target, sqs) }
}

#[tokio::test]
async fn every_target_of_a_rule_gets_its_own_input() {
    let event = json!({"source": "shop", "detail": {"subject": "order#1", "total": 7}});
    let sqs = StandIn::start([event.to_string().as_str()]).await;
    let transformer = json!({
        "paths": {"order": "$.detail.subject"},
        "template": "{\"order\": <order>, \"rule\": <aws.events.rule-arn>}",
    });
    let inputs = [
        ("whole", json!({}), event.to_string()),
        ("constant", json!({"input": {"go": true}}), r#"{"go":true}"#.to_owned()),
        ("part", json!({"input_path": "$.detail.total"}), "7".to_owned()),
        (
            "template",
            json!({"input_transformer": transformer}),
            r#"{"order": "order#1", "rule": "arn:of:template"}"#.to_owned(),
        ),
    ];
    let rules =
        inputs.iter().map(|(name, input, _)| with_input(name, queue(&sqs, name), input, &sqs));
    let status = routed(&sqs, rules.collect()).await;
    for (name, _, expected) in &inputs {
        assert_eq!(sqs.bodies(name), [expected.as_str()]);
        assert_eq!(status.rules[*name].handed_over, 1, "{name}");
    }
}

#[tokio::test]
async fn an_event_that_makes_no_input_is_a_dead_letter_and_costs_no_other_target() {
    let event = json!({"source": "shop", "detail": {"note": "he said \"hi\""}});
    let sqs = StandIn::start([event.to_string().as_str()]).await;
    let quoted = json!({"input_transformer": {
        "paths": {"note": "$.detail.note"},
        "template": "{\"note\": \"<note>!\"}",
    }});
    let rules = vec![
        with_input("quoted", queue(&sqs, "quoted"), &quoted, &sqs),
        with_input("absent", queue(&sqs, "absent"), &json!({"input_path": "$.detail.x"}), &sqs),
        with_input("whole", queue(&sqs, "whole"), &json!({}), &sqs),
    ];
    let status = routed(&sqs, rules).await;
    assert_eq!(sqs.bodies("quoted").len() + sqs.bodies("absent").len(), 0);
    assert_eq!(sqs.bodies("whole"), [event.to_string()]);
    // The letter holds the event, so that it can be replayed after the template is corrected.
    assert_eq!(sqs.bodies("letters"), [event.to_string(), event.to_string()]);
    assert_eq!(sqs.attributes("letters", "ERROR_CODE"), ["INVALID_JSON", "INVALID_JSON"]);
    assert_eq!(sqs.attributes("letters", "RETRY_ATTEMPTS"), ["0", "0"]);
    assert_eq!((status.rules["quoted"].failed, status.rules["whole"].failed), (1, 0));
}

#[tokio::test]
async fn text_that_is_not_json_goes_to_a_queue_and_to_no_function() {
    let sqs = StandIn::start([json!({"source": "shop"}).to_string().as_str()]).await;
    let text = json!({"input_transformer": {
        "template": "\"<aws.events.rule-name>\"\n\"two lines\"",
    }});
    let rules = vec![
        with_input("queue", queue(&sqs, "queue"), &text, &sqs),
        with_input("function", Target::Function("f".to_owned()), &text, &sqs),
    ];
    routed(&sqs, rules).await;
    assert_eq!(sqs.bodies("queue"), ["\"queue\"\n\"two lines\""]);
    assert_eq!(sqs.attributes("letters", "ERROR_CODE"), ["INVALID_JSON"]);
}
