//! Sends the word of an operator, and waits until its process has decided it.

use std::time::Duration;

use aws_sdk_sqs::Client;
use jiff::Timestamp;
use terminal::problem::Problem;
use tidegate::envelope::{Data, DataSchema, Envelope};
use tidegate::ids::{StreamId, Version};
use tidegate::message::Message;
use tidegate::process::{Json, Outline, StoredEvent};
use tidegate::publish::{Action, Entry, Queue, Target as _};
use tidegate::store::RecordedEvent;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::decided::{Decided, Resolution};
use super::history::stored;
use super::places::{Place, Places};
use crate::queue::url_of;

/// Attribute `source` of the words.
const SOURCE: &str = "tidegate.operator";
/// Pause between two looks at the event store: the first, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(2)];

/// A word on its way.
pub(super) struct Sending<'a> {
    pub(super) places: &'a Places,
    pub(super) place: &'a Place,
    pub(super) instance: &'a StreamId,
    pub(super) timeout: Duration,
}

/// What the process decided.
pub(super) enum Answer {
    /// Events of the decision.
    Events(Vec<RecordedEvent>),
    /// Nothing yet.
    None,
}

impl Sending<'_> {
    /// Sends a word and waits for the decision that it causes.
    ///
    /// # Errors
    /// The queue or the event store cannot be reached.
    pub(super) async fn send<M: Message>(
        &self,
        after: Version,
        word: &M,
    ) -> Result<Answer, Problem> {
        let id = Uuid::new_v4().to_string();
        let unwritable =
            |error: String| Problem::new(format!("the word cannot be written: {error}"));
        let data = Json::of(word).map_err(|error| unwritable(error.to_string()))?;
        let schema = DataSchema::new(M::TYPE, M::VERSION);
        let data = Data::Inline(data.into_raw());
        let subject = self.instance.clone();
        let envelope = Envelope::new(&id, SOURCE, subject, Timestamp::now(), schema, data);
        let entry = Entry::new(&envelope, Action::Send)
            .map_err(|failure| unwritable(failure.to_string()))?;
        let sqs = self.places.system.sqs();
        put(sqs, self.place, &entry)
            .await
            .map_err(|problem| self.places.system.explain(problem))?;
        let until = Instant::now() + self.timeout;
        let [mut pause, longest] = PAUSES;
        loop {
            let commits = self.places.read(self.place, self.instance, after).await?;
            let parts = commits.iter().flat_map(|commit| commit.parts());
            let own = |cause: &tidegate::ids::Cause| cause.source == SOURCE && cause.id == id;
            for (decision, events) in parts {
                if own(&decision.cause) {
                    return Ok(Answer::Events(events.to_vec()));
                }
            }
            if Instant::now() >= until {
                return Ok(Answer::None);
            }
            sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }
}

async fn put(sqs: Client, place: &Place, entry: &Entry) -> Result<(), Problem> {
    let url = url_of(&sqs, &place.queue).await?;
    let refused = |why: &str| Problem::new(format!("queue {}: {why}", place.queue));
    match Queue::new(sqs, url).send(&[entry]).await {
        Ok(taken) => match taken.into_iter().flatten().next() {
            None => Ok(()),
            Some(failure) => Err(refused(failure.reason())),
        },
        Err(error) => Err(refused(error.failure.reason())),
    }
}

/// Returns what the decision of a word led to. `outline` is the instance before it.
pub(super) fn judged(instance: &StreamId, outline: &Outline, events: &[RecordedEvent]) -> Decided {
    let mut after = outline.clone();
    let all: Vec<Option<StoredEvent>> = events.iter().map(stored).collect();
    all.iter().for_each(|event| after.apply(event.as_ref()));
    let all: Vec<StoredEvent> = all.into_iter().flatten().collect();
    let mut decided = match all.first() {
        Some(StoredEvent::ProcessRefused(refused)) => {
            let said = format!("refused ({}): {}", refused.code, refused.reason);
            Decided::new(instance, Resolution::Refused, said)
        }
        first => {
            let word = match first {
                Some(StoredEvent::ProcessSkipped(_)) => "skipped the stuck input",
                Some(StoredEvent::ProcessForced(_)) => "forced",
                _ => "resumed",
            };
            let steps = told(&all);
            match &after.stuck {
                Some(stuck) => {
                    let (code, reason) = (&stuck.reason.code, &stuck.reason.text);
                    let said = format!("{word}, and stuck again{steps} ({code}): {reason}");
                    Decided::new(instance, Resolution::StuckAgain, said)
                }
                None => {
                    let verb = if after.ended { "it ended in" } else { "it is in" };
                    let said = format!("{word}{steps}; {verb} {}", after.state);
                    Decided::new(instance, Resolution::Done, said)
                }
            }
        }
    };
    (decided.state, decided.version) = (Some(after.state), Some(after.version.number()));
    decided
}

/// Returns what was decided behind a word: steps and refusals.
fn told(events: &[StoredEvent]) -> String {
    let mut steps: Vec<String> = Vec::new();
    for event in events {
        match event {
            StoredEvent::ProcessMoved(moved) => {
                let (from, to, input) = (&moved.from, &moved.to, &moved.input.kind);
                steps.push(format!("{input}: {from} → {to}"));
            }
            StoredEvent::ProcessRefused(refused) => {
                steps.push(format!("{}: refused ({})", refused.input.kind, refused.code));
            }
            StoredEvent::ProcessIgnored(ignored) => steps.push(format!("{}: ignored", ignored.id)),
            _ => {}
        }
    }
    if steps.is_empty() { String::new() } else { format!(" [{}]", steps.join("; ")) }
}
