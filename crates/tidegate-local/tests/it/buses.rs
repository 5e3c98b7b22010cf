//! Buses: the engine matches rules and hands events over, on the queues of a real emulator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use tidegate_local::activity::Activity;
use tidegate_local::asynchronous::EventQueue;
use tidegate_local::bus::{
    self, BusQueue, BusRouter, BusStatus, Retries, Rule, RuleStatus, Target,
};
use tidegate_local::clients::Clients;
use tidegate_local::pace::Pace;
use tidegate_local::send_error::SendError;
use topology::input::Input;
use topology::pattern::Pattern;

use crate::backend::ministack;
use crate::delivery::{count, queue};

/// Accepts events for functions, after this many failures.
#[derive(Default)]
struct Functions {
    failures: Mutex<u32>,
    taken: Mutex<Vec<(String, Value)>>,
}

impl EventQueue for Functions {
    fn accept<'a>(
        &'a self,
        function: &'a str,
        qualifier: Option<&'a str>,
        payload: String,
    ) -> BoxFuture<'a, Result<String, SendError>> {
        assert_eq!(qualifier, None);
        let mut failures = self.failures.lock().unwrap();
        let failed = *failures > 0;
        *failures = failures.saturating_sub(1);
        if !failed {
            let event = serde_json::from_str(&payload).unwrap();
            self.taken.lock().unwrap().push((function.to_owned(), event));
        }
        Box::pin(async move {
            if failed { Err("no luck".to_owned().into()) } else { Ok("id".to_owned()) }
        })
    }
}

fn rule(name: &str, pattern: Value, target: Target, dead_letters: &str) -> Rule {
    Rule {
        name: name.to_owned(),
        rule: name.to_owned(),
        arn: format!("arn:aws:events:us-east-1:000000000000:rule/shop/{name}"),
        pattern: Pattern::parse(&pattern).unwrap(),
        input: Input::Event,
        target,
        target_arn: format!("arn:of:{name}"),
        dead_letters: Some(dead_letters.to_owned()),
        retries: Retries { maximum_attempts: 2, maximum_age: Duration::from_secs(60) },
    }
}

fn to_queue(url: &str) -> Target {
    Target::Queue { url: url.to_owned(), group: None }
}

fn start(clients: &Clients, url: &str, rules: Vec<Rule>, functions: &Arc<Functions>) -> BusRouter {
    bus::start(BusQueue {
        bus: "shop".to_owned(),
        queue_url: url.to_owned(),
        rules,
        clients: clients.clone(),
        events: Arc::<Functions>::clone(functions),
        replays: Arc::default(),
        activity: Arc::new(Activity::new()),
        wake: Arc::default(),
        pace: Pace::Fast,
        hidden: Duration::from_secs(1),
        time_scale: 1000.0,
    })
}

async fn put(clients: &Clients, url: &str, event: &Value) {
    clients.sqs.send_message().queue_url(url).message_body(event.to_string()).send().await.unwrap();
}

async fn until(router: &BusRouter, condition: impl Fn(&BusStatus) -> bool) -> BusStatus {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = router.status();
        if condition(&status) && status.waiting == 0 && status.idle_since.is_some() {
            return status;
        }
        assert!(Instant::now() < deadline, "{status:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn letter(clients: &Clients, url: &str) -> (Message, BTreeMap<String, String>) {
    let receive = clients.sqs.receive_message().queue_url(url).wait_time_seconds(10);
    let received = receive.message_attribute_names("All").send().await.unwrap();
    let letter = received.messages.unwrap_or_default().remove(0);
    let attributes = letter.message_attributes.clone().unwrap_or_default();
    let text = attributes.into_iter().map(|(name, value)| (name, value.string_value.unwrap()));
    let attributes = text.collect();
    (letter, attributes)
}

#[tokio::test]
async fn every_rule_that_matches_hands_the_event_to_its_target_as_it_came() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, _) = queue(clients, "tidegate-bus-shop", false).await;
    let (work, _) = queue(clients, "work", false).await;
    let (letters, _) = queue(clients, "letters", false).await;
    let deep = json!({"detail": {"total": [{"numeric": [">", 10]}, {"exists": false}], "$or": [{"a": [1]}, {"b": [{"wildcard": "x*y"}]}]}});
    let functions = Arc::new(Functions::default());
    let rules = vec![
        rule("any", json!({"source": ["shop.orders"]}), Target::Function("f".to_owned()), &letters),
        rule("deep", deep, to_queue(&work), &letters),
    ];
    let router = start(clients, &url, rules, &functions);
    let both = json!({"id": "1", "source": "shop.orders", "detail": {"total": 11, "b": "x-y"}});
    let first = json!({"id": "2", "source": "shop.orders", "detail": {"total": 9, "a": 1}});
    let none = json!({"id": "3", "source": "other", "detail": {"a": 2}});
    for event in [&both, &first, &none] {
        put(clients, &url, event).await;
    }
    let status = until(&router, |status| status.events == 3).await;
    assert_eq!(status.unmatched, 1);
    let matched = |n| RuleStatus { matched: n, handed_over: n, ..RuleStatus::default() };
    assert_eq!(
        status.rules,
        BTreeMap::from([("any".into(), matched(2)), ("deep".into(), matched(1))])
    );
    let mut taken = functions.taken.lock().unwrap().clone();
    taken.sort_by_key(|(_, event)| event["id"].to_string());
    assert_eq!(taken, [("f".to_owned(), both.clone()), ("f".to_owned(), first)]);
    assert_eq!(letter(clients, &work).await.0.body.unwrap(), both.to_string());
    assert_eq!((count(clients, &url).await, count(clients, &letters).await), (0, 0));
    router.stop().await;
}

#[tokio::test]
async fn what_a_target_does_not_take_is_in_its_dead_letter_queue_with_eventbridges_attributes() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, _) = queue(clients, "tidegate-bus-shop", false).await;
    let (retried, _) = queue(clients, "retried", false).await;
    let (at_once, _) = queue(clients, "at-once", false).await;
    let missing = format!("{}-that-is-not-there", url);
    let functions = Arc::new(Functions { failures: Mutex::new(3), ..Functions::default() });
    let all = || json!({"source": [{"exists": true}]});
    let rules = vec![
        rule("function", all(), Target::Function("f".to_owned()), &retried),
        rule("queue", all(), to_queue(&missing), &at_once),
    ];
    let router = start(clients, &url, rules, &functions);
    let event = json!({"id": "1", "source": "shop.orders", "detail": {}});
    put(clients, &url, &event).await;
    let status = until(&router, |status| status.rules.values().all(|rule| rule.failed == 1)).await;
    assert_eq!(status.rules["function"].retries, 2);

    let (message, attributes) = letter(clients, &retried).await;
    assert_eq!(message.body.unwrap(), event.to_string());
    let expected = [
        ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/shop/function"),
        ("TARGET_ARN", "arn:of:function"),
        ("ERROR_CODE", "ERROR_FROM_TARGET"),
        ("ERROR_MESSAGE", "no luck"),
        ("RETRY_ATTEMPTS", "2"),
        ("EXHAUSTED_RETRY_CONDITION", "MaximumRetryAttempts"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes, BTreeMap::from(expected));

    let (message, mut attributes) = letter(clients, &at_once).await;
    assert_eq!(message.body.unwrap(), event.to_string());
    assert!(!attributes.remove("ERROR_MESSAGE").unwrap().is_empty());
    let expected = [
        ("RULE_ARN", "arn:aws:events:us-east-1:000000000000:rule/shop/queue"),
        ("TARGET_ARN", "arn:of:queue"),
        ("ERROR_CODE", "NO_RESOURCE"),
        ("RETRY_ATTEMPTS", "0"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(attributes, BTreeMap::from(expected), "not tried again, so no limit was reached");
    assert_eq!(count(clients, &url).await, 0);
    router.stop().await;
}

#[tokio::test]
async fn an_event_that_one_target_does_not_have_survives_a_crash() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, _) = queue(clients, "tidegate-bus-shop", false).await;
    let (work, _) = queue(clients, "work", false).await;
    let (letters, _) = queue(clients, "letters", false).await;
    let all = || json!({"source": [{"exists": true}]});
    let rules = || {
        let mut function = rule("function", all(), Target::Function("f".to_owned()), &letters);
        function.retries =
            Retries { maximum_attempts: 185, maximum_age: Duration::from_secs(86_400) };
        vec![function, rule("queue", all(), to_queue(&work), &letters)]
    };
    let functions = Arc::new(Functions { failures: Mutex::new(u32::MAX), ..Functions::default() });
    let router = start(clients, &url, rules(), &functions);
    put(clients, &url, &json!({"id": "1", "source": "shop.orders"})).await;
    let deadline = Instant::now() + Duration::from_secs(20);
    while router.status().rules["queue"].handed_over == 0
        || router.status().rules["function"].retries == 0
    {
        assert!(Instant::now() < deadline, "{:?}", router.status());
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    drop(router);
    *functions.failures.lock().unwrap() = 0;
    let router = start(clients, &url, rules(), &functions);
    until(&router, |status| status.rules["function"].handed_over == 1).await;
    assert_eq!(functions.taken.lock().unwrap().len(), 1);
    assert_eq!(count(clients, &work).await, 2, "at least once");
    assert_eq!(count(clients, &url).await, 0);
    router.stop().await;
}

#[tokio::test]
async fn an_event_reaches_a_fifo_queue_in_its_message_group_and_once_within_five_minutes() {
    let backend = ministack().await;
    let clients = &backend.clients;
    let (url, _) = queue(clients, "tidegate-bus-shop", false).await;
    let (steps, _) = queue(clients, "steps.fifo", true).await;
    let (letters, _) = queue(clients, "letters", false).await;
    let target = Target::Queue { url: steps.clone(), group: Some("orders".to_owned()) };
    let to_fifo = rule("fifo", json!({"source": ["shop.orders"]}), target, &letters);
    let functions = Arc::new(Functions::default());
    let router = start(clients, &url, vec![to_fifo], &functions);
    let events = ["1", "2"].map(|id| json!({"id": id, "source": "shop.orders"}));
    // Delivery is at least once: the second event comes twice.
    for event in [&events[0], &events[1], &events[1]] {
        put(clients, &url, event).await;
    }
    until(&router, |status| status.rules["fifo"].handed_over == 3).await;
    assert_eq!(count(clients, &steps).await, 2);
    let receive = clients.sqs.receive_message().queue_url(&steps).max_number_of_messages(10);
    let receive = receive.message_system_attribute_names(MessageSystemAttributeName::All);
    let messages = receive.send().await.unwrap().messages.unwrap_or_default();
    let groups = messages.iter().map(|message| {
        message.attributes.as_ref().unwrap()[&MessageSystemAttributeName::MessageGroupId].clone()
    });
    assert_eq!(groups.collect::<Vec<_>>(), ["orders", "orders"]);
    assert_eq!(count(clients, &letters).await, 0);
    router.stop().await;
}
