//! Waits for moments and for the next poll of a source.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::pacer::Pacer;
use crate::activity::Activity;
use crate::wake::Wake;
use lambda_shapes::moment::Moment;

/// Waits for a moment; without one, never returns.
pub(crate) async fn until(moment: Option<Moment>) {
    match moment {
        // One millisecond more: moments are cut to whole milliseconds, and a timer that fires early
        // would be set again at once.
        Some(moment) => sleep(moment.since(Moment::now()) + Duration::from_millis(1)).await,
        None => std::future::pending().await,
    }
}

/// What brings the next poll of a source forward.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    /// Work of the engine, after which any source may have something new.
    pub(crate) activity: Arc<Activity>,
    /// Writes to this source.
    pub(crate) wake: Arc<Wake>,
}

/// The counts of the [`Signals`] before a poll began.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) activity: u64,
    pub(crate) written: u64,
}

impl Signals {
    /// Returns the current counts, to be read before a poll begins.
    pub(crate) fn now(&self) -> Seen {
        Seen { activity: self.activity.now(), written: self.wake.now() }
    }

    /// Waits for the next poll; returns true if a signal shortened the wait.
    ///
    /// `seen` are the counts before the last poll began, and `polled` is when it ended. So a signal
    /// during that poll shortens this wait.
    pub(crate) async fn until_poll(&self, pacer: &Pacer, polled: Instant, seen: Seen) -> bool {
        let due = pacer.due();
        let woken = async {
            sleep_until_some(due.woken.map(|wait| polled + wait)).await;
            self.activity.changed_from(seen.activity).await;
        };
        let written = async {
            sleep_until_some(due.written.map(|wait| polled + wait)).await;
            self.wake.changed_from(seen.written).await;
        };
        tokio::select! {
            () = written => true,
            () = woken => true,
            () = sleep_until(polled + due.after) => false,
        }
    }
}

/// Sleeps until an instant; without one, never returns.
async fn sleep_until_some(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::pacer::Pace;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// The wait of a source that was found empty so often that only a signal ends its wait soon.
    async fn waits(signals: &Signals, seen: Seen) -> (bool, Duration) {
        let mut pacer = Pacer::new(Pace::Idle(HOUR), Duration::ZERO);
        for _ in 0..100 {
            pacer.empty();
        }
        let polled = Instant::now();
        let woken = signals.until_poll(&pacer, polled, seen).await;
        (woken, polled.elapsed())
    }

    fn signals() -> Signals {
        Signals { activity: Arc::default(), wake: Arc::default() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_during_the_poll_or_between_poll_and_wait_is_followed_by_another_poll() {
        let signals = signals();
        let seen = signals.now();
        signals.wake.written();
        let (woken, waited) = waits(&signals, seen).await;
        assert!(woken && waited < Duration::from_millis(10), "{waited:?}");
        // The counts that were read after the write have it.
        assert_eq!(waits(&signals, signals.now()).await, (false, HOUR));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_ends_a_wait_that_has_begun_and_so_does_work_elsewhere() {
        let signals = signals();
        let acts: [fn(&Signals); 2] =
            [|signals| signals.wake.written(), |signals| signals.activity.bump()];
        for act in acts {
            let seen = signals.now();
            let later = async {
                sleep(Duration::from_secs(60)).await;
                act(&signals);
            };
            let ((woken, waited), ()) = tokio::join!(waits(&signals, seen), later);
            assert_eq!((woken, waited), (true, Duration::from_secs(60)));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn writes_one_after_the_other_cause_no_more_than_a_poll_each_five_milliseconds() {
        let signals = signals();
        let mut pacer = Pacer::new(Pace::Fast, Duration::ZERO);
        let (began, mut polls) = (Instant::now(), 0);
        let (mut polled, mut seen) = (began, Seen::default());
        while began.elapsed() < Duration::from_secs(1) {
            signals.wake.written();
            if signals.until_poll(&pacer, polled, seen).await {
                pacer.woken();
            }
            seen = signals.now();
            pacer.empty();
            (polled, polls) = (Instant::now(), polls + 1);
        }
        assert!((100..=210).contains(&polls), "{polls} polls in a second");
    }
}
