//! An EventBridge bus as a target.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use futures::future::{BoxFuture, FutureExt};

use super::answer::Codes;
use super::{Entry, Limits, RefusedRequest, Target};
use crate::failure::Failure;

/// Bytes that stay free in a message for the text that AWS adds to an event.
///
/// EventBridge adds its own fields, and Lambda the description of a failed invocation. Without this
/// room, an event that fits on the bus could be too large for every queue when it fails, and would
/// be lost.
const AROUND: usize = 4096;

/// Most entries in one PutEvents request.
const ENTRIES: usize = 10;
/// Largest request, in bytes: it must be less than 1 MB (AWS docs: PutEvents).
const REQUEST_BYTES: usize = 999_999;

const CODES: Codes = Codes {
    service: "EventBridge",
    failure: "event_bus",
    for_good: &["MalformedDetail", "InvalidArgument"],
    by_entry: &["ValidationException"],
};

/// An EventBridge bus.
///
/// It keeps no order. The detail of an event is its envelope; its source and detail type are those
/// of the envelope.
#[derive(Clone, Debug)]
pub struct EventBus {
    client: Client,
    bus: String,
    name: String,
    limit: usize,
}

impl EventBus {
    /// Creates the target for the bus of this name.
    ///
    /// `message_bytes` is the size of the smallest queue that an event may end in, as the target or
    /// the dead-letter queue of a rule: `TIDEGATE_EVENT_BYTES_LIMIT`. An event is at most as large,
    /// less 4,096 bytes for the text that AWS adds.
    pub fn new(client: Client, bus: impl Into<String>, message_bytes: usize) -> Self {
        let bus = bus.into();
        let limit = message_bytes.saturating_sub(AROUND).min(REQUEST_BYTES);
        Self { client, name: format!("bus {bus}"), bus, limit }
    }
}

impl Target for EventBus {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits::new(ENTRIES, REQUEST_BYTES, self.limit)
    }

    /// Counts source, detail type and detail, as EventBridge does if an event has no time and no
    /// resources (AWS docs: Calculating PutEvents event entry size).
    fn size(&self, entry: &Entry) -> usize {
        entry.source.len() + entry.kind.len() + entry.body.len()
    }

    fn send<'a>(
        &'a self,
        request: &'a [&'a Entry],
    ) -> BoxFuture<'a, Result<Vec<Option<Failure>>, RefusedRequest>> {
        let entries = request.iter().map(|entry| {
            PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus)
                .source(&entry.source)
                .detail_type(&entry.kind)
                .detail(&entry.body)
                .build()
        });
        let put = self.client.put_events().set_entries(Some(entries.collect()));
        async move {
            let answer = put.send().await.map_err(|error| CODES.request(&error))?;
            Ok(results(request, answer.entries()))
        }
        .boxed()
    }
}

/// Returns what became of each entry.
///
/// PutEvents can succeed in part: each entry has its own result, in the order of the request.
fn results(request: &[&Entry], results: &[PutEventsResultEntry]) -> Vec<Option<Failure>> {
    let result = |(entry, result): (&&Entry, &PutEventsResultEntry)| {
        Some(CODES.entry(entry, result.error_code()?, result.error_message()))
    };
    request.iter().zip(results).map(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Class;

    #[test]
    fn each_entry_has_its_own_result() {
        let refused = |code: &str| {
            PutEventsResultEntry::builder().error_code(code).error_message("slow down").build()
        };
        let answer = [
            PutEventsResultEntry::builder().event_id("1").build(),
            refused("ThrottlingException"),
            refused("MalformedDetail"),
            refused("InvalidArgument"),
            refused("InternalFailure"),
            refused("NotAuthorizedForSourceException"),
        ];
        let entries: Vec<_> = (0..7).map(|_| Entry::cancel("a")).collect();
        let results = results(&entries.iter().collect::<Vec<_>>(), &answer);
        let found: Vec<_> = results
            .iter()
            .map(|failure| failure.as_ref().map(|failure| (failure.class(), failure.code())))
            .collect();
        assert_eq!(
            found,
            [
                None,
                Some((Class::Transient, Failure::THROTTLED)),
                Some((Class::Permanent, "event_refused")),
                Some((Class::Permanent, "event_refused")),
                Some((Class::Transient, "event_bus")),
                Some((Class::Transient, "event_bus")),
            ],
            "and none for the seventh, which the publisher sends again"
        );
    }
}
