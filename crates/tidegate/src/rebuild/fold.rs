//! Folds a segment of the event store into a generation.

use std::collections::BTreeSet;

use serde_dynamo::Item as TableItem;

use super::answer::{Answer, ParkedStream};
use super::request::Request;
use super::side::Rebuildable;
use super::walk::Walk;
use crate::batch::{BatchContext, BatchHandler, Item, Outcome};
use crate::failure::{Class, Failure};
use crate::ids::Version;
use crate::projection::{Projection, Projector};
use crate::store::CommitChange;

impl<P: Projection> Rebuildable<P> {
    /// Walks over a segment of the event store, and hands its commits to the projector of the
    /// generation. What is applied already changes nothing.
    pub(super) async fn fold(
        &self,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let projector = self.projector(self.side(request.generation)?, request);
        let mut walk = Walk::new(&self.tables, &self.store, &[], request, context.deadline)?;
        let mut answer = Answer::default();
        while let Some(items) = walk.page().await? {
            let page = self.fold_page(&projector, items, context).await;
            if !walk.take(&mut answer, page)? {
                break;
            }
        }
        walk.end(answer)
    }

    async fn fold_page(
        &self,
        projector: &Projector<std::sync::Arc<P>>,
        items: Vec<TableItem>,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let mut answer = Answer { items: items.len() as u64, ..Answer::default() };
        let mut deliveries = Vec::with_capacity(items.len());
        for item in items {
            let place = CommitChange::place_of(&item);
            match CommitChange::from_item(item) {
                Ok(change) => deliveries.extend(self.counted(change, &mut answer)),
                // Deliveries of this item fail in the same way, and become dead letters.
                Err(failure) if failure.class() == Class::Permanent => {
                    parked(&mut answer, &place, &failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        let outcomes = projector.handle_batch(&deliveries, context).await;
        let mut named = BTreeSet::new();
        for (delivery, outcome) in deliveries.iter().zip(outcomes) {
            match outcome {
                Outcome::Done(_) => {}
                Outcome::Failed(failure) if failure.class() == Class::Permanent => {
                    if named.insert(delivery.lane.as_str()) {
                        parked(&mut answer, &delivery.lane, &failure);
                    }
                }
                Outcome::Failed(failure) => return Err(failure),
                Outcome::NotRun(_) => {
                    let reason = "a page of the event store was not handled in time";
                    return Err(Failure::transient("out_of_time", reason));
                }
            }
        }
        Ok(answer)
    }

    /// Counts a commit of the projection, and makes a delivery of it.
    fn counted(&self, change: CommitChange, answer: &mut Answer) -> Option<Item<CommitChange>> {
        let stream = change.stream().filter(|stream| self.projection.concerns(stream))?;
        let lane = stream.as_str().to_owned();
        let (first, last) = change.versions()?;
        answer.streams += u64::from(first == Version::new(1));
        answer.events += (last.number() + 1).saturating_sub(first.number());
        Some(Item::new(lane, change))
    }
}

fn parked(answer: &mut Answer, stream: &str, failure: &Failure) {
    let (code, reason) = (failure.code().to_owned(), failure.reason().to_owned());
    if answer.parked.len() < Answer::NAMED {
        answer.parked.push(ParkedStream { stream: stream.to_owned(), code, reason });
    }
}
