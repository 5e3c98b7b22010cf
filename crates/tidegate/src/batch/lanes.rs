//! Runs the lanes of a batch: lanes concurrently, each lane in order.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::concurrency::Concurrency;
use super::item::Item;
use super::outcome::{NotRun, Outcome};
use crate::failure::Failure;

/// Places of records in a batch, in the order of their lane.
pub(super) type Lane = VecDeque<usize>;

/// Handles the records of lanes in steps.
pub(super) trait Steps<R>: Sync {
    /// Takes the records of the next step from the beginning of a lane; at least one.
    fn take(&self, lane: &mut Lane, items: &[Item<R>]) -> Vec<usize>;

    /// Handles the records of a step. Returns one outcome for each.
    fn run(&self, step: &[&Item<R>]) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// Runs all lanes of a batch, and returns one outcome for each item.
///
/// A lane stops at its first failure that is not permanent. After a permanent failure it goes on,
/// because that record will never be applied and the records behind it must not wait.
///
/// Throttling lowers the concurrency: a failure with the code [`Failure::THROTTLED`] halves the
/// number of lanes that run at a time, down to one. Each round without such a failure raises it by
/// one, up to the declared number.
pub(super) async fn run_lanes<R: Send + Sync, S: Steps<R>>(
    items: &[Item<R>],
    concurrency: &Concurrency,
    steps: &S,
) -> Vec<Outcome> {
    let mut waiting = lanes(items);
    let turns = Turns::default();
    let mut running = FuturesUnordered::new();
    let mut outcomes: Vec<Outcome> =
        items.iter().map(|_| Outcome::NotRun(NotRun::OutOfTime)).collect();
    loop {
        while running.len() < concurrency.now()
            && let Some(lane) = waiting.pop_front()
        {
            running.push(run_lane(lane, &turns, items, concurrency, steps));
        }
        turns.note(running.len(), waiting.len());
        let Some((done, left)) = running.next().await else { return outcomes };
        turns.note(running.len(), waiting.len());
        if !left.is_empty() {
            // A lane that has begun continues before another lane begins.
            waiting.push_front(left);
        }
        for (place, outcome) in done {
            if let Some(slot) = outcomes.get_mut(place) {
                *slot = outcome;
            }
        }
    }
}

/// Runs a lane until it is empty or stops, or until lanes must take turns.
///
/// Returns the outcomes by place, and the rest of the lane.
async fn run_lane<R: Send + Sync, S: Steps<R>>(
    mut lane: Lane,
    turns: &Turns,
    items: &[Item<R>],
    concurrency: &Concurrency,
    steps: &S,
) -> (Vec<(usize, Outcome)>, Lane) {
    let mut outcomes = Vec::with_capacity(lane.len());
    while !lane.is_empty() {
        let places = steps.take(&mut lane, items);
        let step: Vec<&Item<R>> = places.iter().filter_map(|place| items.get(*place)).collect();
        let begun = concurrency.begin();
        let results = steps.run(&step).await;
        let throttled = results.iter().any(is_throttled);
        concurrency.end(begun, throttled);
        let stopped = results.iter().any(Outcome::stops_lane);
        outcomes.extend(places.into_iter().zip(results));
        if stopped {
            outcomes
                .extend(lane.drain(..).map(|behind| (behind, Outcome::NotRun(NotRun::Blocked))));
        } else if turns.are_due(concurrency.now()) {
            break;
        }
    }
    (outcomes, lane)
}

fn is_throttled(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Failed(failure) if failure.code() == Failure::THROTTLED)
}

/// How many lanes run and how many wait, shared with the lanes at work.
///
/// A lane checks this after each record. Example: two lanes run and one waits. If throttling lowers
/// the limit to 1, the next lane that ends a record returns its rest and waits. If the limit rises
/// to 3, a lane returns its rest so that the loop can start the waiting lane as well.
#[derive(Default)]
struct Turns {
    running: AtomicUsize,
    waiting: AtomicUsize,
}

impl Turns {
    fn note(&self, running: usize, waiting: usize) {
        self.running.store(running, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Returns whether more lanes run than may, or fewer although some wait.
    fn are_due(&self, may_run: usize) -> bool {
        let (running, waiting) =
            (self.running.load(Ordering::Relaxed), self.waiting.load(Ordering::Relaxed));
        running > may_run || (running < may_run && waiting > 0)
    }
}

/// Groups the items into lanes, in the order of their first records.
fn lanes<R>(items: &[Item<R>]) -> VecDeque<Lane> {
    let mut lanes: VecDeque<Lane> = VecDeque::new();
    let mut lane_of: HashMap<&str, usize> = HashMap::new();
    for (place, item) in items.iter().enumerate() {
        let lane = *lane_of.entry(item.lane.as_str()).or_insert_with(|| {
            lanes.push_back(Lane::new());
            lanes.len() - 1
        });
        if let Some(lane) = lanes.get_mut(lane) {
            lane.push_back(place);
        }
    }
    lanes
}
