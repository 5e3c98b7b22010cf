//! Waits until a version of an aggregate is in the view.

use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};

use super::reached::Reached;
use super::row::Parked;
use super::view::View;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};

/// Pause before the second look. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// Longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

impl View {
    /// Waits until this version of an aggregate is in the view, at most until the deadline.
    ///
    /// The row holds the last applied version. It is read, strongly consistent, at once and then
    /// after pauses of 25 ms that double to 400 ms: six times in the first second, and two or three
    /// times in each further one. Each look costs one read unit for each 4 KB of the row.
    ///
    /// After [`Reached::Ready`], strongly consistent reads find every effect of the version and of
    /// those before it: in the row, and in every counter. Reads of an index may still miss it.
    ///
    /// A version that the event store does not have is waited for until the deadline. Choose one
    /// that you can afford: a client can ask for any version.
    ///
    /// # Errors
    /// A permanent failure to read the row, at once. A transient one if the last look before the
    /// deadline failed. `deadline` (transient): no look ended before the deadline.
    pub async fn wait_for(
        &self,
        stream: &StreamId,
        version: Version,
        deadline: Instant,
    ) -> Result<Reached, Failure> {
        let mut last = Err(Failure::transient(
            "deadline",
            format!("{stream}: the read model did not answer before the deadline"),
        ));
        let mut pause = FIRST_PAUSE;
        loop {
            match timeout_at(deadline, self.look(stream, version)).await {
                Ok(Ok(behind @ Reached::Behind { .. })) => last = Ok(behind),
                Ok(Ok(reached)) => return Ok(reached),
                Ok(Err(failure)) if failure.class() == crate::failure::Class::Permanent => {
                    return Err(failure);
                }
                Ok(Err(failure)) => last = Err(failure),
                Err(_) => return last,
            }
            let next = Instant::now() + pause;
            if next >= deadline {
                return last;
            }
            sleep_until(next).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks once how far the row of an aggregate has come.
    async fn look(&self, stream: &StreamId, version: Version) -> Result<Reached, Failure> {
        let mut guards = self.model.guards(std::slice::from_ref(stream)).await?;
        let guard = guards.remove(stream).transpose()?.unwrap_or_default();
        let at = guard.position.version;
        Ok(match Parked::from_guard(&guard) {
            _ if at >= version => Reached::Ready { at },
            Some(parked) => Reached::Parked { at, parked },
            None => Reached::Behind { at },
        })
    }
}
