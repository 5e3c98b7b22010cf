//! Sends writes that wait at the same moment in one `BatchExecuteStatement`.

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    BatchStatementError, BatchStatementErrorCodeEnum, BatchStatementResponse,
};
use futures::future::join_all;
use tracing::warn;

use super::gather::{Asked, Gather, all_gone};
use super::reader::Item;
use super::text::Statement;
use crate::failure::{Failure, chain};

/// Most statements in one request (AWS docs, BatchExecuteStatement).
const STATEMENTS: usize = 25;
/// Most bytes of values in one request. AWS documents no limit for it, and 4 MB is that of a
/// transaction. A request that is refused for its size is sent again as single writes.
const BYTES: usize = 4 * 1024 * 1024;

/// The answer to a write.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Nothing was sent, because no other write waits. Send it as a single write.
    Alone(Statement),
    /// DynamoDB did not judge this write, or its answer says too little. Send it as a single write.
    Singly,
    /// The write took effect.
    Written,
    /// The condition was false. An update brings the item, if there is one; an insertion does not.
    Refused(Option<Item>),
    /// A transaction is writing to the item.
    BeingWritten,
    /// The request failed. The write may have taken effect.
    Failed(Failure),
}

/// Sends the writes that wait at the same moment together.
#[derive(Clone, Debug)]
pub(crate) struct Writer(Option<Gather<Statement, Answer>>);

impl Writer {
    /// Creates a writer that gathers writes.
    pub(crate) fn batched(client: Client) -> Self {
        Self(Some(Gather::new(STATEMENTS, move |asked| serve(client.clone(), asked))))
    }

    /// Creates a writer for a backend that cannot do batches: every write is
    /// [`Alone`](Answer::Alone).
    pub(crate) fn single() -> Self {
        Self(None)
    }

    /// Sends a write together with those that wait at the same moment.
    pub(crate) async fn write(&self, statement: Statement) -> Answer {
        let Some(gather) = &self.0 else { return Answer::Alone(statement) };
        gather.ask(statement).await.unwrap_or(Answer::Singly)
    }
}

type Waiting = Asked<Statement, Answer>;

async fn serve(client: Client, mut asked: Vec<Waiting>) {
    if asked.len() == 1 {
        if let Some((statement, caller)) = asked.pop().map(Asked::split) {
            let _ = caller.send(Answer::Alone(statement));
        }
        return;
    }
    join_all(batches(asked).into_iter().map(|batch| send(&client, batch))).await;
}

/// A batch that is being filled.
#[derive(Default)]
struct Batch {
    waiting: Vec<Waiting>,
    keys: HashSet<(Arc<str>, String)>,
    bytes: usize,
}

impl Batch {
    /// Adds a write. Returns it if it does not fit, or if the batch has a write to its key.
    fn add(&mut self, asked: Waiting) -> Option<Waiting> {
        let statement = &asked.input;
        let fits = self.waiting.is_empty() || self.bytes + statement.bytes <= BYTES;
        let key = || (Arc::clone(&statement.table), statement.key.clone());
        if self.waiting.len() == STATEMENTS || !fits || !self.keys.insert(key()) {
            return Some(asked);
        }
        self.bytes += statement.bytes;
        self.waiting.push(asked);
        None
    }
}

/// Divides writes into batches within DynamoDB's limits, in which no key occurs twice.
fn batches(asked: Vec<Waiting>) -> Vec<Vec<Waiting>> {
    let mut batches: Vec<Batch> = Vec::new();
    for asked in asked {
        let mut left = Some(asked);
        for batch in &mut batches {
            left = left.and_then(|asked| batch.add(asked));
        }
        if let Some(asked) = left {
            let mut batch = Batch::default();
            // The first write always fits.
            batch.add(asked);
            batches.push(batch);
        }
    }
    batches.into_iter().map(|batch| batch.waiting).collect()
}

/// Sends a batch, and answers its writes. Gives up once no caller waits any more.
async fn send(client: &Client, batch: Vec<Waiting>) {
    let (mut statements, mut callers, mut codes) = (Vec::new(), Vec::new(), Vec::new());
    for asked in batch {
        let (statement, caller) = asked.split();
        let code = statement.code;
        match statement.into_request() {
            Ok(statement) => {
                statements.push(statement);
                callers.push(caller);
                codes.push(code);
            }
            Err(failure) => {
                let _ = caller.send(Answer::Failed(failure));
            }
        }
    }
    let request = client.batch_execute_statement().set_statements(Some(statements)).send();
    let answered = tokio::select! {
        biased;
        answered = request => answered,
        () = all_gone(&mut callers) => return,
    };
    match answered {
        Ok(answered) => {
            let mut answers = answered.responses.unwrap_or_default().into_iter().map(answer);
            for caller in callers {
                let _ = caller.send(answers.next().unwrap_or(Answer::Singly));
            }
        }
        Err(error) if is_refused(error.code()) => {
            warn!(reason = chain(&error), "a batch of writes was refused; they are sent singly");
            for caller in callers {
                let _ = caller.send(Answer::Singly);
            }
        }
        Err(error) => {
            for (caller, code) in callers.into_iter().zip(codes) {
                let _ = caller.send(Answer::Failed(Failure::aws(code, &error)));
            }
        }
    }
}

/// Returns whether DynamoDB refused the request as a whole, so that no write took effect: a
/// statement that it cannot read, a size, a missing permission, or an emulator without the
/// operation.
fn is_refused(code: Option<&str>) -> bool {
    const CODES: [&str; 6] = [
        "ValidationException",
        "SerializationException",
        "RequestEntityTooLarge",
        "AccessDeniedException",
        "UnknownOperationException",
        "NotImplemented",
    ];
    code.is_some_and(|code| CODES.contains(&code))
}

/// Reads the answer to one statement.
///
/// A statement that is throttled or invalid is sent again as a single write, which has the SDK's
/// pauses between attempts, and an error that says what is wrong.
fn answer(response: BatchStatementResponse) -> Answer {
    let Some(BatchStatementError { code, item, .. }) = response.error else {
        return Answer::Written;
    };
    match code {
        Some(
            BatchStatementErrorCodeEnum::DuplicateItem
            | BatchStatementErrorCodeEnum::ConditionalCheckFailed,
        ) => Answer::Refused(item.filter(|item| !item.is_empty())),
        Some(BatchStatementErrorCodeEnum::TransactionConflict) => Answer::BeingWritten,
        _ => Answer::Singly,
    }
}
