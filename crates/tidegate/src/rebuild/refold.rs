//! Compares the rows of a generation with a second fold of the event store.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_dynamo::{AttributeValue, Item};

use super::answer::{Answer, ParkedStream};
use super::compare::{Mark, difference};
use super::request::Request;
use super::side::{Rebuildable, Side};
use super::sums::{CounterSums, Sum};
use super::totals::add_entry;
use super::walk::Walk;
use crate::batch::BatchContext;
use crate::failure::Failure;
use crate::ids::{StreamId, Version};
use crate::projection::{ENTRY_OWNER, Projection, Projector, Whole};
use crate::store::{CommitChange, RecordedCommit};

/// Attributes of the guard that the fold does not compute.
const OF_THE_GUARD: [&str; 6] =
    [crate::projection::ROW_KEY, "version", "event_id", "part", "parked", "parked_code"];
/// Streams that are read at a time.
const AT_A_TIME: usize = 16;

impl<P: Projection> Rebuildable<P> {
    /// Walks over a segment of the event store. For each stream that begins there, it computes what
    /// its events lead to, up to the version of its row, and compares the row.
    ///
    /// Rows behind the event store are brought up to date first.
    pub(super) async fn refold(
        &self,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let side = self.side(request.generation)?;
        let projector = self.projector(side, request);
        let mut walk = Walk::new(&self.tables, &self.store, &[], request, context.deadline)?;
        let mut answer = Answer {
            vector: Some(Sum::default()),
            counters: Some(CounterSums::default()),
            ..Answer::default()
        };
        while let Some(items) = walk.page().await? {
            let page = self.refold_page(side, &projector, items, request, context).await;
            if !walk.take(&mut answer, page)? {
                break;
            }
        }
        walk.end(answer)
    }

    async fn refold_page(
        &self,
        side: &Side<P>,
        projector: &Projector<Arc<P>>,
        items: Vec<Item>,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let mut answer = Answer {
            items: items.len() as u64,
            vector: Some(Sum::default()),
            counters: Some(CounterSums::default()),
            ..Answer::default()
        };
        // Each stream has one commit with its first event.
        let begins = |item: &Item| match item.get(crate::store::SORT_KEY) {
            Some(AttributeValue::N(digits)) => digits == "1",
            _ => false,
        };
        let mut streams: Vec<StreamId> = Vec::new();
        for item in items.into_iter().filter(begins) {
            let stream = CommitChange::place_of(&item).parse().ok();
            streams.extend(stream.filter(|stream| self.projection.concerns(stream)));
        }
        answer.streams = streams.len() as u64;
        let rows = self.rows_of(side, &streams).await?;
        let all: Vec<(StreamId, Option<Item>)> = streams.into_iter().zip(rows).collect();
        for some in all.chunks(AT_A_TIME) {
            let reads = some.iter().map(|(stream, _)| self.events.read(stream, Version::NONE));
            let histories = futures::future::try_join_all(reads).await?;
            for ((stream, row), commits) in some.iter().zip(histories) {
                let newest = commits.last().map_or(Version::NONE, RecordedCommit::last_version);
                let known = row.as_ref().map(Mark::of);
                let behind = known.as_ref().is_none_or(|mark| {
                    (mark.version < newest.number() || mark.part > 0) && mark.parked.is_none()
                });
                if !behind {
                    self.refold_row(stream, row.as_ref(), &commits, request, &mut answer);
                    continue;
                }
                projector.heal(stream, context.deadline).await?;
                let row = self.rows_of(side, std::slice::from_ref(stream)).await?.pop().flatten();
                let commits = self.events.read(stream, Version::NONE).await?;
                answer.healed += 1;
                self.refold_row(stream, row.as_ref(), &commits, request, &mut answer);
            }
        }
        Ok(answer)
    }

    /// Compares a row with what the events lead to.
    fn refold_row(
        &self,
        stream: &StreamId,
        row: Option<&Item>,
        commits: &[RecordedCommit],
        request: &Request,
        answer: &mut Answer,
    ) {
        let Some(row) = row else {
            return answer.differs(stream.as_str(), "has events, and no row");
        };
        let mark = Mark::of(row);
        if let Some(vector) = &mut answer.vector {
            mark.add_to(vector, stream.as_str());
        }
        let newest = commits.last().map_or(0, |commit| commit.last_version().number());
        if mark.parked.is_some() {
            let text = |name: &str| match row.get(name) {
                Some(AttributeValue::S(text)) => text.clone(),
                _ => String::new(),
            };
            let (code, reason) = (text("parked_code"), text("parked_reason"));
            if answer.parked.len() < Answer::NAMED {
                let stream = stream.as_str().to_owned();
                answer.parked.push(ParkedStream { stream, code, reason });
            }
        } else if mark.version < newest || mark.part > 0 {
            answer.unsettled += 1;
            return;
        }
        if mark.version > newest {
            let what = format!("is at version {}, the stream at {newest}", mark.version);
            return answer.differs(stream.as_str(), what);
        }
        match Whole::new(&*self.projection, commits, Version::new(mark.version)) {
            Err((version, failure)) => {
                let what = format!(
                    "is at version {}, and the projection cannot apply version {version}: {}",
                    mark.version,
                    failure.reason()
                );
                answer.differs(stream.as_str(), what);
            }
            Ok(whole) => self.refolded(stream, row, &mark, &whole, request, answer),
        }
    }

    fn refolded(
        &self,
        stream: &StreamId,
        row: &Item,
        mark: &Mark,
        whole: &Whole,
        request: &Request,
        answer: &mut Answer,
    ) {
        answer.events += whole.events;
        for (key, sums) in &whole.counters {
            for (name, amount) in sums {
                if let Some(counters) = &mut answer.counters {
                    counters.add(key, name, *amount);
                }
                if request.buckets.contains(&CounterSums::bucket(key)) {
                    let named = answer.amounts.entry(key.clone()).or_default();
                    let sum = named.entry((*name).to_owned()).or_default();
                    *sum = sum.saturating_add(*amount);
                }
            }
        }
        let owner = AttributeValue::S(stream.as_str().to_owned());
        for (key, row) in &whole.entries {
            let mut row: BTreeMap<&str, &AttributeValue> =
                row.iter().map(|(name, value)| (name.as_str(), value)).collect();
            row.insert(ENTRY_OWNER, &owner);
            add_entry(answer, &key.list, &key.entry, &row, &request.buckets);
        }
        let known = whole.event_id.as_deref().unwrap_or_default();
        if known != mark.event_id {
            let what = format!("was built from event {}, the stream has {known}", mark.event_id);
            return answer.differs(stream.as_str(), what);
        }
        let expected: BTreeMap<&str, &AttributeValue> =
            whole.row.iter().map(|(name, value)| (name.as_str(), value)).collect();
        let of_store = "and by the event store";
        if let Some(what) = difference(row, &expected, of_store, &OF_THE_GUARD) {
            answer.differs(stream.as_str(), what);
        }
    }
}
