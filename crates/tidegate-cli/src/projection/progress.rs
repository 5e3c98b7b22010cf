//! How far a rebuild is, and how long it still takes.

use std::time::{Duration, Instant};

use terminal::output;

/// Time between two notes.
const NOTES: Duration = Duration::from_secs(3);

/// Progress of the fold of an event store.
pub(super) struct Progress {
    name: String,
    /// Items of the event store, as far as they are known.
    all: u64,
    /// Items that earlier runs have folded, at least.
    before: u64,
    items: u64,
    began: Instant,
    noted: Instant,
}

impl Progress {
    pub(super) fn new(name: String, all: u64, before: u64) -> Self {
        let now = Instant::now();
        Self { name, all, before, items: 0, began: now, noted: now }
    }

    /// Counts items that were read.
    pub(super) fn read(&mut self, items: u64) {
        self.items += items;
    }

    /// Notes the progress, if the last note is old enough.
    pub(super) fn note(&mut self, segments: (usize, usize), streams: u64) {
        if self.noted.elapsed() < NOTES {
            return;
        }
        self.noted = Instant::now();
        output::note(&self.text(segments, streams, self.began.elapsed()));
    }

    fn text(&self, (done, all): (usize, usize), streams: u64, elapsed: Duration) -> String {
        let rate = self.rate(elapsed);
        let whole = self.before + self.items;
        let left = match self.all {
            known if known > whole && rate > 0.0 => {
                format!(", about {} left", spoken(number(known - whole) / rate))
            }
            known if known > 0 => ", almost done".to_owned(),
            // AWS counts the items of a table every six hours.
            _ => String::new(),
        };
        format!(
            "{}: {done} of {all} segments, {streams} streams, {rate:.0} items/s{left}",
            self.name
        )
    }

    fn rate(&self, elapsed: Duration) -> f64 {
        number(self.items) / elapsed.as_secs_f64().max(0.001)
    }

    /// Returns how long to wait so that no more than so many items are read per second.
    pub(super) fn pause(&self, rate: Option<f64>) -> Duration {
        let Some(rate) = rate else { return Duration::ZERO };
        Duration::from_secs_f64(number(self.items) / rate).saturating_sub(self.began.elapsed())
    }
}

#[expect(clippy::cast_precision_loss, reason = "an event store has less than 2^52 items")]
fn number(items: u64) -> f64 {
    items as f64
}

/// Says a time in the largest unit that fits.
fn spoken(seconds: f64) -> String {
    match seconds {
        long if long >= 7200.0 => format!("{:.0} hours", long / 3600.0),
        long if long >= 120.0 => format!("{:.0} min", long / 60.0),
        short => format!("{short:.0} s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_is_that_of_the_items_that_are_not_folded_yet() {
        let mut progress = Progress::new("order-view@2".to_owned(), 10_000, 1_000);
        progress.read(1_000);
        let text = progress.text((3, 16), 700, Duration::from_secs(10));
        let expected = "order-view@2: 3 of 16 segments, 700 streams, 100 items/s, about 80 s left";
        assert_eq!(text, expected);
        progress.read(9_000);
        assert!(progress.text((16, 16), 9, Duration::from_secs(9)).ends_with("almost done"));
        let unknown = Progress::new("v@1".to_owned(), 0, 0);
        assert!(unknown.text((0, 1), 0, Duration::from_secs(9)).ends_with("0 items/s"));
        assert_eq!((spoken(7200.0), spoken(600.0)), ("2 hours".to_owned(), "10 min".to_owned()));
    }

    #[test]
    fn a_rate_holds_back() {
        let mut progress = Progress::new("v@1".to_owned(), 0, 0);
        assert_eq!(progress.pause(Some(10.0)), Duration::ZERO);
        progress.read(100_000);
        assert!(progress.pause(Some(10.0)) > Duration::from_secs(9_000));
        assert_eq!(progress.pause(None), Duration::ZERO);
    }
}
