//! How often and how fast to try again.

use std::time::Duration;

/// How often and how fast to try again.
///
/// Used after a lost race for a version, and after a call that a dependency refused.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// Largest number of attempts, including the first.
    pub attempts: u32,
    /// Upper bound of the first pause. The bound doubles with every attempt, and each pause is
    /// drawn at random below its bound.
    pub pause: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self { attempts: 5, pause: Duration::from_millis(20) }
    }
}

impl Retry {
    /// Draws the pause after the attempt with this number, counted from 0.
    ///
    /// The pause is random and below [`Retry::pause`] after attempt 0. The bound doubles with each
    /// further attempt, up to 1,024 times [`Retry::pause`].
    pub fn pause_after(&self, attempt: u32) -> Duration {
        let bound = self.pause.saturating_mul(1 << attempt.min(10));
        bound.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_drawn_anew_below_a_bound_that_doubles() {
        let retry = Retry { attempts: 5, pause: Duration::from_millis(20) };
        for attempt in 0..5 {
            let bound = Duration::from_millis(20 << attempt);
            let drawn: Vec<_> = (0..200).map(|_| retry.pause_after(attempt)).collect();
            assert!(drawn.iter().all(|pause| *pause < bound), "attempt {attempt}");
            let (least, most) = (*drawn.iter().min().unwrap(), *drawn.iter().max().unwrap());
            assert!(
                least < bound / 4 && most > bound * 3 / 4,
                "attempt {attempt}: {least:?} to {most:?}"
            );
        }
        assert!(
            retry.pause_after(u32::MAX) < Duration::from_millis(20 << 10),
            "it does not grow for ever"
        );
    }
}
