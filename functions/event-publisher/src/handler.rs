use std::sync::Arc;

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use futures::StreamExt;
use tidegate::batch::{BatchContext, BatchHandler, Handled, Item, NotRun, Outcome};
use tidegate::failure::{Failure, chain};
use tidegate::source::Delivery;
use tidegate::store::{CommitChange, EventReader, RecordedCommit};
use tokio::time::{Instant, timeout_at};

use crate::entry::Entry;
use crate::requests::{Placed, requests};

/// PutEvents requests at a time. The bus keeps no order, so requests need not wait for each other.
const CONCURRENCY: usize = 4;
/// How often entries that EventBridge did not take are sent again within one invocation.
const ATTEMPTS: usize = 3;

/// Publishes commits on a bus. Events may be published twice, with the same id.
pub(crate) struct Publisher {
    client: Client,
    bus: String,
    /// Limit of a message that holds an event, and of a request, in bytes.
    limit: usize,
    events: Arc<dyn EventReader>,
}

impl Publisher {
    pub(crate) fn new(client: Client, bus: String, limit: usize, events: Arc<dyn EventReader>) -> Self {
        Publisher { client, bus, limit, events }
    }

    /// The entries of a delivery: one for each event of its commit.
    async fn entries(&self, change: &CommitChange) -> Result<Vec<Entry>, Failure> {
        let read;
        let commit = match change {
            CommitChange::Commit(commit) => commit,
            CommitChange::Split { stream, version, .. } => {
                let before = tidegate::ids::Version::new(version.number().saturating_sub(1));
                read = self.events.read(stream, before).await?;
                read.iter().find(|commit| commit.first_version() == *version).ok_or_else(|| {
                    Failure::transient(
                        "not_in_store",
                        format!("{stream}: the commit at version {version} is not in the event store"),
                    )
                })?
            }
            CommitChange::Newer { stream, version } => {
                return Err(Failure::transient(
                    Failure::NEWER,
                    format!("{stream}: the commit at version {version} is in a newer format"),
                ));
            }
            CommitChange::Other => return Ok(Vec::new()),
        };
        let of = |commit: &RecordedCommit| -> Result<Vec<Entry>, Failure> {
            commit.events.iter().map(|event| Entry::new(commit, event, self.limit)).collect()
        };
        of(commit)
    }

    /// Sends one request and answers the entries that were not taken, each with the reason.
    async fn put(&self, request: Vec<Placed>, deadline: Instant) -> Vec<(Placed, Failure)> {
        let entries = request.iter().map(|placed| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(&placed.entry.source)
                .detail_type(&placed.entry.detail_type)
                .detail(&placed.entry.detail)
                .build()
        });
        let put = self.client.put_events().set_entries(Some(entries.collect())).send();
        let failure = match timeout_at(deadline, put).await {
            Ok(Ok(answer)) => return rejected(request, answer.entries()),
            Ok(Err(error)) => Failure::transient("event_bus", chain(&error)),
            Err(_) => Failure::transient("deadline", "EventBridge did not answer in the invocation's time"),
        };
        request.into_iter().map(|placed| (placed, failure.clone())).collect()
    }

    /// Sends entries, those that were not taken again, and answers what is left.
    async fn publish(&self, entries: Vec<Placed>, deadline: Instant) -> Vec<(Placed, Failure)> {
        let mut left: Vec<(Placed, Failure)> = Vec::new();
        let mut waiting = entries;
        for _ in 0..ATTEMPTS {
            let sent = futures::stream::iter(requests(std::mem::take(&mut waiting), self.limit))
                .map(|request| self.put(request, deadline))
                .buffer_unordered(CONCURRENCY)
                .collect::<Vec<_>>()
                .await;
            left = sent.into_iter().flatten().collect();
            if left.is_empty() || Instant::now() >= deadline {
                break;
            }
            waiting = left.iter().map(|(placed, _)| placed.clone()).collect();
        }
        left
    }
}

/// PutEvents succeeds in part: each entry has a result of its own, in the order of the request.
fn rejected(request: Vec<Placed>, results: &[PutEventsResultEntry]) -> Vec<(Placed, Failure)> {
    let mut results = results.iter();
    request
        .into_iter()
        .filter_map(|placed| {
            let failure = match results.next() {
                Some(result) if result.error_code().is_none() => return None,
                Some(result) => entry_failure(
                    result.error_code().unwrap_or_default(),
                    result.error_message().unwrap_or_default(),
                ),
                None => Failure::transient(
                    "event_bus",
                    "EventBridge answered fewer results than there were entries",
                ),
            };
            Some((placed, failure))
        })
        .collect()
}

fn entry_failure(code: &str, message: &str) -> Failure {
    let reason = format!("EventBridge did not take the event: {code}: {message}");
    match code {
        "MalformedDetail" | "InvalidArgument" => Failure::permanent("event_refused", reason),
        _ => Failure::transient("event_bus", reason),
    }
}

impl BatchHandler for Publisher {
    type Record = CommitChange;

    fn decode(&self, delivery: &Delivery<'_>) -> Result<CommitChange, Failure> {
        CommitChange::of(delivery)
    }

    fn lane(&self, delivery: &Delivery<'_>) -> String {
        CommitChange::lane(delivery)
    }

    async fn handle_batch(&self, items: &[Item<CommitChange>], context: &BatchContext) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(items.len());
        let mut entries = Vec::new();
        for (place, item) in items.iter().enumerate() {
            if Instant::now() >= context.deadline {
                outcomes.push(Outcome::NotRun(NotRun::OutOfTime));
                continue;
            }
            match self.entries(&item.record).await {
                Ok(of_item) if of_item.is_empty() => outcomes.push(Outcome::Done(Handled::Filtered)),
                Ok(of_item) => {
                    entries.extend(of_item.into_iter().map(|entry| Placed { place, entry }));
                    outcomes.push(Outcome::Done(Handled::Applied));
                }
                Err(failure) => outcomes.push(Outcome::Failed(failure)),
            }
        }
        for (placed, failure) in self.publish(entries, context.deadline).await {
            if let Some(outcome) = outcomes.get_mut(placed.place) {
                *outcome = Outcome::Failed(failure);
            }
        }
        outcomes
    }
}

#[cfg(test)]
mod tests {
    use tidegate::failure::Class;

    use super::*;

    fn placed(place: usize) -> Placed {
        let commit = crate::entry::tests::commit("{}");
        Placed { place, entry: Entry::new(&commit, &commit.events[0], 10_000).unwrap() }
    }

    #[test]
    fn only_the_entries_that_were_not_taken_are_left() {
        let taken = PutEventsResultEntry::builder().event_id("1").build();
        let throttled = PutEventsResultEntry::builder()
            .error_code("ThrottlingException")
            .error_message("slow down")
            .build();
        let malformed = PutEventsResultEntry::builder().error_code("MalformedDetail").build();
        let left = rejected((0..4).map(placed).collect(), &[taken, throttled, malformed]);
        let left: Vec<_> = left.iter().map(|(placed, failure)| (placed.place, failure.class())).collect();
        assert_eq!(left, [(1, Class::Transient), (2, Class::Permanent), (3, Class::Transient)]);
    }
}
