//! Receives messages of dead-letter queues, keeps them hidden, releases them and deletes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, Message, MessageSystemAttributeName as Attribute,
    QueueAttributeName,
};
use futures::future::try_join_all;
use jiff::Timestamp;
use parking_lot::Mutex;
use terminal::counted::counted;
use terminal::problem::Problem;
use tokio::task::JoinHandle;

use super::content::Content;
use super::letter::Letter;
use super::queues::DeadLetterQueue;
use crate::connection::System;
use crate::queue::url_of;

/// Visibility timeout of a received message, in seconds.
///
/// It also applies after the command was killed.
const HIDDEN_SECONDS: i32 = 60;
/// Interval at which the visibility timeout is renewed.
const RENEW: Duration = Duration::from_secs(20);
/// Most messages in one SQS call.
const CALL: usize = 10;
/// Seconds for which a receive waits in an account.
///
/// Without a wait, SQS may ask only some of a queue's servers.
const WAIT_SECONDS: i32 = 2;

/// The dead-letter queues of a system, and the messages that are hidden at the moment.
pub(crate) struct Mailbox {
    sqs: Client,
    wait_seconds: i32,
    hidden: Arc<Mutex<Hidden>>,
    keeper: JoinHandle<()>,
}

/// Messages that the queues returned.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) letters: Vec<Letter>,
    /// Notes for the operator about messages that are not among the letters.
    pub(crate) notes: Vec<String>,
}

/// Attributes whose sum is the number of messages in a queue.
const COUNTS: [QueueAttributeName; 3] = [
    QueueAttributeName::ApproximateNumberOfMessages,
    QueueAttributeName::ApproximateNumberOfMessagesNotVisible,
    QueueAttributeName::ApproximateNumberOfMessagesDelayed,
];

fn not_shown(queue: &str, all: usize, shown: usize) -> Option<String> {
    let behind = all.checked_sub(shown).filter(|behind| *behind > 0)?;
    let messages = counted(behind, "further message", "further messages");
    Some(format!(
        "not listed: about {messages} of {queue}: a FIFO queue shows at most ten of a message group \
         at a time, and the next ones once these are gone"
    ))
}

/// Queue URL and receipt handle by message id.
type Hidden = BTreeMap<String, (String, String)>;

impl Mailbox {
    /// Opens the queues of a system, and starts a task that keeps messages hidden.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub(crate) fn new(system: &System) -> Self {
        let sqs = system.sqs();
        let hidden = Arc::<Mutex<Hidden>>::default();
        let keeper = tokio::spawn(keep_hidden(sqs.clone(), Arc::clone(&hidden)));
        Self {
            sqs,
            wait_seconds: if system.is_account() { WAIT_SECONDS } else { 0 },
            hidden,
            keeper,
        }
    }

    /// Receives every message of these queues, each once.
    ///
    /// They stay hidden until they are released or deleted.
    ///
    /// # Errors
    /// A queue cannot be read. Messages that were already received stay hidden until they are
    /// released.
    pub(crate) async fn receive_all(
        &self,
        queues: &[DeadLetterQueue],
    ) -> Result<Received, Problem> {
        let parts = try_join_all(queues.iter().map(|queue| self.receive(queue))).await?;
        let mut received = Received::default();
        for part in parts {
            received.letters.extend(part.letters);
            received.notes.extend(part.notes);
        }
        Ok(received)
    }

    async fn receive(&self, queue: &DeadLetterQueue) -> Result<Received, Problem> {
        let failed = |error: String| Problem::new(format!("queue {}: {error}", queue.physical));
        let url = url_of(&self.sqs, &queue.physical).await?;
        let mut letters = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let answer = self
                .sqs
                .receive_message()
                .queue_url(&url)
                .max_number_of_messages(10)
                .visibility_timeout(HIDDEN_SECONDS)
                .wait_time_seconds(self.wait_seconds)
                .message_system_attribute_names(Attribute::All)
                .message_attribute_names("All")
                .send()
                .await
                .map_err(|error| failed(DisplayErrorContext(error).to_string()))?;
            let mut news = false;
            for message in answer.messages.unwrap_or_default() {
                let (Some(id), Some(receipt)) = (&message.message_id, &message.receipt_handle)
                else {
                    continue;
                };
                self.with_hidden(|hidden| {
                    hidden.insert(id.clone(), (url.clone(), receipt.clone()))
                });
                if seen.insert(id.clone()) {
                    news = true;
                    letters.push(letter(&queue.name, id, &message));
                }
            }
            if !news {
                let notes =
                    if queue.fifo { self.behind(queue, &url, letters.len()).await } else { None };
                return Ok(Received { letters, notes: notes.into_iter().collect() });
            }
        }
    }

    /// Returns a note if a FIFO queue has more messages than it returned.
    ///
    /// SQS returns at most ten messages of a message group. It returns no more of that group until
    /// these are visible again or deleted.
    async fn behind(&self, queue: &DeadLetterQueue, url: &str, shown: usize) -> Option<String> {
        let asked = self.sqs.get_queue_attributes().queue_url(url);
        let answer = asked.set_attribute_names(Some(COUNTS.to_vec())).send().await.ok()?;
        let attributes = answer.attributes?;
        let all: usize =
            COUNTS.iter().filter_map(|count| attributes.get(count)?.parse::<usize>().ok()).sum();
        not_shown(&queue.name, all, shown)
    }

    /// Makes messages visible again.
    ///
    /// If that fails, a message becomes visible by itself within a minute.
    pub(crate) async fn release<'a>(&self, ids: impl Iterator<Item = &'a str>) {
        let released: Vec<(String, (String, String))> =
            self.with_hidden(|hidden| ids.filter_map(|id| hidden.remove_entry(id)).collect());
        change_visibility(&self.sqs, released, 0).await;
    }

    /// Makes all hidden messages visible again.
    pub(crate) async fn release_all(&self) {
        let released = self.with_hidden(std::mem::take);
        change_visibility(&self.sqs, released.into_iter().collect(), 0).await;
    }

    /// Deletes a message.
    ///
    /// # Errors
    /// Why the message was not deleted.
    pub(crate) async fn delete(&self, id: &str) -> Result<(), String> {
        let Some((url, receipt)) = self.with_hidden(|hidden| hidden.remove(id)) else {
            return Err("its receipt is unknown".to_owned());
        };
        let deleted =
            self.sqs.delete_message().queue_url(&url).receipt_handle(&receipt).send().await;
        deleted.map(|_| ()).map_err(|error| DisplayErrorContext(error).to_string())
    }

    fn with_hidden<T>(&self, act: impl FnOnce(&mut Hidden) -> T) -> T {
        act(&mut self.hidden.lock())
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// Keeps hidden messages hidden, however long the work on earlier messages takes.
async fn keep_hidden(sqs: Client, hidden: Arc<Mutex<Hidden>>) {
    loop {
        tokio::time::sleep(RENEW).await;
        let now: Vec<_> = {
            let hidden = hidden.lock();
            hidden.iter().map(|(id, place)| (id.clone(), place.clone())).collect()
        };
        change_visibility(&sqs, now, HIDDEN_SECONDS).await;
    }
}

async fn change_visibility(sqs: &Client, messages: Vec<(String, (String, String))>, seconds: i32) {
    let mut by_queue: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (_, (url, receipt)) in messages {
        by_queue.entry(url).or_default().push(receipt);
    }
    for (url, receipts) in by_queue {
        for chunk in receipts.chunks(CALL) {
            let entries: Result<Vec<_>, _> = chunk
                .iter()
                .enumerate()
                .map(|(number, receipt)| {
                    ChangeMessageVisibilityBatchRequestEntry::builder()
                        .id(number.to_string())
                        .receipt_handle(receipt)
                        .visibility_timeout(seconds)
                        .build()
                })
                .collect();
            let Ok(entries) = entries else { continue };
            // If this fails, the messages become visible by themselves after a minute.
            let _ = sqs
                .change_message_visibility_batch()
                .queue_url(&url)
                .set_entries(Some(entries))
                .send()
                .await;
        }
    }
}

fn letter(queue: &str, id: &str, message: &Message) -> Letter {
    let system =
        |name: Attribute| message.attributes.as_ref().and_then(|attributes| attributes.get(&name));
    let attributes = message.message_attributes.iter().flatten();
    let attributes: BTreeMap<String, String> = attributes
        .filter_map(|(name, value)| Some((name.clone(), value.string_value.clone()?)))
        .collect();
    let body = message.body.clone().unwrap_or_default();
    let redriven = system(Attribute::DeadLetterQueueSourceArn).map(String::as_str);
    Letter {
        queue: queue.to_owned(),
        message_id: id.to_owned(),
        sent_at: system(Attribute::SentTimestamp)
            .and_then(|millis| Timestamp::from_millisecond(millis.parse().ok()?).ok()),
        receives: system(Attribute::ApproximateReceiveCount)
            .and_then(|count| count.parse().ok())
            .unwrap_or(0),
        content: Content::parse(&body, &attributes, redriven),
        body,
    }
}

#[cfg(test)]
mod tests {
    use super::not_shown;

    #[test]
    fn a_fifo_queue_that_shows_a_part_says_how_much_it_does_not_show() {
        let said = not_shown("letters", 25, 10).unwrap();
        assert!(
            said.contains("about 15 further messages of letters")
                && said.contains("ten of a message group")
        );
        assert_eq!((not_shown("letters", 10, 10), not_shown("letters", 9, 10)), (None, None));
    }
}
