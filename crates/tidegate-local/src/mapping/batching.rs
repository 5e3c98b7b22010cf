//! When a batch is closed, and what it holds.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use super::moment::Moment;
use super::record::Entry;

/// Most bytes of one event: Lambda's limit of a synchronous invocation.
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

const OPENING: &[u8] = br#"{"Records":["#;
/// What an event ends in behind its records.
pub const CLOSING: &[u8] = b"]}";

/// Limits of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most records.
    pub records: usize,
    /// Most bytes of the event.
    pub bytes: usize,
    /// How long a batch is gathered, from its first record on.
    pub window: Duration,
}

/// What a queue of records allows now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Nothing is there.
    Empty,
    /// A batch of this many records can go.
    Batch(usize),
    /// The batch is still gathered, until then at most.
    At(Moment),
}

/// Looks whether a batch is closed by size, by bytes or by the end of its window.
#[must_use]
pub fn readiness<'a>(
    queue: impl IntoIterator<Item = (usize, Moment)> + 'a,
    limits: Limits,
    now: Moment,
) -> Readiness {
    let mut count = 0;
    let mut total = OPENING.len() + CLOSING.len();
    let mut first = None;
    for (bytes, read) in queue {
        // A record too large by itself goes alone; only the function can say what becomes of it.
        let comma = usize::from(count > 0);
        let full = count > 0 && (count >= limits.records || total + comma + bytes > limits.bytes);
        if full {
            return Readiness::Batch(count);
        }
        first.get_or_insert(read);
        total += comma + bytes;
        count += 1;
    }
    match first {
        None => Readiness::Empty,
        Some(read) => {
            let due = read.after(limits.window);
            if count >= limits.records || due <= now { Readiness::Batch(count) } else { Readiness::At(due) }
        }
    }
}

/// Takes the next closed batch from the front of a queue.
pub fn cut(queue: &mut VecDeque<Entry>, limits: Limits, now: Moment) -> Result<Vec<Entry>, Option<Moment>> {
    match readiness(queue.iter().map(|e| (e.record.json.len(), e.read)), limits, now) {
        Readiness::Empty => Err(None),
        Readiness::At(due) => Err(Some(due)),
        Readiness::Batch(count) => Ok(queue.drain(..count).collect()),
    }
}

/// The event of these serialised records.
#[must_use]
pub fn event<'a>(records: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    event_closed_by(records, CLOSING)
}

/// The event of these serialised records with other fields behind them.
#[must_use]
pub fn event_closed_by<'a>(records: impl Iterator<Item = &'a Bytes> + Clone, closing: &[u8]) -> Bytes {
    let size = records.clone().map(|record| record.len() + 1).sum::<usize>();
    let mut event = BytesMut::with_capacity(OPENING.len() + size + closing.len());
    event.put_slice(OPENING);
    for (index, record) in records.enumerate() {
        if index > 0 {
            event.put_u8(b',');
        }
        event.put_slice(record);
    }
    event.put_slice(closing);
    event.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment::from_millis(10_000);

    fn limits(records: usize, bytes: usize, window: u64) -> Limits {
        Limits { records, bytes, window: Duration::from_millis(window) }
    }

    #[test]
    fn without_a_window_whatever_is_there_is_a_batch() {
        assert_eq!(readiness([(10, NOW), (10, NOW)], limits(100, 1000, 0), NOW), Readiness::Batch(2));
    }

    #[test]
    fn a_full_batch_does_not_wait_for_its_window() {
        assert_eq!(readiness([(1, NOW); 3], limits(2, 1000, 500), NOW), Readiness::Batch(2));
        assert_eq!(readiness([(1, NOW); 2], limits(2, 1000, 500), NOW), Readiness::Batch(2));
    }

    #[test]
    fn the_window_counts_from_the_first_record() {
        let queue = [(1, Moment::from_millis(9_700)), (1, Moment::from_millis(9_999))];
        assert_eq!(readiness(queue, limits(9, 999, 500), NOW), Readiness::At(Moment::from_millis(10_200)));
        assert_eq!(readiness(queue, limits(9, 999, 300), NOW), Readiness::Batch(2));
    }

    #[test]
    fn a_batch_closes_before_the_record_that_would_exceed_the_payload() {
        let frame = OPENING.len() + CLOSING.len();
        let queue = [(40, NOW), (40, NOW), (40, NOW)];
        assert_eq!(readiness(queue, limits(9, frame + 100, 500), NOW), Readiness::Batch(2));
    }

    #[test]
    fn a_record_larger_than_the_payload_limit_goes_alone() {
        assert_eq!(readiness([(5000, NOW), (1, NOW)], limits(9, 100, 0), NOW), Readiness::Batch(1));
    }

    #[test]
    fn the_event_is_the_records_joined() {
        let records = [Bytes::from_static(b"{\"a\":1}"), Bytes::from_static(b"{\"b\":2}")];
        assert_eq!(event(records.iter()).as_ref(), br#"{"Records":[{"a":1},{"b":2}]}"#);
        assert_eq!(event([].iter()).as_ref(), br#"{"Records":[]}"#);
    }
}
