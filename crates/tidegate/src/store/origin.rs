//! Where a command comes from.

use std::time::Duration;

use jiff::Timestamp;

use super::digest::resent;
use super::{Content, Digest, RecordedCommit};
use crate::envelope::{Envelope, Extensions};
use crate::failure::Failure;
use crate::ids::{Cause, StreamId};
use crate::message::MessageSet;
use crate::source::Delivery;

/// Where a command comes from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Origin {
    /// The cause, by which duplicates are recognised.
    pub cause: Cause,
    /// Correlation id.
    pub correlation_id: String,
    /// W3C trace context.
    pub traceparent: Option<String>,
    /// Business time of the command, and of the events that follow.
    pub time: Timestamp,
    /// Extension attributes of the command's envelope, which the events' envelopes have too.
    pub extensions: Extensions,
    /// What the command says. A command with a known cause and other content is refused. `None`: no
    /// content is compared.
    pub content: Option<Content>,
    /// When the transport took it, by the transport's own clock.
    pub arrived_at: Option<Timestamp>,
    /// How much earlier than `arrived_at` the transport may have taken the command for the first
    /// time, since a redriven message has a new arrival time. Together they say how far back
    /// snapshots must remember causes.
    pub redriven: Duration,
}

impl Origin {
    /// How much earlier a message may have come to its queue for the first time: 14 days in the
    /// queue and 14 in its dead-letter queue, the longest that SQS keeps a message. A message that
    /// is moved back is a new message, without its earlier times.
    pub const REDRIVEN: Duration = Duration::from_secs(28 * 24 * 60 * 60);

    /// The origin of a command of which only the cause is known. The cause's id is the correlation
    /// id.
    pub fn new(cause: Cause, time: Timestamp) -> Self {
        Origin {
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

    /// The origin of a command in an envelope, with its content in the version that was sent.
    pub fn from_envelope(envelope: &Envelope, arrived_at: Option<Timestamp>) -> Self {
        Origin {
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

    /// The origin of a command of the set `M` that a source delivered, with its content in the
    /// version that was sent and all newer ones that `M` knows.
    pub fn delivered<M: MessageSet>(envelope: &Envelope, delivery: &Delivery<'_>) -> Self {
        let mut origin = Origin::from_envelope(envelope, delivery.arrived_at);
        origin.content = Content::upcast::<M>(envelope);
        // Only queues count attempts, and only queues have messages that are moved back.
        if delivery.attempts.is_some() {
            origin.redriven = Self::REDRIVEN;
        }
        origin
    }

    /// The earliest time at which the transport can have taken the command for the first time.
    pub(super) fn earliest(&self) -> Option<Timestamp> {
        self.arrived_at?.checked_sub(self.redriven).ok()
    }

    /// Whether the cause is that of the command.
    ///
    /// # Errors
    /// `cause_reused` (permanent).
    pub(super) fn led_to(&self, commit: &RecordedCommit) -> Result<bool, Failure> {
        if commit.cause != self.cause {
            return Ok(false);
        }
        let digest = self.digest(&commit.stream);
        let at = format_args!("at version {}", commit.first_version()).to_string();
        resent(&commit.stream, &self.cause, at, commit.digest.as_ref(), digest.as_ref())?;
        Ok(true)
    }

    pub(super) fn digest(&self, stream: &StreamId) -> Option<Digest> {
        self.content.as_ref()?.digest(stream, &self.cause)
    }
}

/// Whether one of the commits has the command's cause.
///
/// # Errors
/// `cause_reused` (permanent).
pub(super) fn decided(commits: &[RecordedCommit], origin: &Origin) -> Result<bool, Failure> {
    for commit in commits {
        if origin.led_to(commit)? {
            return Ok(true);
        }
    }
    Ok(false)
}
