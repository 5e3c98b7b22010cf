//! Walks over a segment of a table, and stops in time.

use std::sync::Arc;
use std::time::Duration;

use serde_dynamo::Item;
use tokio::time::Instant;

use super::answer::Answer;
use super::request::Request;
use crate::failure::Failure;
use crate::query::{Consistency, NextPage, Query, Table, TableReader};

/// Most items of a page. A page is handled as one batch.
const PAGE: u32 = 500;

/// A walk over a segment of a table, page by page.
pub(super) struct Walk {
    tables: Arc<dyn TableReader>,
    query: Query,
    /// Where the next page begins.
    from: Option<NextPage>,
    /// Where the page behind the one that is handled begins. `None`: at the end.
    behind: Option<NextPage>,
    ended: bool,
    /// Items that may still be read.
    left: u32,
    deadline: Instant,
    begun: Option<Instant>,
    longest: Duration,
    /// Number of pages that are handled.
    handled: u32,
}

impl Walk {
    /// Begins where the request says.
    ///
    /// # Errors
    /// `rebuild_request` (permanent): the place is not one of this table.
    pub(super) fn new(
        tables: &Arc<dyn TableReader>,
        table: &Table,
        only: &[&str],
        request: &Request,
        deadline: Instant,
    ) -> Result<Self, Failure> {
        let query = Query::of_whole_table(table, Consistency::Strong)
            .segment(request.segment, request.segments)
            .only(only.iter().copied());
        let foreign = || {
            let reason = "not a request for a rebuild: `from` is not a place of this table";
            Failure::permanent("rebuild_request", reason)
        };
        let from = request.from.as_deref();
        let from =
            from.map(|from| NextPage::from_text(from, &query).ok_or_else(foreign)).transpose()?;
        Ok(Self {
            tables: Arc::clone(tables),
            query,
            from,
            behind: None,
            ended: false,
            left: request.limit,
            deadline,
            begun: None,
            longest: Duration::ZERO,
            handled: 0,
        })
    }

    /// Reads the next page. `None`: the segment or the limit is reached, or there may be too little
    /// time for another page. The first page is always read.
    pub(super) async fn page(&mut self) -> Result<Option<Vec<Item>>, Failure> {
        let now = Instant::now();
        let short = self.handled > 0 && self.deadline < now + self.longest * 2;
        if self.ended || self.left == 0 || short {
            return Ok(None);
        }
        self.begun = Some(now);
        let query = self.query.clone().limit(self.left.min(PAGE));
        let page = match self.tables.page(&query, self.from.as_ref()).await {
            Ok(page) => page,
            // What is handled already counts. The next walk meets the failure again.
            Err(_) if self.handled > 0 => return Ok(None),
            Err(failure) => return Err(failure),
        };
        self.behind = page.next;
        let read = u32::try_from(page.items.len()).unwrap_or(u32::MAX);
        self.left = self.left.saturating_sub(read.max(1));
        Ok(Some(page.items))
    }

    /// Takes what a page led to, and goes on behind it. Returns whether there may be another page.
    ///
    /// # Errors
    /// The failure, if no page is handled.
    pub(super) fn take(
        &mut self,
        answer: &mut Answer,
        page: Result<Answer, Failure>,
    ) -> Result<bool, Failure> {
        match page {
            Ok(page) => answer.merge(page),
            Err(_) if self.handled > 0 => return Ok(false),
            Err(failure) => return Err(failure),
        }
        self.handled += 1;
        self.from = self.behind.take();
        self.ended = self.from.is_none();
        self.longest = self.longest.max(self.begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
        Ok(true)
    }

    /// Completes the answer with where the next walk goes on.
    pub(super) fn end(self, answer: Answer) -> Result<Answer, Failure> {
        let next = match self.from.filter(|_| !self.ended) {
            Some(next) => Some(next.to_text(&self.query).ok_or_else(|| {
                Failure::permanent("rebuild", "the keys of the table are not those of its query")
            })?),
            None => None,
        };
        Ok(Answer { next, ..answer })
    }
}
