//! Sums the counters and the guards of a generation.

use std::collections::BTreeMap;

use serde_dynamo::{AttributeValue, Item};

use super::answer::Answer;
use super::compare::{Mark, VECTOR, attributes, content, named_content, stream_of};
use super::naming::ENTRY;
use super::request::Request;
use super::side::Rebuildable;
use super::sums::{CounterSums, Sum};
use super::walk::Walk;
use crate::batch::BatchContext;
use crate::failure::Failure;
use crate::projection::{
    COUNTED, COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, ENTRY_PARTITION_KEY, ENTRY_SORT_KEY,
    Projection, is_counter,
};

impl<P: Projection> Rebuildable<P> {
    /// Sums the counters of a segment, after all stored deltas are in them.
    pub(super) async fn counters(
        &self,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let side = self.side(request.generation)?;
        let mut answer = Answer { counters: Some(CounterSums::default()), ..Answer::default() };
        if request.from.is_none() {
            self.projector(side, request).count_all(context.deadline).await?;
            if request.segment == 0 {
                for aside in side.model.aside().await? {
                    let what = format!("refuses amounts, which are set aside: {}", aside.reason);
                    answer.differs(format!("counter {}", aside.key), what);
                }
            }
        }
        let mut walk = Walk::new(&self.tables, &side.counters, &[], request, context.deadline)?;
        while let Some(items) = walk.page().await? {
            let page = counted(&items, &request.buckets);
            if !walk.take(&mut answer, Ok(page))? {
                break;
            }
        }
        walk.end(answer)
    }

    /// Sums the entries of a segment.
    pub(super) async fn entries(
        &self,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let side = self.side(request.generation)?;
        let mut answer = Answer { counters: Some(CounterSums::default()), ..Answer::default() };
        let Some(table) = &side.entries else { return Ok(answer) };
        let mut walk = Walk::new(&self.tables, table, &[], request, context.deadline)?;
        while let Some(items) = walk.page().await? {
            let mut page = Answer { items: items.len() as u64, ..Answer::default() };
            for item in &items {
                let mut row = attributes(item);
                let list = text_of(row.remove(ENTRY_PARTITION_KEY));
                let entry = text_of(row.remove(ENTRY_SORT_KEY));
                add_entry(&mut page, list, entry, &row, &request.buckets);
            }
            if !walk.take(&mut answer, Ok(page))? {
                break;
            }
        }
        walk.end(answer)
    }

    /// Sums the guards of a segment.
    pub(super) async fn vector(
        &self,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let side = self.side(request.generation)?;
        let mut walk = Walk::new(&self.tables, &side.rows, &VECTOR, request, context.deadline)?;
        let mut answer = Answer { vector: Some(Sum::default()), ..Answer::default() };
        while let Some(rows) = walk.page().await? {
            let mut vector = Sum::default();
            for row in &rows {
                let stream = stream_of(row).unwrap_or_default();
                Mark::of(row).add_to(&mut vector, stream);
            }
            let (items, vector) = (rows.len() as u64, Some(vector));
            let page = Answer { items, streams: items, vector, ..Answer::default() };
            if !walk.take(&mut answer, Ok(page))? {
                break;
            }
        }
        walk.end(answer)
    }
}

fn text_of(value: Option<&AttributeValue>) -> &str {
    match value {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

/// Adds an entry, whose attributes include its owner.
pub(super) fn add_entry(
    answer: &mut Answer,
    list: &str,
    entry: &str,
    row: &BTreeMap<&str, &AttributeValue>,
    buckets: &[u8],
) {
    // The length of the list tells where the entry begins.
    let (key, content) = (format!("{ENTRY}{}:{list} {entry}", list.len()), content(row));
    answer.counters.get_or_insert_with(CounterSums::default).add_entry(&key, &content);
    if buckets.contains(&CounterSums::bucket(&key)) {
        let named = answer.amounts.entry(key).or_default();
        named.insert(named_content(&content), 1);
    }
}

/// Sums a page of counters.
fn counted(items: &[Item], buckets: &[u8]) -> Answer {
    let mut answer = Answer { items: items.len() as u64, ..Answer::default() };
    let mut sums = CounterSums::default();
    for item in items {
        let Some(AttributeValue::S(key)) = item.get(COUNTER_PARTITION_KEY) else { continue };
        if !is_counter(key) {
            continue;
        }
        for (name, value) in item.iter() {
            if [COUNTER_PARTITION_KEY, COUNTER_SORT_KEY, COUNTED].contains(&name.as_str()) {
                continue;
            }
            let amount = match value {
                AttributeValue::N(digits) => digits.parse::<i128>().ok(),
                _ => None,
            };
            let Some(amount) = amount else {
                let what = format!("the attribute `{name}` is not a whole number");
                answer.differs(format!("counter {key}"), what);
                continue;
            };
            sums.add(key, name, amount);
            if buckets.contains(&CounterSums::bucket(key)) {
                let named: &mut BTreeMap<_, _> = answer.amounts.entry(key.clone()).or_default();
                let sum = named.entry(name.clone()).or_default();
                *sum = sum.saturating_add(amount);
            }
        }
    }
    answer.counters = Some(sums);
    answer
}
