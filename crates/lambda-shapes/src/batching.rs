//! When a batch is closed, and the event that it becomes.
//!
//! Lambda invokes a function when the batching window ends, the batch size is reached, or the
//! payload reaches 6 MB (AWS docs: "How Lambda processes records from stream and queue-based event
//! sources").

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{BufMut, Bytes, BytesMut};

use crate::moment::Moment;
use crate::record::Entry;

/// Most bytes of one event: 6 MB for the request of a synchronous invocation (AWS docs: "Lambda
/// quotas").
pub const PAYLOAD_LIMIT: usize = 6 * 1024 * 1024;

const OPENING: &[u8] = br#"{"Records":["#;
/// The end of an event behind its records.
pub const CLOSING: &[u8] = b"]}";

/// Limits of a batch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most records, from 1.
    pub records: usize,
    /// Most bytes of the event, its frame included.
    pub bytes: usize,
    /// When the batch is closed though it is not full.
    pub window: Window,
}

/// The batching window: how long a batch is gathered.
///
/// "If you configure a batching window, the next window begins as soon as the previous function
/// invocation completes" (AWS docs: "How Lambda processes records from stream and queue-based event
/// sources"). AWS does not document what follows a window without records. Here the next window
/// begins with the next record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Its length; zero closes a batch at once.
    pub length: Duration,
    /// When the previous invocation ended.
    pub previous: Option<Moment>,
    /// The longest time that a record waits, however long the window is.
    pub longest: Option<Duration>,
}

impl Window {
    /// Returns when a batch is closed whose first record was read at `first`.
    #[must_use]
    pub fn end(self, first: Moment) -> Moment {
        let open = self.previous.filter(|previous| first <= previous.after(self.length));
        let end = open.unwrap_or(first).after(self.length);
        self.longest.map_or(end, |longest| end.min(first.after(longest)))
    }
}

/// Whether a batch can go now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// There are no records.
    Empty,
    /// A batch of so many records can go.
    Batch(usize),
    /// The batch is still gathered, at most until this moment.
    At(Moment),
}

/// Decides whether a batch is closed: by its number of records, by its bytes or by the end of its
/// window. The queue gives each record's bytes and the moment at which it was read.
///
/// A record that is too large by itself goes alone: only the function can say what becomes of it.
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
            let due = limits.window.end(read);
            if count >= limits.records || due <= now {
                Readiness::Batch(count)
            } else {
                Readiness::At(due)
            }
        }
    }
}

/// Takes the next closed batch from the front of a queue.
///
/// # Errors
/// No batch is closed: the moment at which the next one is, or `None` if the queue is empty.
pub fn cut(
    queue: &mut VecDeque<Entry>,
    limits: Limits,
    now: Moment,
) -> Result<Vec<Entry>, Option<Moment>> {
    match readiness(queue.iter().map(|e| (e.record.json.len(), e.read)), limits, now) {
        Readiness::Empty => Err(None),
        Readiness::At(due) => Err(Some(due)),
        Readiness::Batch(count) => Ok(queue.drain(..count).collect()),
    }
}

/// Joins records, each as JSON, to the event `{"Records":[…]}`.
#[must_use]
pub fn event<'a>(records: impl Iterator<Item = &'a Bytes> + Clone) -> Bytes {
    event_closed_by(records, CLOSING)
}

/// Joins records, each as JSON, to an event with other fields behind them. `closing` is the rest of
/// the event: it begins with the `]` of `Records`.
#[must_use]
pub fn event_closed_by<'a>(
    records: impl Iterator<Item = &'a Bytes> + Clone,
    closing: &[u8],
) -> Bytes {
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
        let window = Window { length: Duration::from_millis(window), ..Window::default() };
        Limits { records, bytes, window }
    }

    #[test]
    fn without_a_window_whatever_is_there_is_a_batch() {
        assert_eq!(
            readiness([(10, NOW), (10, NOW)], limits(100, 1000, 0), NOW),
            Readiness::Batch(2)
        );
    }

    #[test]
    fn a_full_batch_does_not_wait_for_its_window() {
        assert_eq!(readiness([(1, NOW); 3], limits(2, 1000, 500), NOW), Readiness::Batch(2));
        assert_eq!(readiness([(1, NOW); 2], limits(2, 1000, 500), NOW), Readiness::Batch(2));
    }

    #[test]
    fn a_window_begins_when_the_invocation_before_it_ends_and_an_empty_one_with_the_next_record() {
        let window = Window {
            length: Duration::from_millis(500),
            previous: Some(Moment::from_millis(10_000)),
            longest: None,
        };
        let end = |first| window.end(Moment::from_millis(first)).as_millis();
        // Read while the function was busy, soon after it, at the end of its window, and later.
        assert_eq!([9_000, 10_100, 10_500, 10_501].map(end), [10_500, 10_500, 10_500, 11_001]);
    }

    #[test]
    fn no_window_holds_a_record_for_longer_than_it_may_be_held() {
        let window = Window {
            length: Duration::from_secs(60),
            previous: None,
            longest: Some(Duration::from_secs(27)),
        };
        assert_eq!(window.end(NOW), NOW.after(Duration::from_secs(27)));
        let window = Window { previous: Some(NOW), ..window };
        assert_eq!(window.end(Moment::from_millis(9_000)), Moment::from_millis(36_000));
    }

    #[test]
    fn the_window_counts_from_the_first_record() {
        let queue = [(1, Moment::from_millis(9_700)), (1, Moment::from_millis(9_999))];
        assert_eq!(
            readiness(queue, limits(9, 999, 500), NOW),
            Readiness::At(Moment::from_millis(10_200))
        );
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

    #[test]
    fn an_event_can_have_other_fields_behind_its_records() {
        let records = [Bytes::from_static(b"1"), Bytes::from_static(b"2")];
        let closing = br#"],"isFinalInvokeForWindow":true}"#;
        let event = event_closed_by(records.iter(), closing);
        assert_eq!(event.as_ref(), br#"{"Records":[1,2],"isFinalInvokeForWindow":true}"#);
        assert_eq!(event_closed_by([].iter(), closing).as_ref(), [OPENING, closing].concat());
    }
}
