//! What a rule hands to queues that take no more characters than SQS does.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::{BusQueue, BusStatus, Retries, Rule, Target, start};
use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::mapping::pace::Pace;
use crate::message::stand_in::StandIn;
use crate::pattern::Pattern;

/// No function takes an event, and says so in characters that SQS does not take.
struct Refusing;

impl EventQueue for Refusing {
    fn accept<'a>(
        &'a self,
        _: &'a str,
        _: Option<&'a str>,
        _: String,
    ) -> BoxFuture<'a, Result<String, String>> {
        Box::pin(async { Err("no \u{FFFF}".to_owned()) })
    }
}

fn rule(name: &str, pattern: &Value, target: Target, sqs: &StandIn) -> Rule {
    Rule {
        name: name.to_owned(),
        arn: format!("arn:of:{name}"),
        pattern: Pattern::parse(pattern).unwrap(),
        target,
        target_arn: "arn:of:target".to_owned(),
        dead_letters: Some(sqs.url("letters")),
        retries: Retries { maximum_attempts: 0, maximum_age: Duration::from_secs(60) },
    }
}

/// Routes one event by these rules until the bus is done with it.
async fn routed(sqs: &StandIn, rules: Vec<Rule>) -> BusStatus {
    let router = start(BusQueue {
        bus: "shop".to_owned(),
        queue_url: sqs.url("tidegate-bus-shop"),
        rules,
        sqs: sqs.sqs(),
        events: Arc::new(Refusing),
        activity: Arc::new(Activity::new()),
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
        rule("queue", &any, Target::Queue(sqs.url("work")), &sqs),
        rule("function", &any, Target::Function("f".to_owned()), &sqs),
    ];
    routed(&sqs, rules).await;
    for queue in ["work", "letters"] {
        let bodies = sqs.bodies(queue);
        let taken: Vec<Value> = bodies.iter().map(|body| serde_json::from_str(body).unwrap()).collect();
        assert_eq!(taken, std::slice::from_ref(&event), "{queue}");
    }
    assert_eq!(sqs.attributes("letters", "ERROR_MESSAGE"), ["no \u{FFFD}"]);
    assert_eq!(sqs.refused(), 0);
}

#[tokio::test]
async fn an_event_that_no_queue_takes_is_dropped_and_not_sent_for_ever() {
    // Three bytes each, and six as escapes: more than a message may have.
    let event = json!({"source": "shop", "detail": "\u{FFFE}".repeat(180_000)});
    let sqs = StandIn::start([event.to_string().as_str()]).await;
    let any = json!({"source": ["shop"]});
    let status = routed(&sqs, vec![rule("queue", &any, Target::Queue(sqs.url("work")), &sqs)]).await;
    let error = status.last_error.unwrap_or_default();
    assert!(error.contains("the dead letter of rule queue"), "{error}");
    assert_eq!((sqs.refused(), sqs.bodies("letters").len()), (2, 0));
}
