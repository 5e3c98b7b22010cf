//! Tests of visibility: for how long a received message is the mapping's own.

use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::mapping::lane_status::{LaneCondition, LaneReport};

#[test]
fn a_throttled_batch_goes_again_while_its_messages_are_hidden() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.answer(0, InvocationResult::Throttled);
    let until = Some(START.after(Duration::from_millis(100)));
    let waits = LaneReport { records: 1, until, ..LaneReport::new(LaneCondition::Throttled) };
    assert_eq!(bench.queue.throttled().collect::<Vec<_>>(), [waits]);
    assert_eq!(invoked(&bench.wait(100)), [r#"{"Records":["a"]}"#]);
    assert_eq!(bench.queue.throttled().count(), 0);
    bench.now = bench.now.after(Duration::from_secs(50));
    bench.answer(0, InvocationResult::Throttled);
    assert!(bench.queue.is_idle());
    assert_eq!((bench.queue.counts().throttled, bench.queue.counts().retries), (2, 0));
}

#[test]
fn a_throttle_is_no_failed_delivery_and_leaves_nothing_to_delete() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a", "b"]);
    assert_eq!(deleted(&bench.answer(0, InvocationResult::Throttled)), [""; 0]);
    let counts = bench.queue.counts();
    assert_eq!((counts.throttled, counts.retries, counts.delivered), (1, 0, 0));
}

#[test]
fn a_held_message_that_became_visible_again_is_left_to_its_next_receive() {
    let mut bench =
        Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a", "b"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    bench.answer(0, success("null"));
    let actions = bench.step(Input::Deleted { batch: 0 });
    assert_eq!(invoked(&actions), [""; 0]);
    assert_eq!(bench.queue.lag(), 0);
    assert_eq!(invoked(&bench.receive(&["b"])), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_held_message_is_delivered_as_long_as_it_is_certainly_hidden() {
    for (seconds, delivered) in [(58, 1), (59, 0)] {
        let mut bench =
            Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
        bench.receive(&["a", "b"]);
        bench.now = bench.now.after(Duration::from_secs(seconds));
        bench.answer(0, success("null"));
        assert_eq!(invoked(&bench.step(Input::Deleted { batch: 0 })).len(), delivered, "{seconds}");
    }
}

#[test]
fn a_throttled_batch_whose_timer_comes_too_late_is_left_to_its_next_receive_with_what_is_behind_it()
{
    let mut bench = Bench::new(settings());
    bench.receive(&["a@g"]);
    bench.wait(10_000);
    bench.receive(&["b@g", "c@h"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(
        invoked(&bench.wait(49_000)),
        [""; 0],
        "a is visible again, and b must not overtake it"
    );
    assert_eq!(bench.queue.lag(), 1, "c is in flight");
}

#[test]
fn a_window_longer_than_messages_are_hidden_ends_before_they_are_visible_again() {
    let hidden = Duration::from_secs(30);
    for window in [30, 31, 300].map(Duration::from_secs) {
        for (timeout, held) in [(3, 27), (15, 15), (30, 15)] {
            let timeout = Duration::from_secs(timeout);
            let settings = QueueSettings {
                batching_window: window,
                visibility: hidden,
                timeout,
                ..settings()
            };
            let mut bench = Bench::new(settings);
            let actions = bench.receive(&["a"]);
            let due = START.after(Duration::from_secs(held));
            assert!(actions.contains(&Action::WaitUntil(due)), "{actions:?}");
            bench.wait(1000);
            bench.receive(&["b"]);
            assert_eq!(
                invoked(&bench.wait(held * 1000 - 1000)),
                [r#"{"Records":["a","b"]}"#],
                "{window:?}"
            );
            assert_eq!(deleted(&bench.answer(0, success(""))), ["receipt-a", "receipt-b"]);
        }
    }
}

#[test]
fn what_is_in_flight_stays_hidden_where_waits_are_scaled_and_functions_are_not() {
    let visibility = Duration::from_secs(3);
    let mut bench = Bench::new(QueueSettings { visibility, time_scale: 60.0, ..settings() });
    bench.receive(&["a"]);
    let hide = || Action::Hide { receipts: vec!["receipt-a".to_owned()] };
    for _ in 0..5 {
        assert!(!bench.wait(1_499).contains(&hide()));
        assert!(bench.wait(1).contains(&hide()), "extended in time");
    }
    let extended = bench.now;
    bench.answer(0, InvocationResult::FunctionError(Bytes::new()));
    assert!(bench.queue.oldest(extended.after(visibility)).is_some(), "it is hidden until then");
    assert_eq!(bench.queue.oldest(extended.after(visibility + Duration::from_millis(1))), None);

    let mut bench = Bench::new(QueueSettings { visibility, ..settings() });
    bench.receive(&["a"]);
    assert!(!bench.wait(2_999).contains(&hide()), "AWS extends nothing");
}

#[test]
fn a_message_that_comes_again_while_its_first_delivery_goes_on_is_delivered_beside_it() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    assert_eq!(invoked(&bench.receive(&["a"])), [r#"{"Records":["a"]}"#]);
    assert_eq!(bench.queue.in_flight(), 2);
}

#[test]
fn a_message_that_failed_ages_while_it_is_hidden_and_until_it_is_done() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    let sent = Some(START);
    assert_eq!(bench.queue.oldest(bench.now), sent);
    bench.now = bench.now.after(Duration::from_secs(5));
    bench.answer(0, InvocationResult::FunctionError(Bytes::from_static(b"{}")));
    assert_eq!((bench.queue.lag(), bench.queue.oldest(bench.now)), (0, sent));
    // The visibility timeout counts from the receive.
    let later = |seconds| START.after(Duration::from_secs(seconds));
    assert_eq!((bench.queue.oldest(later(60)), bench.queue.oldest(later(61))), (sent, None));
    bench.now = later(60);
    let again = Message {
        id: "a".to_owned(),
        receipt: "r".to_owned(),
        group: None,
        sent: START,
        json: Bytes::from_static(b"1"),
    };
    bench.step(Input::Received(vec![again]));
    bench.answer(1, success("null"));
    bench.step(Input::Deleted { batch: 1 });
    assert_eq!(bench.queue.oldest(bench.now), None);
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Receive(u8),
    Wait(u32),
    Answer(bool),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (1_u8..=10).prop_map(Happening::Receive),
        (1_u32..20_000).prop_map(Happening::Wait),
        any::<bool>().prop_map(Happening::Answer),
    ]
}

proptest! {
    #[test]
    fn no_message_is_handed_over_after_its_visibility_ended(
        window in 0_u64..=60,
        hidden in 1_u64..=30,
        timeout in 1_u64..=30,
        happenings in prop::collection::vec(happening(), 1..60),
    ) {
        let mut bench = Bench::new(QueueSettings {
            batch_size: 20,
            batching_window: Duration::from_secs(window),
            visibility: Duration::from_secs(hidden),
            timeout: Duration::from_secs(timeout),
            ..settings()
        });
        let mut received: HashMap<String, Moment> = HashMap::new();
        let mut open: Vec<u64> = Vec::new();
        let mut receiving = true;
        for happening in happenings {
            let actions = match happening {
                Happening::Receive(count) if receiving => {
                    receiving = false;
                    let ids: Vec<String> =
                        (0..count).map(|n| format!("m{}", received.len() + usize::from(n))).collect();
                    received.extend(ids.iter().map(|id| (id.clone(), bench.now)));
                    bench.receive(&ids.iter().map(String::as_str).collect::<Vec<_>>())
                }
                Happening::Receive(_) => Vec::new(),
                Happening::Wait(millis) => bench.wait(millis.into()),
                Happening::Answer(throttled) => match open.pop() {
                    Some(batch) if throttled => bench.answer(batch, InvocationResult::Throttled),
                    Some(batch) => {
                        let mut actions = bench.answer(batch, success(""));
                        actions.extend(bench.step(Input::Deleted { batch }));
                        actions
                    }
                    None => Vec::new(),
                },
            };
            for action in &actions {
                match action {
                    Action::Receive { .. } => receiving = true,
                    Action::Invoke { batch, .. } => open.push(*batch),
                    _ => {}
                }
            }
            for event in invoked(&actions) {
                let event: serde_json::Value = serde_json::from_str(event).unwrap();
                for id in event["Records"].as_array().unwrap() {
                    let visible = received[id.as_str().unwrap()].after(Duration::from_secs(hidden));
                    prop_assert!(bench.now < visible, "{id} at {:?}, visible at {visible:?}", bench.now);
                }
            }
        }
    }
}
