//! Computes the checkpoint of a shard.

use std::collections::VecDeque;

use lambda_shapes::sequence::SequenceNumber;

/// The records read after the checkpoint, in the order of reading.
///
/// Lanes finish records in any order. The checkpoint is the last record up to which every record is
/// done in every lane.
///
/// Example: 8, 9 and 10 are read, and 9 and 10 are done. The checkpoint stays before 8. When 8 is
/// done, it moves to 10.
#[derive(Debug, Default)]
pub struct Position {
    window: VecDeque<Slot>,
    first: u64,
    undone: usize,
    bytes: usize,
    checkpoint: Option<SequenceNumber>,
    last_read: Option<SequenceNumber>,
}

#[derive(Debug)]
struct Slot {
    sequence: SequenceNumber,
    bytes: usize,
    done: bool,
}

impl Position {
    /// Resumes after a stored checkpoint.
    #[must_use]
    pub fn after(checkpoint: Option<SequenceNumber>) -> Self {
        Self { last_read: checkpoint.clone(), checkpoint, ..Self::default() }
    }

    /// Takes a record in and returns its number; `None` for a record that was read before.
    pub fn read(&mut self, sequence: &SequenceNumber, bytes: usize) -> Option<u64> {
        if self.last_read.as_ref().is_some_and(|last| sequence <= last) {
            return None;
        }
        let ordinal = self.first + self.window.len() as u64;
        self.window.push_back(Slot { sequence: sequence.clone(), bytes, done: false });
        self.last_read = Some(sequence.clone());
        self.undone += 1;
        self.bytes += bytes;
        Some(ordinal)
    }

    /// Marks a record as done; has no effect on a done record.
    pub fn done(&mut self, ordinal: u64) {
        let slot = ordinal
            .checked_sub(self.first)
            .and_then(|index| usize::try_from(index).ok())
            .and_then(|index| self.window.get_mut(index));
        if let Some(slot) = slot
            && !slot.done
        {
            slot.done = true;
            self.undone -= 1;
            self.bytes -= slot.bytes;
        }
    }

    /// Moves the checkpoint over everything done; returns it if it moved.
    pub fn advance(&mut self) -> Option<&SequenceNumber> {
        let mut moved = false;
        while self.window.front().is_some_and(|slot| slot.done) {
            self.checkpoint = self.window.pop_front().map(|slot| slot.sequence);
            self.first += 1;
            moved = true;
        }
        if moved { self.checkpoint.as_ref() } else { None }
    }

    /// Returns the checkpoint; `None` before any record is done.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&SequenceNumber> {
        self.checkpoint.as_ref()
    }

    /// Returns the last record read, after which reading goes on.
    #[must_use]
    pub fn last_read(&self) -> Option<&SequenceNumber> {
        self.last_read.as_ref()
    }

    /// Returns the number of records read and not done.
    #[must_use]
    pub fn undone(&self) -> usize {
        self.undone
    }

    /// Returns the bytes of the records read and not done.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the number of records read after the checkpoint, done or not.
    #[must_use]
    pub fn span(&self) -> usize {
        self.window.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(digits: &str) -> SequenceNumber {
        SequenceNumber::new(digits)
    }

    #[test]
    fn the_checkpoint_never_passes_a_record_that_is_not_done() {
        let mut position = Position::default();
        let ordinals: Vec<u64> = ["8", "9", "10"]
            .iter()
            .filter_map(|digits| position.read(&number(digits), 1))
            .collect();
        position.done(ordinals[1]);
        position.done(ordinals[2]);
        assert_eq!(position.advance(), None);
        assert_eq!(position.undone(), 1);
        position.done(ordinals[0]);
        assert_eq!(position.advance(), Some(&number("10")));
        assert_eq!((position.undone(), position.span(), position.bytes()), (0, 0, 0));
    }

    #[test]
    fn a_record_read_twice_is_taken_once() {
        let mut position = Position::after(Some(number("9")));
        assert_eq!(position.read(&number("9"), 1), None);
        assert!(position.read(&number("10"), 1).is_some());
        assert_eq!(position.read(&number("10"), 1), None);
    }
}
