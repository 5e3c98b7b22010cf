//! Sends some records a second time.

use std::collections::VecDeque;

use super::record::Record;

/// Number of other records between a record and its repetition, unless the input ends earlier.
const DISTANCE: u64 = 40;

/// Repeats every Nth record later in the run, as a producer does after a lost response.
pub(super) struct Resending<I> {
    records: I,
    every: Option<u64>,
    sent: u64,
    /// Repetitions, each with the number of first sendings after which it is due.
    due: VecDeque<(u64, Record)>,
}

impl<I: Iterator<Item = Record>> Resending<I> {
    /// Repeats every `every`th of the records, or none.
    pub(super) fn new(records: I, every: Option<u64>) -> Self {
        Self { records, every, sent: 0, due: VecDeque::new() }
    }
}

impl<I: Iterator<Item = Record>> Iterator for Resending<I> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        if self.due.front().is_some_and(|(due, _)| *due <= self.sent) {
            return self.due.pop_front().map(|(_, record)| record);
        }
        let Some(record) = self.records.next() else {
            return self.due.pop_front().map(|(_, record)| record);
        };
        self.sent += 1;
        if self.every.is_some_and(|every| self.sent.is_multiple_of(every)) {
            self.due.push_back((self.sent + DISTANCE, Record { again: true, ..record.clone() }));
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::Kind;
    use super::*;

    fn record(number: usize) -> Record {
        Record { kind: Kind::Order, again: false, partition_key: number.to_string(), data: vec![1] }
    }

    #[test]
    fn every_nth_message_comes_a_second_time_later() {
        let sent: Vec<_> = Resending::new((1..=100).map(record), Some(10)).collect();
        assert_eq!(sent.len(), 110);
        for number in 1..=100 {
            let key = number.to_string();
            let places: Vec<_> =
                sent.iter().enumerate().filter(|(_, record)| record.partition_key == key).collect();
            assert_eq!(places.len(), if number % 10 == 0 { 2 } else { 1 }, "{number}");
            if let [(first, one), (second, two)] = places[..] {
                assert_eq!((one.again, two.again, &one.data), (false, true, &two.data));
                assert!(second - first > 1, "{number} is repeated at once");
            }
        }
    }

    #[test]
    fn nothing_is_repeated_unless_asked() {
        assert_eq!(Resending::new((1..=50).map(record), None).count(), 50);
    }
}
