//! Decides how a delivery ends if its commit has several events.

use tidegate::batch::{Handled, NotRun, Outcome};
use tidegate::failure::{Class, Failure};

/// Progress of the events of one delivery.
///
/// All events that can be published are published before the delivery ends. Then the first rule
/// that applies decides:
///
/// 1. An event may be accepted later: the delivery fails as transient and comes again.
/// 2. An event will never be accepted: the delivery fails as permanent, with every reason.
/// 3. Otherwise the delivery is done.
///
/// The next delivery, or the replay of the dead letter, publishes all events again, with the same
/// ids.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Events of the commit.
    events: usize,
    /// Why events will never be published.
    refused: Vec<Failure>,
    /// Why events were not published that may be accepted later.
    failed: Vec<Failure>,
    /// Events that were not sent because time was up.
    unsent: usize,
}

impl Progress {
    /// Creates the progress of a commit with so many events, all published unless
    /// [`Progress::left`] is called.
    pub(crate) fn new(events: usize) -> Self {
        Self { events, ..Self::default() }
    }

    /// Records that an event was not published. `None`: the invocation had no time to send it.
    pub(crate) fn left(&mut self, failure: Option<Failure>) {
        match failure {
            None => self.unsent += 1,
            Some(failure) if failure.class() == Class::Permanent => self.refused.push(failure),
            Some(failure) => self.failed.push(failure),
        }
    }

    /// Returns how the delivery ends.
    pub(crate) fn outcome(self) -> Outcome {
        if self.unsent > 0 && self.unsent + self.refused.len() == self.events {
            return Outcome::NotRun(NotRun::OutOfTime);
        }
        // A throttle says nothing about the event, so any other failure is reported first.
        let telling = self.failed.iter().find(|failure| failure.code() != Failure::THROTTLED);
        if let Some(failure) = telling.or(self.failed.first()) {
            return Outcome::Failed(failure.clone());
        }
        if self.unsent > 0 {
            let reason = format!("{} of {} events were not sent in time", self.unsent, self.events);
            return Outcome::Failed(Failure::transient("deadline", reason));
        }
        match self.refused.as_slice() {
            [] => Outcome::Done(Handled::Applied),
            [only] if self.events == 1 => Outcome::Failed(only.clone()),
            [first, ..] => {
                let reasons: Vec<_> = self.refused.iter().map(Failure::reason).collect();
                let reason = format!(
                    "{} of {} events cannot be published, the others are: {}",
                    self.refused.len(),
                    self.events,
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

    fn ended(events: usize, left: &[Option<Failure>]) -> Outcome {
        let mut progress = Progress::new(events);
        left.iter().cloned().for_each(|failure| progress.left(failure));
        progress.outcome()
    }

    fn ending(events: usize, left: &[Option<Failure>]) -> (Class, String) {
        match ended(events, left) {
            Outcome::Failed(failure) => (failure.class(), failure.code().to_owned()),
            outcome => panic!("{outcome:?}"),
        }
    }

    #[test]
    fn a_delivery_is_permanent_only_when_nothing_of_it_may_still_be_published() {
        let large = || Some(Failure::permanent("event_too_large", "Placed e2"));
        let refused = || Some(Failure::permanent("event_refused", "Placed e3"));
        let down = || Some(Failure::transient("event_bus", "down"));
        let throttled = || Some(Failure::transient(Failure::THROTTLED, "slow down"));
        assert_eq!(ended(3, &[]), Outcome::Done(Handled::Applied));
        let permanent = ended(3, &[large(), refused()]);
        let reason = "2 of 3 events cannot be published, the others are: Placed e2; Placed e3";
        assert_eq!(permanent, Outcome::Failed(Failure::permanent("event_too_large", reason)));
        assert_eq!(ended(1, &[large()]), Outcome::Failed(large().unwrap()));
        let transient = |code: &str| (Class::Transient, code.to_owned());
        assert_eq!(ending(3, &[large(), down()]), transient("event_bus"));
        assert_eq!(ending(3, &[large(), None]), transient("deadline"));
        assert_eq!(ending(3, &[throttled(), down(), None]), transient("event_bus"));
        assert_eq!(ending(3, &[throttled(), large()]), transient("throttled"));
        assert_eq!(ended(3, &[None, None, None]), Outcome::NotRun(NotRun::OutOfTime));
        assert_eq!(ended(2, &[large(), None]), Outcome::NotRun(NotRun::OutOfTime));
    }
}
