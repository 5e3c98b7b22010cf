//! Sends the deadlines that no schedule has brought.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::time::Instant;
use tracing::warn;

use super::deadline::deadline_message;
use super::metrics::swept;
use super::process_row::ProcessRow;
use super::sent::Sent;
use crate::batch::{BatchContext, Decode, Handled, Handler};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::publish::{Action, Entry, Target};
use crate::query::{Condition, Consistency, Get, NextPage, Table, TableReader, one, page};
use crate::source::Delivery;

/// Time after which a deadline is overdue: Scheduler fires within a minute, and the view follows
/// the store within seconds.
const GRACE: Duration = Duration::from_secs(120);
/// Most deadlines that an invocation sends.
const LIMIT: usize = 1_000;
/// Instances of a page of the index.
const PAGE: u32 = 100;
/// Rows that are read at a time.
const READS: usize = 8;

/// Sends the deadlines that no schedule has brought: a handler for a function that a schedule
/// invokes every minute or so.
///
/// It looks for deadlines in the [view](super::Processes) that are overdue by a grace period, and
/// sends the same message as their schedule would. If the schedule's message comes too, one of them
/// is a duplicate by its cause. A deadline that was decided meanwhile is a counted no-op.
///
/// A deadline that stays overdue, because its process does not run, is sent again after twice the
/// grace period, then four times, up to an hour. An invocation sends at most
/// [`limit`](Self::limit) deadlines, those that are overdue longest first, and no more after its
/// deadline. The next one goes on.
///
/// Each deadline that it sends counts in the metric `DeadlinesSwept`, with the dimensions
/// `function` and `process`.
///
/// Needs to read the view and its index `by-due` (`access = "read"` in a topology), and to send to
/// the queues.
pub struct Sweep {
    tables: Arc<dyn TableReader>,
    view: Table,
    queues: BTreeMap<String, Arc<dyn Target>>,
    grace: SignedDuration,
    limit: usize,
    clock: Clock,
    sent: Mutex<Sent>,
}

type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A key of the index.
#[derive(Deserialize)]
struct Due {
    #[serde(rename = "stream")]
    instance: StreamId,
    due: i64,
}

/// What one invocation did.
#[derive(Default)]
struct Swept {
    sent: usize,
    failed: Vec<Failure>,
    /// Whether every overdue instance was looked at.
    cut: bool,
}

impl Sweep {
    /// Creates a sweep over the view in this table.
    pub fn new(tables: impl TableReader + 'static, view: impl Into<String>) -> Self {
        let grace = SignedDuration::try_from(GRACE).unwrap_or(SignedDuration::ZERO);
        Self {
            tables: Arc::new(tables),
            view: ProcessRow::table(view),
            queues: BTreeMap::new(),
            grace,
            limit: LIMIT,
            clock: Arc::new(Timestamp::now),
            sent: Mutex::new(Sent::new(grace)),
        }
    }

    /// Adds a process, by the kind of its streams, and the queue of its inputs.
    #[must_use]
    pub fn process(mut self, kind: impl Into<String>, queue: impl Target + 'static) -> Self {
        self.queues.insert(kind.into(), Arc::new(queue));
        self
    }

    /// Sets the time after which a deadline is overdue; two minutes by default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = SignedDuration::try_from(grace).unwrap_or(SignedDuration::MAX);
        self.sent = Mutex::new(Sent::new(self.grace));
        self
    }

    /// Sets how many deadlines an invocation sends at most; 1,000 by default.
    #[must_use]
    pub fn limit(self, deadlines: usize) -> Self {
        Self { limit: deadlines, ..self }
    }

    /// Takes the time from this clock, for tests.
    #[must_use]
    pub fn clock(mut self, clock: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sends the overdue deadlines of one process.
    async fn sweep(
        &self,
        kind: &str,
        queue: &dyn Target,
        now: Timestamp,
        until: Instant,
        swept: &mut Swept,
    ) -> Result<(), Failure> {
        let before = now.saturating_sub(self.grace).unwrap_or(Timestamp::MIN);
        let query = ProcessRow::due(&self.view, kind)
            .sorted(Condition::at_most(before.as_millisecond()))
            .limit(PAGE);
        let mut from: Option<NextPage> = None;
        loop {
            let found = page::<Due>(self.tables.as_ref(), &query, from.as_ref()).await?;
            swept.failed.extend(found.unreadable);
            let mut due = found.rows;
            due.retain(|due| self.sent.lock().is_time(&due.instance, due.due, now));
            let read = stream::iter(due).map(|due| self.overdue(due, before));
            let mut read = read.buffered(READS);
            while let Some((due, entries)) = read.next().await {
                if swept.sent >= self.limit || Instant::now() >= until {
                    swept.cut = true;
                    return Ok(());
                }
                match entries {
                    Ok(entries) => {
                        let sent = send(kind, queue, entries, swept).await;
                        if sent {
                            self.sent.lock().note(due.instance, due.due, now);
                        }
                    }
                    Err(failure) => swept.failed.push(failure),
                }
            }
            from = found.next;
            if from.is_none() {
                return Ok(());
            }
        }
    }

    /// Reads the row of an instance, and returns the messages of its overdue deadlines.
    ///
    /// The index may be behind the table, so only the row says what is open.
    async fn overdue(&self, due: Due, before: Timestamp) -> (Due, Result<Vec<Entry>, Failure>) {
        let get = Get::new(&self.view, due.instance.as_str(), Consistency::Strong);
        let row = match one::<ProcessRow>(self.tables.as_ref(), &get).await {
            Ok(row) => row,
            Err(failure) => return (due, Err(failure)),
        };
        let overdue = row.into_iter().flat_map(|row| row.deadlines);
        let overdue = overdue.filter(|deadline| deadline.due <= before);
        let entries = overdue.map(|deadline| {
            let (name, id) = (deadline.name(), deadline.id.as_str());
            let message = deadline_message(&due.instance, name, id, deadline.due)?;
            Entry::new(&message, Action::Send)
        });
        let entries = entries.collect();
        (due, entries)
    }
}

/// Sends the deadlines of one instance, one after the other. Returns whether the queue has them.
async fn send(kind: &str, queue: &dyn Target, entries: Vec<Entry>, swept: &mut Swept) -> bool {
    for entry in entries {
        let failure = match queue.send(&[&entry]).await {
            Ok(taken) => taken.into_iter().flatten().next(),
            Err(refused) => Some(refused.failure),
        };
        if let Some(failure) = failure {
            swept.failed.push(failure);
            return false;
        }
        swept.sent += 1;
        warn!(
            process = kind,
            instance = entry.group,
            id = entry.id,
            "an overdue deadline was sent"
        );
    }
    true
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("view", &self.view)
            .field("processes", &self.queues.keys())
            .field("grace", &self.grace)
            .finish_non_exhaustive()
    }
}

/// The event of the invocation says nothing: the time does.
impl Decode for Sweep {
    type Record = ();

    fn decode(&self, _: &Delivery<'_>) -> Result<(), Failure> {
        Ok(())
    }
}

impl Handler for Sweep {
    /// Sweeps all processes. A process that fails does not keep the others from being swept.
    async fn handle(&self, (): &(), context: &BatchContext) -> Result<Handled, Failure> {
        let now = (self.clock)();
        let mut all = Swept::default();
        for (kind, queue) in &self.queues {
            let before = all.sent;
            let done = self.sweep(kind, queue.as_ref(), now, context.deadline, &mut all).await;
            all.failed.extend(done.err());
            swept(&context.metrics, kind, all.sent - before);
        }
        let Swept { sent, mut failed, cut } = all;
        if !cut && failed.is_empty() {
            self.sent.lock().forget_all_but(now);
        }
        if failed.is_empty() {
            return Ok(if sent > 0 { Handled::Applied } else { Handled::Filtered });
        }
        let (count, first) = (failed.len(), failed.swap_remove(0));
        let reason = format!(
            "{sent} overdue deadlines were sent, {count} reads or sends failed; the first: {first}"
        );
        Err(Failure::transient("sweep", reason))
    }
}
