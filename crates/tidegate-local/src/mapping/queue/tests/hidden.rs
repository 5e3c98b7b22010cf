//! Visibility: for how long a received message is the mapping's.

use super::*;

#[test]
fn a_throttled_batch_goes_again_while_its_messages_are_hidden() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.answer(0, InvocationResult::Throttled);
    assert_eq!(invoked(&bench.wait(100)), [r#"{"Records":["a"]}"#]);
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
    let mut bench = Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a", "b"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    bench.answer(0, success("null"));
    let actions = bench.step(Input::Deleted { batch: 0 });
    assert_eq!(invoked(&actions), [""; 0]);
    assert_eq!(bench.queue.lag(), 0);
    assert_eq!(invoked(&bench.receive(&["b"])), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_held_message_is_delivered_as_long_as_it_is_hidden() {
    let mut bench = Bench::new(QueueSettings { batch_size: 1, maximum_concurrency: 1, ..settings() });
    bench.receive(&["a", "b"]);
    bench.now = bench.now.after(Duration::from_secs(60));
    bench.answer(0, success("null"));
    assert_eq!(invoked(&bench.step(Input::Deleted { batch: 0 })), [r#"{"Records":["b"]}"#]);
}

#[test]
fn a_message_that_comes_again_while_its_first_delivery_goes_on_is_delivered_beside_it() {
    let mut bench = Bench::new(settings());
    bench.receive(&["a"]);
    bench.now = bench.now.after(Duration::from_secs(61));
    assert_eq!(invoked(&bench.receive(&["a"])), [r#"{"Records":["a"]}"#]);
    assert_eq!(bench.queue.in_flight(), 2);
}
