//! Sends PutEvents requests to the bus, one at a time.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ErrorMetadata, ProvideErrorMetadata};
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use tidegate::failure::Failure;
use tokio::time::{Instant, timeout_at};

use crate::requests::Placed;

/// Code of all other failures of EventBridge.
const EVENT_BUS: &str = "event_bus";

/// An EventBridge bus.
pub(crate) struct EventBus {
    client: Client,
    name: String,
}

impl EventBus {
    pub(crate) fn new(client: Client, name: String) -> Self {
        Self { client, name }
    }

    /// Sends one request, unless the deadline has passed. Returns the entries that were not
    /// accepted.
    pub(crate) async fn put(&self, request: Vec<Placed>, deadline: Instant) -> Vec<Placed> {
        if Instant::now() >= deadline {
            return request;
        }
        let entries = request.iter().map(|placed| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.name)
                .source(&placed.entry.source)
                .detail_type(&placed.entry.detail_type)
                .detail(&placed.entry.detail)
                .build()
        });
        let put = self.client.put_events().set_entries(Some(entries.collect())).send();
        match timeout_at(deadline, put).await {
            Ok(Ok(answer)) => not_taken(request, answer.entries()),
            Ok(Err(error)) => {
                // One bad entry must not stop the others of its request.
                let alone = error.code() == Some("ValidationException");
                failed(request, &Failure::aws(EVENT_BUS, &error), alone)
            }
            Err(_) => {
                let late = "EventBridge did not answer before the invocation's deadline";
                failed(request, &Failure::transient("deadline", late), false)
            }
        }
    }
}

/// Returns all entries of a request, none of which was accepted.
fn failed(request: Vec<Placed>, failure: &Failure, alone: bool) -> Vec<Placed> {
    request
        .into_iter()
        .map(|placed| Placed {
            failure: Some(failure.clone()),
            alone: alone || placed.alone,
            ..placed
        })
        .collect()
}

/// Returns the entries that were not accepted.
///
/// PutEvents can succeed in part: each entry has its own result, in the order of the request.
fn not_taken(request: Vec<Placed>, results: &[PutEventsResultEntry]) -> Vec<Placed> {
    let mut results = results.iter();
    request
        .into_iter()
        .filter_map(|placed| {
            let failure = match results.next() {
                Some(result) => refusal(result, &placed.entry.event)?,
                None => Failure::transient(
                    EVENT_BUS,
                    "EventBridge returned fewer results than the request has entries",
                ),
            };
            Some(Placed { failure: Some(failure), ..placed })
        })
        .collect()
}

/// Returns why EventBridge did not accept an entry; `None` if it did.
///
/// A refusal of the event itself is permanent. A refusal of its source or detail-type comes from
/// the bus's policy, which an operator can correct.
fn refusal(result: &PutEventsResultEntry, event: &str) -> Option<Failure> {
    let code = result.error_code()?;
    let message = result.error_message().unwrap_or_default();
    let failure = match code {
        "MalformedDetail" | "InvalidArgument" => {
            Failure::permanent("event_refused", format!("{code}: {message}"))
        }
        _ => Failure::aws(EVENT_BUS, &ErrorMetadata::builder().code(code).message(message).build()),
    };
    Some(failure.context(format_args!("EventBridge did not accept {event}")))
}

#[cfg(test)]
mod tests {
    use tidegate::failure::Class;

    use super::*;
    use crate::entry::Entry;

    fn placed(place: usize) -> Placed {
        let commit = crate::entry::tests::commit("{}");
        Placed::new(place, Entry::new(&commit, &commit.events[0], 10_000).unwrap())
    }

    #[test]
    fn only_the_entries_that_were_not_taken_are_left() {
        let refused = |code: &str| {
            PutEventsResultEntry::builder().error_code(code).error_message("slow down").build()
        };
        let results = [
            PutEventsResultEntry::builder().event_id("1").build(),
            refused("ThrottlingException"),
            refused("MalformedDetail"),
            refused("InvalidArgument"),
            refused("InternalFailure"),
            refused("NotAuthorizedForSourceException"),
        ];
        let left = not_taken((0..7).map(placed).collect(), &results);
        let left: Vec<_> = left
            .iter()
            .map(|placed| {
                let failure = placed.failure.as_ref().unwrap();
                (placed.place, failure.class(), failure.code())
            })
            .collect();
        assert_eq!(
            left,
            [
                (1, Class::Transient, Failure::THROTTLED),
                (2, Class::Permanent, "event_refused"),
                (3, Class::Permanent, "event_refused"),
                (4, Class::Transient, "event_bus"),
                (5, Class::Transient, "event_bus"),
                (6, Class::Transient, "event_bus"),
            ]
        );
    }

    #[test]
    fn a_refusal_names_the_event_and_says_what_eventbridge_said() {
        let result = PutEventsResultEntry::builder()
            .error_code("ThrottlingException")
            .error_message("slow down")
            .build();
        let left = not_taken(vec![placed(0)], &[result]);
        let reason = left[0].failure.as_ref().unwrap().reason();
        assert!(reason.starts_with("EventBridge did not accept OrderPlaced e1: "), "{reason}");
        assert!(reason.contains("ThrottlingException") && reason.contains("slow down"), "{reason}");
    }
}
