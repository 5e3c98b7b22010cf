//! Calls targets: one try of a firing, or one dead letter.

use std::sync::Arc;

use aws_sdk_kinesis::primitives::Blob;
use lambda_shapes::message;

use super::letter;
use super::payload::Context;
use super::refusal::{GivenUp, Refusal};
use super::target::{Kind, Target};
use crate::asynchronous::EventQueue;
use crate::clients::Clients;
use crate::send_error::{Reason, SendError};

/// What reaches targets.
pub struct Targets {
    /// Clients of the endpoint, so that a write wakes its pollers.
    pub clients: Clients,
    /// Accepts events for functions.
    pub events: Arc<dyn EventQueue>,
    /// Names of the declared functions.
    pub functions: std::collections::BTreeSet<String>,
}

impl Targets {
    /// Calls the target once.
    pub(super) async fn call(&self, target: &Target, context: &Context<'_>) -> Result<(), Refusal> {
        let payload = context.payload(target.input.as_deref());
        let arn = target.arn.as_str();
        match &target.kind {
            Kind::Function(name, qualifier) => {
                if !self.functions.contains(name) {
                    return Err(Refusal::missing(format!("Function not found: {arn}")));
                }
                let accepted = self.events.accept(name, qualifier.as_deref(), payload).await;
                accepted.map(drop).map_err(Refusal::from)
            }
            Kind::Queue(name, group) => {
                let sqs = &self.clients.sqs;
                let url = self.url(name).await?;
                let sent = match group {
                    Some(group) => message::send_in_group(sqs, &url, &payload, group).await,
                    None => message::send(sqs, &url, &payload, []).await,
                };
                sent.map(drop).map_err(|error| Refusal::from_call(&error))
            }
            Kind::Bus { source, detail_type } => self.put(arn, source, detail_type, payload).await,
            Kind::Stream(name, key) => {
                let put = self.clients.kinesis.put_record().stream_name(name).partition_key(key);
                let put = put.data(Blob::new(payload)).send().await;
                put.map(drop).map_err(|error| Refusal::from_call(&error))
            }
            Kind::Topic => {
                let message = message::sendable(&payload);
                let sent = self.clients.sns.publish().topic_arn(arn).message(message).send().await;
                sent.map(drop).map_err(|error| Refusal::from_call(&error))
            }
        }
    }

    async fn put(
        &self,
        bus: &str,
        source: &str,
        detail_type: &str,
        detail: String,
    ) -> Result<(), Refusal> {
        let entry = aws_sdk_eventbridge::types::PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(source)
            .detail_type(detail_type)
            .detail(message::sendable(&detail))
            .build();
        let sent = self.clients.events.put_events().entries(entry).send().await;
        let answer = sent.map_err(|error| Refusal::from_call(&error))?;
        // PutEvents answers with status 200 even if it refuses the entry.
        if answer.failed_entry_count == 0 {
            return Ok(());
        }
        let entry = answer.entries().first();
        let code = entry.and_then(|entry| entry.error_code.as_deref()).unwrap_or("InternalFailure");
        let said = entry.and_then(|entry| entry.error_message.as_deref());
        let internal = code.starts_with("Internal");
        let is_transient = internal || !Reason::said(code, 400).is_final();
        let message = said.unwrap_or("EventBridge gave no reason").to_owned();
        Err(Refusal { code: code.to_owned(), message, is_transient })
    }

    async fn url(&self, queue: &str) -> Result<String, Refusal> {
        let found = self.clients.sqs.get_queue_url().queue_name(queue).send().await;
        let found = found.map_err(|error| Refusal::from_call(&error))?;
        let none = || Refusal::missing(format!("GetQueueUrl names no URL of {queue}"));
        found.queue_url.ok_or_else(none)
    }

    /// Sends a dead letter once.
    pub(super) async fn park(
        &self,
        target: &Target,
        context: &Context<'_>,
        given_up: &GivenUp,
    ) -> Result<(), SendError> {
        let schedule = context.schedule_arn;
        let Some(queue) = &target.dead_letters else {
            let message = format!(
                "a firing of {schedule} is dropped, because it has no dead-letter queue; the last \
                 try failed: {}: {}",
                given_up.refusal.code, given_up.refusal.message
            );
            return Err(SendError { reason: Reason::Missing, message });
        };
        let found = self.clients.sqs.get_queue_url().queue_name(queue).send().await;
        let what = format!("the dead letter of {schedule}");
        let found = found.map_err(|error| SendError::from_call(&what, queue, error))?;
        let url = found.queue_url.ok_or_else(|| format!("GetQueueUrl names no URL of {queue}"))?;
        let payload = context.payload(target.input.as_deref());
        let attributes = letter::attributes(context, target, given_up);
        let sent = message::send(&self.clients.sqs, &url, &payload, attributes).await;
        sent.map(drop).map_err(|error| SendError::from_call(&what, queue, error))
    }
}

impl std::fmt::Debug for Targets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Targets").field("functions", &self.functions).finish_non_exhaustive()
    }
}
