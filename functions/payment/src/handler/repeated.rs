//! Whatever is dropped, killed or repeated, the provider and the store agree.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use payment_simulator::Script;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tidegate::batch::Invocation;
use tidegate::test::Faults;

use super::world::{TIME, World, always_closed, authorise, batch, capture, one, release, returned};

/// Deliveries that go wrong at most before the rest is delivered without faults.
const DELIVERIES: usize = 40;

/// What becomes of an order, and what the process sends for it, in this order.
#[derive(Clone, Copy, Debug)]
enum Story {
    Captured,
    Released,
    /// The release overtakes.
    ReleasedFirst,
    Returned,
}

/// A delivery: which message, and after how many polls of its invocation it is killed.
#[derive(Clone, Copy, Debug)]
struct Step {
    message: usize,
    killed_after: Option<usize>,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let killed = prop_oneof![1 => Just(None), 2 => (1usize..40).prop_map(Some)];
    let step =
        (0usize..8, killed).prop_map(|(message, killed_after)| Step { message, killed_after });
    prop::collection::vec(step, 0..DELIVERIES)
}

fn story() -> impl Strategy<Value = Story> {
    prop::sample::select(vec![
        Story::Captured,
        Story::Released,
        Story::ReleasedFirst,
        Story::Returned,
    ])
}

/// A message of the queue.
struct Queued {
    body: String,
    /// How often the queue handed it over.
    times: u32,
    done: bool,
    /// The message that its sender waits for.
    after: Option<usize>,
}

fn queue(stories: &[Story]) -> Vec<Queued> {
    let mut queue = Vec::new();
    for (number, story) in stories.iter().enumerate() {
        let (order, pence) = (number.to_string(), 100 + number as i64);
        let (first, second, waits) = match story {
            Story::Captured => (authorise(&order, pence), Some(capture(&order)), true),
            Story::Released => (authorise(&order, pence), Some(release(&order)), false),
            Story::ReleasedFirst => (release(&order), Some(authorise(&order, pence)), false),
            Story::Returned => (returned(&order, pence), None, false),
        };
        let after = waits.then_some(queue.len());
        queue.push(Queued { body: first, times: 0, done: false, after: None });
        queue.extend(second.map(|body| Queued { body, times: 0, done: false, after }));
    }
    queue
}

/// Runs an invocation with one message, which is killed after this many polls. Returns whether the
/// message was acknowledged.
async fn invoke(world: &World, message: &Queued, killed_after: Option<usize>) -> bool {
    let event = batch(&[&message.body], message.times);
    let mut invocation = pin!(world.runner.run(Invocation::new(&event, TIME)));
    let mut left = killed_after;
    let report = poll_fn(|context| {
        match left.as_mut() {
            Some(0) => return Poll::Ready(None),
            Some(left) => *left -= 1,
            None => {}
        }
        invocation.as_mut().poll(context).map(Some)
    });
    match report.await {
        Some(report) => {
            let counts = report.counts;
            assert_eq!(counts.dead_lettered, 0, "{:?}", world.letters.letters());
            counts == one(|counts| counts.applied = 1)
                || counts == one(|counts| counts.duplicate = 1)
        }
        None => false,
    }
}

async fn run(seed: u64, stories: &[Story], steps: &[Step]) {
    let script = Script { drop_percent: 40, seed, ..Script::default() };
    let world = World::with(script, Faults::seeded(seed, 0.2), always_closed()).await;
    let mut queue = queue(stories);
    for step in steps {
        let number = step.message % queue.len();
        if queue[number].after.is_some_and(|first| !queue[first].done) {
            continue;
        }
        // A message that was acknowledged may come again all the same, as a copy.
        let message = &mut queue[number];
        message.times = if message.done { 1 } else { message.times + 1 };
        let acknowledged = invoke(&world, message, step.killed_after).await;
        queue[number].done |= acknowledged;
    }
    while let Some(number) = queue.iter().position(|message| !message.done) {
        queue[number].times += 1;
        queue[number].done = invoke(&world, &queue[number], None).await;
    }
    let report = world.simulator.report();
    assert_eq!(report.duplicate_charges, 0, "{report:?}");
    for (number, story) in stories.iter().enumerate() {
        let order = number.to_string();
        let at_provider = report.references.get(&order).copied().unwrap_or_default();
        assert_eq!(world.sums(&order).await, at_provider, "order {order}");
        let pence = 100 + number as i64;
        let (captured, refunded) = match story {
            Story::Captured => (pence, 0),
            Story::Released | Story::ReleasedFirst => (0, 0),
            Story::Returned => (0, pence),
        };
        assert_eq!((at_provider.captured, at_provider.refunded), (captured, refunded));
        assert_eq!(at_provider.held(), 0, "order {order}");
    }
}

#[test]
fn provider_and_store_agree_whatever_is_dropped_killed_or_repeated() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cases = (any::<u64>(), prop::collection::vec(story(), 1..5), steps());
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&cases, |(seed, stories, steps)| {
        runtime.block_on(run(seed, &stories, &steps));
        Ok(())
    });
    outcome.unwrap();
}
