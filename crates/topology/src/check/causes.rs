//! Checks how long snapshots remember the causes of commits.

use super::Check;
use super::retention::LEAST_RECORD_RETENTION_DAYS;
use crate::model::Function;

/// Name of the environment variable for the table of a function's snapshots.
pub(super) const SNAPSHOTS: &str = "SNAPSHOT_TABLE";

/// Fewest days for which snapshots must remember causes if the function reads a queue.
///
/// A message that is moved back from its dead-letter queue is a new message. It may have spent 14
/// days in the queue and 14 in the dead-letter queue, so the toolkit counts it as 28 days older.
/// One more day covers its delivery.
const LEAST_BEHIND_A_QUEUE_DAYS: i64 = 29;

impl<'a> Check<'a> {
    /// Checks that snapshots remember causes for longer than anything can be replayed.
    ///
    /// The toolkit compares an older delivery with the whole stream. The result is correct, but
    /// costs as much as it does without a snapshot.
    pub(super) fn snapshots(&mut self) {
        let topology = self.topology;
        for (name, table) in &topology.tables {
            let Some(days) = table.cause_retention_days.map(i64::from) else { continue };
            let path = ["tables", name, "cause_retention_days"];
            let least = LEAST_RECORD_RETENTION_DAYS;
            let what = if !(least..=3_650).contains(&days) {
                format!(
                    "is {days}; must be {least} to 3650: a dead letter may be replayed for 14 days"
                )
            } else if let Some(function) =
                self.behind_a_queue(name).filter(|_| days < LEAST_BEHIND_A_QUEUE_DAYS)
            {
                format!(
                    "is {days}; must be at least {LEAST_BEHIND_A_QUEUE_DAYS}: {function} reads a \
                     queue, and any of its messages may have been moved back after 28 days"
                )
            } else if let Some((bus, archive)) =
                self.archive_before(name).filter(|(_, archive)| days <= *archive)
            {
                format!(
                    "is {days}; must be above {archive}: the archive of bus {bus} can be replayed \
                     for {archive} days"
                )
            } else {
                continue;
            };
            self.house_rule(
                &path,
                format!(
                    "{what}; older deliveries are compared with the whole stream, which is slow"
                ),
            );
        }
        self.days_of_snapshots();
    }

    /// Returns a function that keeps its snapshots in `table` and reads a queue.
    ///
    /// A rule may send to that queue.
    fn behind_a_queue(&self, table: &str) -> Option<&'a str> {
        let topology = self.topology;
        let uses = |function: &Function| {
            function.uses.values().any(|used| used.table.as_deref() == Some(table))
        };
        let behind =
            |function: &Function| function.sources.values().any(|source| source.queue.is_some());
        let mut functions = topology.functions.iter();
        functions
            .find(|(_, function)| uses(function) && behind(function))
            .map(|(name, _)| name.as_str())
    }

    fn days_of_snapshots(&mut self) {
        let topology = self.topology;
        for (name, function) in &topology.functions {
            let Some(table) = function.uses.get(SNAPSHOTS).and_then(|used| used.table.as_ref())
            else {
                continue;
            };
            if topology.tables.get(table).is_some_and(|table| table.cause_retention_days.is_none())
            {
                let what = format!(
                    "is {table}, which must declare cause_retention_days, {LEAST_RECORD_RETENTION_DAYS} or more"
                );
                self.house_rule(&["functions", name, "uses", SNAPSHOTS, "table"], what);
            }
        }
    }
}
