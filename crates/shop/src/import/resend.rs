use std::collections::VecDeque;

use super::message::Message;

/// Number of other records between a record and its repetition, unless the input ends earlier.
const DISTANCE: u64 = 40;

/// Repeats every Nth message later in the run, like a producer that lost a response.
pub(super) struct Resending<I> {
    messages: I,
    every: Option<u64>,
    sent: u64,
    /// Repetitions, each with the number of new messages after which it is due.
    due: VecDeque<(u64, Message)>,
}

impl<I: Iterator<Item = Message>> Resending<I> {
    /// Repeats one of `every` messages, or none.
    pub(super) fn new(messages: I, every: Option<u64>) -> Self {
        Resending { messages, every, sent: 0, due: VecDeque::new() }
    }
}

impl<I: Iterator<Item = Message>> Iterator for Resending<I> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        if self.due.front().is_some_and(|(due, _)| *due <= self.sent) {
            return self.due.pop_front().map(|(_, message)| message);
        }
        let Some(message) = self.messages.next() else {
            return self.due.pop_front().map(|(_, message)| message);
        };
        self.sent += 1;
        if self.every.is_some_and(|every| self.sent.is_multiple_of(every)) {
            self.due.push_back((self.sent + DISTANCE, Message { again: true, ..message.clone() }));
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Kind;
    use super::*;

    fn message(number: usize) -> Message {
        Message { kind: Kind::Order, again: false, partition_key: number.to_string(), data: vec![1] }
    }

    #[test]
    fn every_nth_message_comes_a_second_time_later() {
        let sent: Vec<_> = Resending::new((1..=100).map(message), Some(10)).collect();
        assert_eq!(sent.len(), 110);
        for number in 1..=100 {
            let key = number.to_string();
            let places: Vec<_> =
                sent.iter().enumerate().filter(|(_, message)| message.partition_key == key).collect();
            assert_eq!(places.len(), if number % 10 == 0 { 2 } else { 1 }, "{number}");
            if let [(first, one), (second, two)] = places[..] {
                assert_eq!((one.again, two.again, &one.data), (false, true, &two.data));
                assert!(second - first > 1, "{number} is repeated at once");
            }
        }
    }

    #[test]
    fn nothing_is_repeated_unless_asked() {
        assert_eq!(Resending::new((1..=50).map(message), None).count(), 50);
    }
}
