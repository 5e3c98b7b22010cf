//! Finds the streams that have a correlation id.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;

use super::table::{DynamoDbEventStore, PARTITION_KEY};
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::statement::Item;
use crate::store::format::{CommitFormat, Format};

/// Decisions of a commit that the table itself compares. Commits with more come to the reader.
const COMPARED: usize = 16;

/// What one segment of the event store has of a correlation id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Correlated {
    /// Streams with a decision that has the id.
    pub streams: BTreeSet<StreamId>,
    /// Items that were looked at.
    pub items: u64,
    /// Commits in a format that only a newer version reads, which may have the id.
    pub unknown: u64,
}

impl DynamoDbEventStore {
    /// Finds the streams with a correlation id in one of `of` segments of the table. Call it for
    /// each segment, also several at a time.
    ///
    /// Reads the whole segment, eventually consistent: half a read unit for each 4 KB (AWS docs:
    /// Scan). The table compares, so only what is found crosses the network.
    ///
    /// # Errors
    /// The table cannot be read (transient).
    pub async fn correlated(
        &self,
        correlation_id: &str,
        segment: u32,
        of: u32,
    ) -> Result<Correlated, Failure> {
        let number = |number: u32| Some(i32::try_from(number).unwrap_or(i32::MAX));
        let mut compared = vec!["#correlation = :id".to_owned(), "#format > :newest".to_owned()];
        compared.extend((0..COMPARED).map(|n| format!("#decisions[{n}].#correlation = :id")));
        compared.push(format!("attribute_exists(#decisions[{COMPARED}])"));
        let newest = AttributeValue::N(CommitFormat::NEWEST.number().to_string());
        let (mut found, mut from) = (Correlated::default(), None);
        loop {
            let page = self
                .dynamodb
                .scan()
                .table_name(&*self.table)
                .set_segment(number(segment))
                .set_total_segments(number(of.max(1)))
                .filter_expression(compared.join(" OR "))
                .expression_attribute_names("#correlation", "correlation")
                .expression_attribute_names("#decisions", "decisions")
                .expression_attribute_names("#format", "format")
                .expression_attribute_values(":id", AttributeValue::S(correlation_id.to_owned()))
                .expression_attribute_values(":newest", newest.clone())
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| Failure::aws("event_store", &error))?;
            found.items += u64::try_from(page.scanned_count).unwrap_or_default();
            for item in page.items.unwrap_or_default() {
                found.add(&item, correlation_id);
            }
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(found);
            }
        }
    }
}

impl Correlated {
    /// Adds what another segment has.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.streams.extend(other.streams);
        self.items += other.items;
        self.unknown += other.unknown;
        self
    }

    fn add(&mut self, item: &Item, correlation_id: &str) {
        let stream = text(item.get(PARTITION_KEY));
        if item.check(stream.unwrap_or_default(), None).is_err() {
            self.unknown += 1;
            return;
        }
        let decisions = item.get("decisions").and_then(|value| value.as_l().ok());
        let in_decision = |decision: &AttributeValue| {
            let decision = decision.as_m().ok();
            decision.and_then(|decision| text(decision.get("correlation"))) == Some(correlation_id)
        };
        if text(item.get("correlation")) == Some(correlation_id)
            || decisions.is_some_and(|all| all.iter().any(in_decision))
        {
            self.streams.extend(stream.and_then(|stream| stream.parse().ok()));
        }
    }
}

fn text(value: Option<&AttributeValue>) -> Option<&str> {
    value.and_then(|value| value.as_s().ok()).map(String::as_str)
}
