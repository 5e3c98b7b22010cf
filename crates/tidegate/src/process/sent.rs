//! Remembers which overdue deadlines were sent, so that they are not sent every minute.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

use crate::ids::StreamId;

/// Most instances that are remembered. Beyond them, a deadline may be sent more often.
const REMEMBERED: usize = 100_000;
/// Longest time until a deadline is sent again.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

/// Instances whose overdue deadlines this execution environment has sent, by their next due time.
///
/// A new environment remembers nothing, and sends everything once more: a duplicate by its cause.
pub(super) struct Sent {
    grace: SignedDuration,
    instances: HashMap<(StreamId, i64), Last>,
}

struct Last {
    /// Time of the newest sending.
    sent: Timestamp,
    /// Time until the next one.
    pause: SignedDuration,
    /// Time of the newest sweep that found it overdue.
    seen: Timestamp,
}

impl Sent {
    pub(super) fn new(grace: SignedDuration) -> Self {
        Self { grace, instances: HashMap::new() }
    }

    /// Returns whether an instance with this overdue deadline is to be looked at now.
    pub(super) fn is_time(&mut self, instance: &StreamId, due: i64, now: Timestamp) -> bool {
        let Some(last) = self.instances.get_mut(&(instance.clone(), due)) else { return true };
        last.seen = now;
        now.duration_since(last.sent) >= last.pause
    }

    /// Notes that its deadlines were sent. The pause until the next sending doubles.
    pub(super) fn note(&mut self, instance: StreamId, due: i64, now: Timestamp) {
        let first = self.grace.max(SignedDuration::from_secs(1)).saturating_mul(2).min(LONGEST);
        if let Some(last) = self.instances.get_mut(&(instance.clone(), due)) {
            let pause = last.pause.saturating_mul(2).min(LONGEST);
            *last = Last { sent: now, pause, seen: now };
        } else if self.instances.len() < REMEMBERED {
            self.instances.insert((instance, due), Last { sent: now, pause: first, seen: now });
        }
    }

    /// Forgets all that the sweep at this time did not find.
    pub(super) fn forget_all_but(&mut self, now: Timestamp) {
        self.instances.retain(|_, last| last.seen == now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_pause_between_two_sendings_doubles_up_to_an_hour() {
        let booking: StreamId = "booking#1".parse().unwrap();
        let mut sent = Sent::new(SignedDuration::from_secs(120));
        let (mut now, mut times) = (0, Vec::new());
        while now < 6 * 3_600 {
            if sent.is_time(&booking, 0, at(now)) {
                sent.note(booking.clone(), 0, at(now));
                times.push(now);
            }
            now += 60;
        }
        let expected = [0, 240, 720, 1_680, 3_600, 7_200, 10_800, 14_400, 18_000];
        assert_eq!(times, expected);
        assert!(sent.is_time(&booking, 7, at(0)), "another deadline of the same instance");
    }

    #[test]
    fn what_is_no_longer_overdue_is_forgotten() {
        let [one, two]: [StreamId; 2] = ["booking#1", "booking#2"].map(|id| id.parse().unwrap());
        let mut sent = Sent::new(SignedDuration::from_secs(120));
        sent.note(one.clone(), 0, at(0));
        sent.note(two.clone(), 0, at(0));
        assert!(!sent.is_time(&one, 0, at(60)));
        sent.forget_all_but(at(60));
        assert!(!sent.is_time(&one, 0, at(61)) && sent.is_time(&two, 0, at(61)));
    }
}
