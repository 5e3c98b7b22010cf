//! Checks event source mappings.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Check;
use super::names::SOURCE;
use crate::lookup::{SourceKind, TABLE_STREAM_RETENTION_SECONDS};
use crate::model::{Profile, Source, StartingPosition};

/// Most readers of one table's stream that AWS does not throttle.
const TABLE_STREAM_READERS: usize = 2;

impl Check<'_> {
    pub(super) fn sources(&mut self) {
        let topology = self.topology;
        let mut readers: BTreeMap<&str, usize> = BTreeMap::new();
        for (function, name, source) in topology.sources() {
            let path = ["functions", function, "sources", name];
            self.name(&path, name, &SOURCE);
            let twin = topology.functions.get(function).and_then(|declared| {
                let earlier =
                    declared.sources.iter().take_while(|(other, _)| other.as_str() < name);
                earlier
                    .filter(|(_, other)| other.kind() == source.kind())
                    .map(|(twin, _)| twin)
                    .next()
            });
            match source.kind() {
                None => self.mistake(&path, "needs exactly one of stream, table and queue"),
                Some(_) if twin.is_some() => {
                    let twin = twin.map_or("", String::as_str);
                    self.mistake(
                        &path,
                        format!(
                            "reads the same as {twin}; a function may have one mapping per source"
                        ),
                    );
                }
                Some(SourceKind::Stream(stream)) => {
                    self.declared(&at(&path, "stream"), "streams", stream, &topology.streams);
                    let hours =
                        topology.streams.get(stream).map_or(8_760, |stream| stream.retention_hours);
                    self.stream_mapping(&path, source, i64::from(hours) * 3_600);
                }
                Some(SourceKind::Table(table)) => {
                    let count = readers.entry(table).or_default();
                    *count += 1;
                    self.table_mapping(&path, source, table, *count);
                }
                Some(SourceKind::Queue(queue)) => {
                    self.declared(&at(&path, "queue"), "queues", queue, &topology.queues);
                    let reserved =
                        topology.functions.get(function).and_then(|it| it.reserved_concurrency);
                    self.queue_mapping(&path, source, queue, reserved.unwrap_or(0));
                }
            }
            if let Some(kind) = source.kind() {
                self.filters(&path, source, kind);
            }
            if source.kind().is_some() && !source.report_batch_item_failures {
                self.partial_responses(&path, source);
            }
            self.range(
                &at(&path, "batching_window_seconds"),
                source.batching_window_seconds,
                0..=300,
            );
            self.range(&at(&path, "batch_size"), source.batch_size, 1..=10_000);
        }
    }

    /// The mapping is reader number `reader` of the table's stream, from 1.
    fn table_mapping(&mut self, path: &[&str], source: &Source, table: &str, reader: usize) {
        let topology = self.topology;
        self.declared(&at(path, "table"), "tables", table, &topology.tables);
        if topology.tables.get(table).is_some_and(|table| table.stream_view.is_none()) {
            let what = format!("is {table}, which has no stream; it must declare stream_view");
            self.mistake(&at(path, "table"), what);
        }
        if reader > TABLE_STREAM_READERS {
            let what = format!(
                "is reader {reader} of the stream of {table}; AWS allows 2 at a time, and throttles more"
            );
            self.warning(&at(path, "table"), what);
        }
        self.stream_mapping(path, source, TABLE_STREAM_RETENTION_SECONDS.into());
        if let Some(factor) = source.parallelization_factor.filter(|factor| *factor != 1) {
            let what = format!(
                "is {factor}; must be 1 on a table's stream: above 1, only the order per item is kept"
            );
            self.house_rule(&at(path, "parallelization_factor"), what);
        }
    }

    /// Warns of a mapping that ignores partial responses.
    fn partial_responses(&mut self, path: &[&str], source: &Source) {
        let reported = match source.queue {
            Some(_) => "deletes the messages that it reports",
            None => "skips the records that it reports",
        };
        let what = format!(
            "is not set; set it to true if the function answers with batchItemFailures: otherwise \
             Lambda ignores them, and {reported}. After an error the whole batch is delivered again"
        );
        self.warning(&at(path, "report_batch_item_failures"), what);
    }

    fn stream_mapping(&mut self, path: &[&str], source: &Source, retention: i64) {
        self.start(path, source);
        if let Some(factor) = source.parallelization_factor {
            self.range(&at(path, "parallelization_factor"), factor, 1..=10);
        }
        self.range(&at(path, "tumbling_window_seconds"), source.tumbling_window_seconds, 0..=900);
        if let Some(factor) = source
            .parallelization_factor
            .filter(|factor| *factor != 1 && source.tumbling_window_seconds > 0)
        {
            let what = format!(
                "is {factor}; must be 1 with tumbling_window_seconds, since a shard has one state"
            );
            self.mistake(&at(path, "parallelization_factor"), what);
        }
        let (age, is_bounded) = self.stream_bounds(path, source, retention);
        if !source.bisect_on_error {
            self.house_rule(
                &at(path, "bisect_on_error"),
                "is not set; set it to true: otherwise a batch that crashes its environment is \
                 discarded as a whole",
            );
        }
        if source.dead_letter_after_seconds.is_none() {
            self.house_rule(
                path,
                "has no dead_letter_after_seconds; a stream mapping discards all records of a \
                 batch with the failed one, so the function must dead-letter that one earlier",
            );
        }
        self.dead_letter_after(path, source, age, "maximum_record_age_seconds");
        match &source.on_failure {
            // Without a bound, the mapping never discards a record.
            None if is_bounded => self.warning(
                path,
                "has no on_failure: discarded records are lost silently; add a queue, a topic or \
                 a bucket",
            ),
            None => self.house_rule(
                path,
                "has no on_failure; a stream mapping needs a queue, a topic or a bucket for \
                 discarded records",
            ),
            Some(destination) => {
                self.stream_destination(&at(path, "on_failure"), destination);
            }
        }
        if source.maximum_concurrency.is_some() {
            self.mistake(
                &at(path, "maximum_concurrency"),
                "is for queues; on a stream use parallelization_factor",
            );
        }
    }

    /// Checks when a batch is discarded.
    ///
    /// Returns the age of a record at which it is, if that age is allowed, and whether the mapping
    /// ever discards a record.
    fn stream_bounds(
        &mut self,
        path: &[&str],
        source: &Source,
        retention: i64,
    ) -> (Option<i64>, bool) {
        self.bounded(
            &at(path, "maximum_retry_attempts"),
            source.maximum_retry_attempts,
            0..=10_000,
        );
        self.bounded(
            &at(path, "maximum_record_age_seconds"),
            source.maximum_record_age_seconds,
            60..=604_800,
        );
        let age = source
            .maximum_record_age_seconds
            .map(i64::from)
            .filter(|age| (60..=604_800).contains(age));
        if let Some(age) = age.filter(|age| *age >= retention) {
            let what = format!(
                "is {age}; it should be below the stream's retention of {retention} seconds, or \
                 the records expire first"
            );
            self.warning(&at(path, "maximum_record_age_seconds"), what);
        }
        let is_bounded = [source.maximum_retry_attempts, source.maximum_record_age_seconds]
            .into_iter()
            .any(|bound| bound.is_some_and(|bound| bound != -1));
        if !is_bounded && self.topology.profile() == Profile::Aws {
            self.warning(
                path,
                "has neither maximum_retry_attempts nor maximum_record_age_seconds: a batch that always fails holds up its shard until \
                 its records expire, and those behind it may expire with them",
            );
        }
        (age, is_bounded)
    }

    fn start(&mut self, path: &[&str], source: &Source) {
        let moment = at(path, "starting_position_timestamp");
        match (source.starting_position, source.starting_position_timestamp) {
            (None, _) => {
                let what = "has no starting_position; use TRIM_HORIZON, LATEST or, for Kinesis, AT_TIMESTAMP";
                self.mistake(path, what);
            }
            (Some(StartingPosition::AtTimestamp), _) if source.table.is_some() => {
                let what = "is AT_TIMESTAMP, which is for Kinesis; use TRIM_HORIZON or LATEST for a \
                     table's stream";
                self.mistake(&at(path, "starting_position"), what);
            }
            (Some(StartingPosition::AtTimestamp), None) => {
                let what = "is AT_TIMESTAMP, which needs starting_position_timestamp too, such as \
                    \"2026-01-31T12:00:00Z\"";
                self.mistake(&at(path, "starting_position"), what);
            }
            (Some(StartingPosition::AtTimestamp), Some(declared))
                if declared > Timestamp::now() =>
            {
                self.mistake(
                    &moment,
                    format!("is {declared}, which is in the future; use a time in the past"),
                );
            }
            (Some(StartingPosition::AtTimestamp), Some(_)) | (Some(_), None) => {}
            (Some(_), Some(_)) => {
                self.mistake(&moment, "is set, and is for a starting_position of AT_TIMESTAMP");
            }
        }
    }

    /// Checks a bound that every stream mapping should have.
    ///
    /// Without it, one record that always fails blocks its shard until the record expires in the
    /// stream.
    fn bounded(
        &mut self,
        path: &[&str],
        value: Option<i32>,
        allowed: std::ops::RangeInclusive<i64>,
    ) {
        let (low, high) = (allowed.start(), allowed.end());
        match value {
            None => self.house_rule(
                path,
                format!("is not set; a stream mapping must be bounded: {low} to {high}"),
            ),
            Some(-1) => self.house_rule(
                path,
                format!("is -1, without limit; a stream mapping must be bounded: {low} to {high}"),
            ),
            Some(value) => self.range(path, value, allowed),
        }
    }

    /// Checks that the age for dead-lettering is at most half of the limit.
    ///
    /// Only a delivery notices that the age is reached. In a shard that retries, deliveries may be
    /// far apart.
    fn dead_letter_after(&mut self, path: &[&str], source: &Source, limit: Option<i64>, of: &str) {
        if let (Some(after), Some(limit)) = (source.dead_letter_after_seconds.map(i64::from), limit)
            && (after < 1 || after > limit / 2)
        {
            let what = format!("is {after}; must be 1 to {}, half of {of}", limit / 2);
            self.house_rule(&at(path, "dead_letter_after_seconds"), what);
        }
    }

    /// Checks that the function dead-letters a message before SQS moves it.
    ///
    /// A dead letter of the function has the payload and the reason. A message that SQS moves has
    /// no reason.
    fn before_the_redrive(&mut self, path: &[&str], source: &Source, queue: &str) {
        let Some(declared) = self.topology.queues.get(queue) else { return };
        let (Some(after), Some(redrive)) = (source.dead_letter_after_seconds, &declared.redrive)
        else {
            return;
        };
        let (receives, hidden) = (redrive.maximum_receives, declared.visibility_timeout_seconds);
        let most = receives.saturating_sub(1).saturating_mul(hidden);
        if after > most {
            let what = format!(
                "is {after}; must be 1 to {most}: {queue} hides a message for {hidden} seconds \
                 and moves it to {} after {receives} receives, without a reason",
                redrive.queue
            );
            self.house_rule(&at(path, "dead_letter_after_seconds"), what);
        }
    }

    fn queue_mapping(&mut self, path: &[&str], source: &Source, queue: &str, reserved: u32) {
        let declared = self.topology.queues.get(queue);
        let (size, window) = (source.batch_size, source.batching_window_seconds);
        if declared.is_some_and(|queue| queue.fifo) {
            if size > 10 {
                self.mistake(
                    &at(path, "batch_size"),
                    format!("is {size}; must be 1 to 10 on a FIFO queue"),
                );
            }
            if window > 0 {
                let what =
                    format!("is {window}; must be 0 on a FIFO queue, which has no batching window");
                self.mistake(&at(path, "batching_window_seconds"), what);
            }
        } else if size > 10 && window == 0 {
            let what =
                format!("is {size}; more than 10 needs batching_window_seconds of at least 1");
            self.mistake(&at(path, "batch_size"), what);
        }
        match source.maximum_concurrency {
            Some(most) => self.range(&at(path, "maximum_concurrency"), most, 2..=1_000),
            None if reserved > 0 => self.warning(
                path,
                format!(
                    "has no maximum_concurrency; without it Lambda receives for more batches than the {reserved} that are reserved, and a \
                     batch that is throttled uses up receives of its messages"
                ),
            ),
            None => self.house_rule(
                path,
                "has no maximum_concurrency; without it Lambda receives more messages than the \
                 function may handle, and each throttled batch uses up receives",
            ),
        }
        let retention = declared.map(|queue| i64::from(queue.retention_seconds));
        self.dead_letter_after(path, source, retention, "the queue's retention_seconds");
        self.before_the_redrive(path, source, queue);
        for (field, set) in [
            ("tumbling_window_seconds", source.tumbling_window_seconds > 0),
            ("starting_position", source.starting_position.is_some()),
            ("starting_position_timestamp", source.starting_position_timestamp.is_some()),
            ("parallelization_factor", source.parallelization_factor.is_some()),
            ("bisect_on_error", source.bisect_on_error),
            ("maximum_retry_attempts", source.maximum_retry_attempts.is_some()),
            ("maximum_record_age_seconds", source.maximum_record_age_seconds.is_some()),
            ("on_failure", source.on_failure.is_some()),
        ] {
            if set {
                self.mistake(
                    &at(path, field),
                    "is for streams; on a queue the queue's own redrive applies",
                );
            }
        }
    }
}

fn at<'a>(path: &[&'a str], field: &'a str) -> Vec<&'a str> {
    [path, &[field]].concat()
}
