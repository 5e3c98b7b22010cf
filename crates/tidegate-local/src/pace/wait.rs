//! Waits for moments and for the next poll of a source.

use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::pacer::Pacer;
use crate::activity::Activity;
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

/// Waits for the next poll; returns true if work done elsewhere shortened the wait.
pub(crate) async fn until_poll(
    pacer: &Pacer,
    polled: Instant,
    seen: u64,
    activity: &Activity,
) -> bool {
    let due = pacer.due();
    let Some(woken) = due.woken else {
        sleep_until(polled + due.after).await;
        return false;
    };
    let changed = async {
        sleep_until(polled + woken).await;
        activity.changed_from(seen).await;
    };
    tokio::select! {
        () = changed => true,
        () = sleep_until(polled + due.after) => false,
    }
}
