//! A run: the real handler with one message, over a store that asks the model.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use tidegate::batch::{BatchContext, Decode, Outcome, StreamHandler};
use tidegate::envelope::Envelope;
use tidegate::failure::{Class, Failure};
use tidegate::ids::{StreamId, Version};
use tidegate::process::ProcessHandler;
use tidegate::source::Source;
use tidegate::store::{Commit, CommitOutcome, EventReader, EventStore, RecordedCommit};
use tidegate::test::SqsEvent;

use super::trip::Trips;
use super::world::{Record, Without, World};
use crate::program::Script;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Ask {
    Read,
    Commit(Record),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Answer {
    Commits(Vec<Record>),
    Stored,
    Duplicate,
    Conflict,
    /// No answer came. It is not known whether the request took effect.
    Nothing,
}

/// The end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum End {
    Done,
    /// The message is delivered again.
    Again,
    /// The message has failed for good.
    Letter,
}

struct AskingStore {
    script: Arc<Script<Ask, Answer>>,
    world: Arc<World>,
    without: Option<Without>,
}

fn no_answer() -> Failure {
    Failure::transient("event_store", "no answer")
}

impl EventReader for AskingStore {
    fn read<'a>(
        &'a self,
        _: &'a StreamId,
        after: Version,
    ) -> BoxFuture<'a, Result<Vec<RecordedCommit>, Failure>> {
        let answer = async move {
            let Answer::Commits(records) = self.script.ask(Ask::Read).await else {
                return Err(no_answer());
            };
            let seen = records.into_iter().map(|record| self.world.seen(record, self.without));
            Ok(seen.filter(|commit| commit.last_version() > after).collect())
        };
        answer.boxed()
    }
}

impl EventStore for AskingStore {
    fn commit<'a>(&'a self, commit: &'a Commit) -> BoxFuture<'a, Result<CommitOutcome, Failure>> {
        let record = self.world.record_number(commit.record.clone());
        let answer = async move {
            match self.script.ask(Ask::Commit(record)).await {
                Answer::Stored => Ok(CommitOutcome::Stored),
                Answer::Duplicate => Ok(CommitOutcome::Duplicate),
                Answer::Conflict => Ok(CommitOutcome::Conflict),
                _ => Err(no_answer()),
            }
        };
        answer.boxed()
    }
}

/// Handles one message, as an invocation does.
pub(super) async fn handle(
    script: Arc<Script<Ask, Answer>>,
    world: Arc<World>,
    without: Option<Without>,
    message: &Envelope,
) -> End {
    let store = Arc::new(AskingStore { script, world, without });
    let handler = ProcessHandler::<Trips>::new(store).clock(|| Timestamp::UNIX_EPOCH);
    let event = SqsEvent::new().message(&serde_json::to_string(message).unwrap()).build();
    let deliveries = Source::Sqs.split(&event).unwrap();
    let input = handler.decode(&deliveries[0]).unwrap();
    let stream = handler.stream(&input).clone();
    let context = BatchContext::new(std::time::Duration::from_secs(60));
    match handler.handle(&stream, &[&input], &context).await.remove(0) {
        Outcome::Done(_) => End::Done,
        Outcome::Failed(failure) if failure.class() == Class::Permanent => End::Letter,
        _ => End::Again,
    }
}
