//! Sends entries to a target, in order where the target keeps it, until each is taken or given up.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use tokio::time::{Instant, sleep_until, timeout_at};

use super::packing::{Placed, requests};
use super::progress::Left;
use super::target::{RefusedRequest, Target};
use crate::batch::Concurrency;
use crate::failure::{Class, Failure};
use crate::store::Retry;

/// Sends entries to one target.
pub(super) struct Sender {
    pub(super) target: Box<dyn Target>,
    pub(super) retry: Retry,
    pub(super) requests: Concurrency,
}

/// Entries of one stream that are sent one after the other.
///
/// The invariant: an entry leaves the front only when the target has it, or will never take it. So
/// no entry of the stream is sent before all earlier ones are confirmed. For a target that keeps no
/// order, each entry has a queue of its own.
///
/// For example, `a1 a2 b1` are two queues. The first request is `a1 b1`. If the target took only
/// `b1`, the second request is `a1`, and the third `a2`.
struct Queue {
    entries: VecDeque<Placed>,
    /// Attempts to send the entry at the front that failed.
    attempts: u32,
    /// Earliest time of the next attempt.
    ready: Instant,
}

/// What became of one sending of an entry.
enum Sent {
    Taken,
    Failed(Failure),
    /// The deadline passed before the request was sent.
    Not,
}

impl Sender {
    /// Sends entries, and sends those again that may still be accepted. Returns what is left, with
    /// the place of each.
    ///
    /// `stopped` has the lanes of which nothing may be sent because something before it is missing.
    /// It gets those of which something is left, if the target keeps the order.
    pub(super) async fn send(
        &self,
        entries: Vec<Placed>,
        stopped: &mut HashSet<usize>,
        deadline: Instant,
    ) -> Vec<(usize, Left)> {
        let mut left = Vec::new();
        let mut queues = self.queues(entries, stopped, &mut left);
        while let Some(next) = queues.values().map(|queue| queue.ready).min() {
            if next.max(Instant::now()) >= deadline {
                break;
            }
            sleep_until(next).await;
            let fronts = fronts(&mut queues);
            let requests = requests(fronts, self.target.limits());
            let send = |request| self.request(request, deadline);
            let sent = self.requests.each(requests, send, |sent| sent.iter().any(is_throttled));
            let mut pauses = HashMap::new();
            for (number, placed, sent) in sent.await.into_iter().flatten() {
                let Some(queue) = queues.get_mut(&number) else { continue };
                match sent {
                    Sent::Taken => queue.attempts = 0,
                    Sent::Failed(failure) if failure.class() == Class::Permanent => {
                        left.push((placed.place, Left::Failed(failure)));
                        queue.attempts = 0;
                    }
                    Sent::Failed(failure) => {
                        queue.entries.push_front(Placed { failure: Some(failure), ..placed });
                        queue.attempts += 1;
                        // What failed together is sent again together.
                        queue.ready = *pauses.entry(queue.attempts).or_insert_with(|| {
                            Instant::now() + self.retry.pause_after(queue.attempts - 1)
                        });
                    }
                    Sent::Not => queue.entries.push_front(placed),
                }
                if queue.attempts >= self.retry.attempts {
                    if let Some(queue) = queues.remove(&number) {
                        self.give_up(queue, stopped, &mut left);
                    }
                } else if queue.entries.is_empty() {
                    queues.remove(&number);
                }
            }
        }
        queues.into_values().for_each(|queue| self.give_up(queue, stopped, &mut left));
        left
    }

    /// Puts entries into queues, unless something before them is missing.
    fn queues(
        &self,
        entries: Vec<Placed>,
        stopped: &HashSet<usize>,
        left: &mut Vec<(usize, Left)>,
    ) -> BTreeMap<usize, Queue> {
        let (now, is_ordered) = (Instant::now(), self.target.keeps_order());
        let mut queues = BTreeMap::new();
        for (index, placed) in entries.into_iter().enumerate() {
            if is_ordered && stopped.contains(&placed.lane) {
                left.push((placed.place, Left::Blocked));
                continue;
            }
            let number = if is_ordered { placed.lane } else { index };
            let queue = queues.entry(number).or_insert_with(|| Queue {
                entries: VecDeque::new(),
                attempts: 0,
                ready: now,
            });
            queue.entries.push_back(placed);
        }
        queues
    }

    /// Records why the entries of a queue are not sent, now or ever.
    fn give_up(&self, queue: Queue, stopped: &mut HashSet<usize>, left: &mut Vec<(usize, Left)>) {
        let mut has_failed = false;
        for placed in queue.entries {
            if self.target.keeps_order() {
                stopped.insert(placed.lane);
            }
            left.push((
                placed.place,
                match placed.failure {
                    Some(failure) => Left::Failed(failure),
                    None if has_failed => Left::Blocked,
                    None => Left::Unsent,
                },
            ));
            has_failed |= matches!(left.last(), Some((_, Left::Failed(_))));
        }
    }

    /// Sends one request, unless the deadline has passed. Returns what became of each entry, with
    /// the number of its queue.
    async fn request(
        &self,
        request: Vec<(usize, Placed)>,
        deadline: Instant,
    ) -> Vec<(usize, Placed, Sent)> {
        if Instant::now() >= deadline {
            return request.into_iter().map(|(queue, placed)| (queue, placed, Sent::Not)).collect();
        }
        let entries: Vec<_> = request.iter().map(|(_, placed)| &placed.entry).collect();
        let target = &self.target;
        let results = match timeout_at(deadline, target.send(&entries)).await {
            Ok(results) => results,
            Err(_) => {
                let late =
                    format!("{} did not answer before the invocation's deadline", target.name());
                Err(Failure::transient("deadline", late).into())
            }
        };
        match results {
            Ok(results) => {
                let mut results = results.into_iter();
                let few = || {
                    let name = target.name();
                    let reason =
                        format!("{name} returned fewer results than the request has entries");
                    Failure::transient("incomplete_answer", reason)
                };
                let sent = |(queue, placed): (usize, Placed)| {
                    let sent = match results.next() {
                        Some(None) => Sent::Taken,
                        Some(Some(failure)) => Sent::Failed(failure),
                        None => Sent::Failed(few()),
                    };
                    (queue, placed, sent)
                };
                request.into_iter().map(sent).collect()
            }
            Err(RefusedRequest { failure, by_entry }) => {
                let sent = |(queue, placed): (usize, Placed)| {
                    let alone = by_entry || placed.alone;
                    (queue, Placed { alone, ..placed }, Sent::Failed(failure.clone()))
                };
                request.into_iter().map(sent).collect()
            }
        }
    }
}

/// Takes the front of each queue whose next attempt may begin, with the queue's number.
fn fronts(queues: &mut BTreeMap<usize, Queue>) -> Vec<(usize, Placed)> {
    let now = Instant::now();
    let ready = queues.iter_mut().filter(|(_, queue)| queue.ready <= now);
    ready.filter_map(|(number, queue)| Some((*number, queue.entries.pop_front()?))).collect()
}

fn is_throttled((_, _, sent): &(usize, Placed, Sent)) -> bool {
    matches!(sent, Sent::Failed(failure) if failure.code() == Failure::THROTTLED)
}
