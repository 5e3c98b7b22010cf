//! Sends records to an EventBridge bus, as events.

use futures::future::BoxFuture;

use super::record::{Destination, RECORD};
use crate::send_error::{Reason, SendError};
use lambda_shapes::message;

/// Largest request that PutEvents accepts, in bytes (AWS docs: PutEvents).
pub(super) const BUS_LIMIT: usize = 1 << 20;
/// Source of the events that Lambda sends to a bus.
const SOURCE: &str = "lambda";

/// An EventBridge bus: the record becomes the `detail` of an event from source `lambda`.
#[derive(Clone, Debug)]
pub struct BusDestination {
    events: aws_sdk_eventbridge::Client,
    bus_arn: String,
    function_arn: String,
    pub(super) detail_type: &'static str,
}

impl BusDestination {
    /// Creates a destination on the bus for failures of a function, both named by ARN.
    #[must_use]
    pub fn on_failure(
        events: aws_sdk_eventbridge::Client,
        bus_arn: &str,
        function_arn: &str,
    ) -> Self {
        let detail_type = "Lambda Function Invocation Result - Failure";
        Self {
            events,
            bus_arn: bus_arn.to_owned(),
            function_arn: function_arn.to_owned(),
            detail_type,
        }
    }

    /// Creates a destination on the bus for successes of a function, both named by ARN.
    #[must_use]
    pub fn on_success(
        events: aws_sdk_eventbridge::Client,
        bus_arn: &str,
        function_arn: &str,
    ) -> Self {
        let detail_type = "Lambda Function Invocation Result - Success";
        Self { detail_type, ..Self::on_failure(events, bus_arn, function_arn) }
    }
}

impl Destination for BusDestination {
    fn send(&self, body: String) -> BoxFuture<'_, Result<(), SendError>> {
        Box::pin(async move {
            let function = format!("{}:$LATEST", self.function_arn);
            let detail = message::sendable(&body);
            // Counted as PutEvents does (AWS docs: "Calculating PutEvents event entry size").
            let parts = [SOURCE, self.detail_type, &function, &self.bus_arn, &detail];
            let bytes = parts.iter().map(|part| part.len()).sum();
            if bytes > BUS_LIMIT {
                return Err(SendError::too_large(RECORD, &self.bus_arn, bytes, BUS_LIMIT));
            }
            let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
                .event_bus_name(&self.bus_arn)
                .source(SOURCE)
                .detail_type(self.detail_type)
                .resources(function)
                .resources(&self.bus_arn)
                .detail(detail)
                .build();
            let sent = self.events.put_events().entries(entry).send().await;
            let answer =
                sent.map_err(|error| SendError::from_call(RECORD, &self.bus_arn, error))?;
            // PutEvents answers with status 200 even if it refuses the entry.
            if answer.failed_entry_count == 0 {
                return Ok(());
            }
            let entry = answer.entries().first();
            let code = entry.and_then(|entry| entry.error_code.as_deref()).unwrap_or_default();
            let said = entry.and_then(|entry| entry.error_message.as_deref());
            let said = said.unwrap_or("EventBridge gave no reason");
            let message = format!("{RECORD} cannot be sent to {}: {code}: {said}", self.bus_arn);
            Err(SendError { reason: reason_of_entry(code), message })
        })
    }
}

/// Returns why PutEvents refused an entry.
///
/// An internal failure of EventBridge may pass, as may an entry without an error code.
fn reason_of_entry(code: &str) -> Reason {
    match code {
        "" | "InternalException" | "InternalFailure" | "ServiceUnavailable" => Reason::Failed,
        code => Reason::said(code, 400),
    }
}
