//! Decides how a delivery ends whose commit led to several messages.

use crate::batch::{Handled, NotRun, Outcome};
use crate::failure::{Class, Failure};

/// Why a message was not published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// It could not be made, or its target did not take it.
    Failed(Failure),
    /// The invocation had no time to send it.
    Unsent,
    /// An earlier message of its stream was not published.
    Blocked,
}

/// Progress of the messages of one delivery.
///
/// All messages that can be published are published before the delivery ends. Then the first rule
/// that applies decides:
///
/// 1. A message may be accepted later: the delivery fails as transient and comes again.
/// 2. A message will never be accepted: the delivery fails as permanent, with every reason.
/// 3. Otherwise the delivery is done.
///
/// The next delivery, or the replay of the dead letter, publishes all messages again, with the same
/// ids.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Messages of the commit.
    messages: usize,
    /// Why messages will never be published.
    refused: Vec<Failure>,
    /// Why messages were not published that may be accepted later.
    failed: Vec<Failure>,
    /// Messages that were not sent because time was up.
    unsent: usize,
    /// Messages that wait for an earlier one.
    blocked: usize,
}

impl Progress {
    /// Counts a message, published unless [`Progress::left`] is called.
    pub(super) fn message(&mut self) {
        self.messages += 1;
    }

    /// Records that a message was not published.
    pub(super) fn left(&mut self, left: Left) {
        match left {
            Left::Unsent => self.unsent += 1,
            Left::Blocked => self.blocked += 1,
            Left::Failed(failure) if failure.class() == Class::Permanent => {
                self.refused.push(failure);
            }
            Left::Failed(failure) => self.failed.push(failure),
        }
    }

    /// Returns how the delivery ends.
    pub(super) fn outcome(self) -> Outcome {
        // A throttle says nothing about the event, so any other failure is reported first.
        let telling = self.failed.iter().find(|failure| failure.code() != Failure::THROTTLED);
        if let Some(failure) = telling.or(self.failed.first()) {
            return Outcome::Failed(failure.clone());
        }
        if self.blocked > 0 {
            return Outcome::NotRun(NotRun::Blocked);
        }
        if self.unsent > 0 && self.unsent + self.refused.len() == self.messages {
            return Outcome::NotRun(NotRun::OutOfTime);
        }
        if self.unsent > 0 {
            let reason =
                format!("{} of {} messages were not sent in time", self.unsent, self.messages);
            return Outcome::Failed(Failure::transient("deadline", reason));
        }
        match self.refused.as_slice() {
            [] if self.messages == 0 => Outcome::Done(Handled::Filtered),
            [] => Outcome::Done(Handled::Applied),
            [only] if self.messages == 1 => Outcome::Failed(only.clone()),
            [first, ..] => {
                let reasons: Vec<_> = self.refused.iter().map(Failure::reason).collect();
                let reason = format!(
                    "{} of {} messages cannot be published, the others are: {}",
                    self.refused.len(),
                    self.messages,
                    reasons.join("; ")
                );
                Outcome::Failed(Failure::permanent(first.code().to_owned(), reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(messages: usize, left: &[Left]) -> Outcome {
        let mut progress = Progress::default();
        (0..messages).for_each(|_| progress.message());
        left.iter().cloned().for_each(|left| progress.left(left));
        progress.outcome()
    }

    fn ending(messages: usize, left: &[Left]) -> (Class, String) {
        match ended(messages, left) {
            Outcome::Failed(failure) => (failure.class(), failure.code().to_owned()),
            outcome => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn a_delivery_is_permanent_only_when_nothing_of_it_may_still_be_published() {
        let large = || Left::Failed(Failure::permanent("event_too_large", "Placed e2"));
        let refused = || Left::Failed(Failure::permanent("event_refused", "Placed e3"));
        let down = || Left::Failed(Failure::transient("event_bus", "down"));
        let throttled = || Left::Failed(Failure::transient(Failure::THROTTLED, "slow down"));
        assert_eq!(ended(3, &[]), Outcome::Done(Handled::Applied));
        let permanent = ended(3, &[large(), refused()]);
        let reason = "2 of 3 messages cannot be published, the others are: Placed e2; Placed e3";
        assert_eq!(permanent, Outcome::Failed(Failure::permanent("event_too_large", reason)));
        let only = Failure::permanent("event_too_large", "Placed e2");
        assert_eq!(ended(1, &[large()]), Outcome::Failed(only));
        let transient = |code: &str| (Class::Transient, code.to_owned());
        assert_eq!(ending(3, &[large(), down()]), transient("event_bus"));
        assert_eq!(ending(3, &[large(), Left::Unsent]), transient("deadline"));
        assert_eq!(ending(3, &[throttled(), down(), Left::Unsent]), transient("event_bus"));
        assert_eq!(ending(3, &[throttled(), large()]), transient("throttled"));
        let late = Outcome::NotRun(NotRun::OutOfTime);
        assert_eq!(ended(3, &[Left::Unsent, Left::Unsent, Left::Unsent]), late);
        assert_eq!(ended(2, &[large(), Left::Unsent]), late);
    }

    #[test]
    fn a_delivery_that_waits_for_an_earlier_one_says_nothing_against_its_record() {
        let blocked = Outcome::NotRun(NotRun::Blocked);
        assert_eq!(ended(2, &[Left::Blocked]), blocked);
        assert_eq!(ended(2, &[Left::Blocked, Left::Unsent]), blocked);
        let down = Left::Failed(Failure::transient("event_bus", "down"));
        assert_eq!(ending(2, &[Left::Blocked, down]), (Class::Transient, "event_bus".to_owned()));
    }

    #[test]
    fn a_commit_that_no_target_gets_is_filtered() {
        assert_eq!(ended(0, &[]), Outcome::Done(Handled::Filtered));
    }
}
