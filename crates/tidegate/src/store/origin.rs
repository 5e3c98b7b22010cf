//! The origin of a command: its cause and its context.

use std::time::Duration;

use jiff::Timestamp;

use super::commit::RecordedDecision;
use super::digest::{Content, Digest};
use crate::envelope::{Envelope, Extensions};
use crate::ids::{Cause, StreamId};
use crate::message::MessageSet;
use crate::source::Delivery;

/// The origin of a command: its cause, its context and its content.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Origin {
    /// Cause of the decision. Duplicates are recognised by it.
    pub cause: Cause,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Business time of the command, and of the events that follow.
    pub time: Timestamp,
    /// Extension attributes of the command's envelope. They are copied to the events' envelopes.
    pub extensions: Extensions,
    /// Content of the command. A command with a known cause and other content is refused. If
    /// `None`, contents are not compared.
    pub content: Option<Content>,
    /// Time at which the transport accepted the command, by the transport's clock.
    pub arrived_at: Option<Timestamp>,
    /// How much earlier than `arrived_at` the transport may first have accepted the command. A
    /// redriven message has a new arrival time. Both fields together determine how far back a
    /// snapshot must remember causes.
    pub redriven: Duration,
}

impl Origin {
    /// How much earlier than its arrival time a message may first have arrived at its queue: 28
    /// days.
    ///
    /// SQS keeps a message for at most 14 days in the queue and 14 in its dead-letter queue. A
    /// message that is moved back to the queue is a new message without its earlier times.
    pub const REDRIVEN: Duration = Duration::from_secs(28 * 24 * 60 * 60);

    /// Creates an origin of which only the cause and the business time are known.
    ///
    /// The correlation id is the id of the cause.
    pub fn new(cause: Cause, time: Timestamp) -> Self {
        Self {
            correlation_id: cause.id.clone(),
            cause,
            traceparent: None,
            time,
            extensions: Extensions::default(),
            content: None,
            arrived_at: None,
            redriven: Duration::ZERO,
        }
    }

    /// Creates the origin of a command in an envelope. The content is in the version that was sent.
    pub fn from_envelope(envelope: &Envelope, arrived_at: Option<Timestamp>) -> Self {
        Self {
            cause: envelope.cause(),
            correlation_id: envelope.correlation_id.clone(),
            traceparent: envelope.traceparent.clone(),
            time: envelope.time,
            extensions: envelope.extensions.inherited(),
            content: Content::from_envelope(envelope),
            arrived_at,
            redriven: Duration::ZERO,
        }
    }

    /// Creates the origin of a command of the set `M` that a source delivered.
    ///
    /// The content is in the version that was sent and in all newer versions that `M` knows.
    pub fn delivered<M: MessageSet>(envelope: &Envelope, delivery: &Delivery<'_>) -> Self {
        let mut origin = Self::from_envelope(envelope, delivery.arrived_at);
        origin.content = Content::upcast::<M>(envelope);
        // Only queues count attempts, and only queues have redriven messages.
        if delivery.attempts.is_some() {
            origin.redriven = Self::REDRIVEN;
        }
        origin
    }

    /// Returns the earliest time at which the transport can first have accepted the command.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.arrived_at?.checked_sub(self.redriven).ok()
    }

    /// Creates the decision with this cause that the command leads to, still without events.
    pub(super) fn decision(&self, stream: &StreamId, cause: Cause) -> RecordedDecision {
        let digest = self.content.as_ref().and_then(|content| content.digest(stream, &cause));
        let mut recorded = RecordedDecision::new(cause);
        recorded.digest = digest;
        recorded.correlation_id = self.correlation_id.clone();
        recorded.traceparent = self.traceparent.clone();
        recorded.extensions = self.extensions.clone();
        recorded.arrived_at = self.arrived_at;
        recorded
    }

    pub(super) fn digest(&self, stream: &StreamId) -> Option<Digest> {
        self.content.as_ref()?.digest(stream, &self.cause)
    }
}
