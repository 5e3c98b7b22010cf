//! What the engine gave up and handed to a queue: the newest, and how many.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;

/// Records kept per queue.
const KEPT: usize = 50;
/// Bytes kept per queue; the newest record is kept whatever its size.
const KEPT_BYTES: usize = 2 << 20;

/// One record that was given up.
#[derive(Debug)]
pub struct Letter {
    /// When it had arrived at the queue.
    pub at: Timestamp,
    /// The queue's declared name.
    pub queue: String,
    /// The function that did not take it.
    pub function: String,
    /// The on-failure record.
    pub body: String,
}

/// The newest records that were given up, per queue.
#[derive(Debug, Default)]
pub struct Letters {
    queues: Mutex<BTreeMap<String, Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    ring: VecDeque<Arc<Letter>>,
    bytes: usize,
    by_function: BTreeMap<String, u64>,
}

impl Letters {
    pub(crate) fn add(&self, letter: Letter) {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues.entry(letter.queue.clone()).or_default();
        *queue.by_function.entry(letter.function.clone()).or_default() += 1;
        queue.bytes += letter.body.len();
        queue.ring.push_back(Arc::new(letter));
        while queue.ring.len() > KEPT || (queue.bytes > KEPT_BYTES && queue.ring.len() > 1) {
            queue.bytes -= queue.ring.pop_front().map_or(0, |oldest| oldest.body.len());
        }
    }

    /// The newest, the oldest of them first.
    pub fn kept(&self) -> Vec<Arc<Letter>> {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let mut letters: Vec<_> = queues.values().flat_map(|queue| queue.ring.iter().cloned()).collect();
        letters.sort_by_key(|letter| letter.at);
        letters
    }

    /// How many records of a function were handed to a queue since the engine started.
    pub fn handed_over(&self, function: &str, queue: &str) -> u64 {
        let queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        queues.get(queue).and_then(|queue| queue.by_function.get(function)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_queue_keeps_its_newest_and_counts_all() {
        let letters = Letters::default();
        let add = |queue: &str, n: usize, bytes: usize| {
            let at = Timestamp::from_millisecond(i64::try_from(n).unwrap()).unwrap();
            let (queue, function) = (queue.to_owned(), "f".to_owned());
            letters.add(Letter { at, queue, function, body: "x".repeat(bytes) });
        };
        for n in 0..KEPT + 3 {
            add("many", n, 1);
        }
        add("large", KEPT + 3, KEPT_BYTES);
        add("large", KEPT + 4, KEPT_BYTES + 1);
        let kept = letters.kept();
        assert_eq!(kept.len(), KEPT + 1);
        assert_eq!(kept.first().map(|letter| letter.at.as_millisecond()), Some(3));
        assert_eq!(kept.last().map(|letter| letter.body.len()), Some(KEPT_BYTES + 1));
        assert_eq!(letters.handed_over("f", "many"), KEPT as u64 + 3);
        assert_eq!((letters.handed_over("f", "large"), letters.handed_over("g", "large")), (2, 0));
    }
}
