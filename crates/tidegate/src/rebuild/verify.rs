//! Compares the rows of a generation with another generation.

use std::sync::Arc;

use serde_dynamo::Item;

use super::answer::Answer;
use super::compare::{Mark, attributes, difference, stream_of};
use super::request::Request;
use super::side::{Rebuildable, Side};
use super::sums::Sum;
use super::walk::Walk;
use crate::batch::BatchContext;
use crate::failure::Failure;
use crate::ids::StreamId;
use crate::projection::{Projection, Projector};
use crate::query::{Consistency, Get};

/// Two generations, with the projectors that bring their rows up to date.
struct Pair<'a, P> {
    side: &'a Side<P>,
    other: &'a Side<P>,
    projectors: [Projector<Arc<P>>; 2],
}

impl<P: Projection> Rebuildable<P> {
    /// Compares every row of a segment with the row of another generation.
    ///
    /// Rows whose guards differ are brought up to date in both first: a delivery may have reached
    /// only one of them.
    pub(super) async fn verify(
        &self,
        other: u32,
        request: &Request,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let (side, other) = (self.side(request.generation)?, self.side(other)?);
        let projectors = [self.projector(side, request), self.projector(other, request)];
        let pair = Pair { side, other, projectors };
        let mut walk = Walk::new(&self.tables, &side.rows, &[], request, context.deadline)?;
        let mut answer = Answer { vector: Some(Sum::default()), ..Answer::default() };
        while let Some(rows) = walk.page().await? {
            let page = self.verify_page(&pair, rows, context).await;
            if !walk.take(&mut answer, page)? {
                break;
            }
        }
        walk.end(answer)
    }

    async fn verify_page(
        &self,
        pair: &Pair<'_, P>,
        rows: Vec<Item>,
        context: &BatchContext,
    ) -> Result<Answer, Failure> {
        let mut answer = Answer { items: rows.len() as u64, ..Answer::default() };
        let mut streams: Vec<StreamId> = Vec::with_capacity(rows.len());
        let mut there = Vec::with_capacity(rows.len());
        for row in rows {
            match stream_of(&row).map(str::parse) {
                Some(Ok(stream)) => {
                    streams.push(stream);
                    there.push(Some(row));
                }
                _ => answer.differs("a row without its key", "is not the row of an aggregate"),
            }
        }
        answer.streams = streams.len() as u64;
        let mut reference = self.rows_of(pair.other, &streams).await?;
        let mut moved = Vec::new();
        for (place, stream) in streams.iter().enumerate() {
            if !same_mark(there.get(place), reference.get(place)) {
                moved.push((place, stream.clone()));
            }
        }
        if !moved.is_empty() {
            let behind: Vec<StreamId> = moved.iter().map(|(_, stream)| stream.clone()).collect();
            for stream in &behind {
                for projector in &pair.projectors {
                    projector.heal(stream, context.deadline).await?;
                }
            }
            let healed = self.rows_of(pair.side, &behind).await?;
            let other = self.rows_of(pair.other, &behind).await?;
            for ((place, _), (row, other)) in moved.iter().zip(healed.into_iter().zip(other)) {
                put(&mut there, *place, row);
                put(&mut reference, *place, other);
            }
            answer.healed = moved.len() as u64;
        }
        let mut vector = Sum::default();
        let of_other = format!("and in generation {}", pair.other.number);
        for (stream, (row, other)) in streams.iter().zip(there.iter().zip(&reference)) {
            if let Some(row) = row {
                Mark::of(row).add_to(&mut vector, stream.as_str());
            }
            match (row, other) {
                (Some(row), Some(other)) => {
                    let (mark, others) = (Mark::of(row), Mark::of(other));
                    if mark.version != others.version || mark.part != others.part {
                        answer.unsettled += 1;
                    } else if let Some(what) = difference(row, &attributes(other), &of_other, &[]) {
                        answer.differs(stream.as_str(), what);
                    }
                }
                (Some(_), None) => {
                    let what = format!("is missing in generation {}", pair.other.number);
                    answer.differs(stream.as_str(), what);
                }
                (None, _) => answer.unsettled += 1,
            }
        }
        answer.vector = Some(vector);
        Ok(answer)
    }

    /// Reads the rows of aggregates, strongly consistent.
    pub(super) async fn rows_of(
        &self,
        side: &Side<P>,
        streams: &[StreamId],
    ) -> Result<Vec<Option<Item>>, Failure> {
        let get = |stream: &StreamId| Get::new(&side.rows, stream.as_str(), Consistency::Strong);
        let gets: Vec<Get> = streams.iter().map(get).collect();
        self.tables.get_all(&gets).await
    }
}

fn put(rows: &mut [Option<Item>], place: usize, row: Option<Item>) {
    if let Some(slot) = rows.get_mut(place) {
        *slot = row;
    }
}

/// Returns whether two rows are at the same version of the same history.
fn same_mark(one: Option<&Option<Item>>, other: Option<&Option<Item>>) -> bool {
    let mark = |row: Option<&Option<Item>>| row.and_then(Option::as_ref).map(Mark::of);
    mark(one) == mark(other)
}
