//! Receives from a queue at the right pace.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::pace::{Pace, Pacer, Seen, Signals};
use crate::running::stopped;

/// Receives from one queue at the right pace.
pub(crate) struct Receiver {
    pub(crate) sqs: Client,
    pub(crate) url: String,
    /// Visibility timeout of received messages; `None` for the queue's own.
    pub(crate) visibility: Option<Duration>,
    pub(crate) pacer: Pacer,
    pub(crate) pace: Pace,
    pub(crate) polled: Instant,
    pub(crate) seen: Seen,
    pub(crate) stop: watch::Receiver<bool>,
}

impl Receiver {
    pub(crate) fn new(
        sqs: Client,
        url: &str,
        visibility: Option<Duration>,
        pace: Pace,
        stop: &watch::Receiver<bool>,
    ) -> Self {
        Self {
            sqs,
            url: url.to_owned(),
            visibility,
            // Long polling sets the pace.
            pacer: Pacer::new(pace, Duration::ZERO),
            pace,
            polled: Instant::now(),
            seen: Seen::default(),
            stop: stop.clone(),
        }
    }

    /// Waits until a receive is due, receives, and returns the activity counter from before the
    /// receive.
    ///
    /// After a stop it returns no messages. Do not drop the future: messages of an unfinished
    /// receive would stay hidden until their visibility timeout ends.
    pub(crate) async fn receive(
        &mut self,
        limit: usize,
        signals: &Signals,
    ) -> (Result<Vec<Message>, String>, u64) {
        tokio::select! {
            biased;
            () = stopped(&mut self.stop) => {
                return (Ok(Vec::new()), self.seen.activity);
            }
            woken = signals.until_poll(&self.pacer, self.polled, self.seen) => {
                if woken {
                    self.pacer.woken();
                }
            }
        }
        self.seen = signals.now();
        let seconds = match self.pace {
            // Lambda waits up to 20 seconds. A function sees no difference, and during such a wait
            // the engine would not know whether the queue is empty.
            Pace::Aws => 1,
            // A wake would find a long poll in flight, which must not be dropped, and MiniStack
            // looks for messages only ten times a second during one.
            Pace::Fast | Pace::Idle(_) => 0,
        };
        let received = self
            .sqs
            .receive_message()
            .queue_url(&self.url)
            .max_number_of_messages(i32::try_from(limit).unwrap_or(1).clamp(1, 10))
            .wait_time_seconds(seconds)
            .set_visibility_timeout(self.visibility.and_then(|v| i32::try_from(v.as_secs()).ok()))
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .message_attribute_names("All")
            .send()
            .await;
        self.polled = Instant::now();
        let received =
            received.map(|answer| answer.messages.unwrap_or_default()).map_err(|error| {
                format!("ReceiveMessage of {}: {}", self.url, DisplayErrorContext(error))
            });
        match &received {
            Ok(messages) if messages.is_empty() => self.pacer.empty(),
            Ok(messages) => self.pacer.brought(messages.len() >= limit),
            Err(_) => self.pacer.failed(),
        }
        (received, self.seen.activity)
    }
}
