//! Folds the event store into a generation, segment by segment.

use std::collections::VecDeque;
use std::time::Duration;

use futures::FutureExt as _;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::generation::{Pointer, Rebuild, Segment};
use tidegate::rebuild::{Answer, Request, Work};

use super::place::Place;
use super::progress::Progress;
use super::work::Worker;

/// Most items that are folded for one answer. How far a segment is folded is written after each.
const PIECE: u32 = 500;
/// Time after which the rebuild is claimed again, while pieces take long.
const BEAT: Duration = Duration::from_secs(15);

/// The fold of a generation, as its command carries it out.
pub(super) struct Fold<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) worker: &'a Worker<'a>,
    pub(super) owner: &'a str,
    pub(super) generation: u32,
    /// Pieces that are folded at the same time.
    pub(super) parallel: usize,
    pub(super) rate: Option<f64>,
}

/// A piece that was folded: its segment, how far that is folded now, and the answer.
type Piece = (u32, Segment, Answer);

impl Fold<'_> {
    /// Folds what is left of all segments. Returns whether the work came to its end; otherwise it
    /// was interrupted.
    ///
    /// # Errors
    /// A piece failed for good, or the rebuild belongs to somebody else by now.
    pub(super) async fn run(
        &self,
        pointer: Pointer,
        mut progress: Progress,
    ) -> Result<bool, Problem> {
        let mut rebuild = rebuild_of(&pointer)?;
        let count = u32::try_from(rebuild.segments.len()).unwrap_or(u32::MAX);
        let mut waiting: VecDeque<u32> = rebuild.left().into();
        let mut running = FuturesUnordered::new();
        let mut failed = None;
        let mut beat = tokio::time::interval(BEAT);
        loop {
            while failed.is_none() && !self.worker.interrupted.is_set() {
                if running.len() >= self.parallel || waiting.is_empty() {
                    break;
                }
                tokio::time::sleep(progress.pause(self.rate)).await;
                let Some(number) = waiting.pop_front() else { break };
                let known = segment(&rebuild, number);
                running.push(self.piece(number, count, known));
            }
            let first = tokio::select! {
                first = running.next() => first,
                _ = beat.tick() => {
                    self.claim().await?;
                    continue;
                }
            };
            let Some(first) = first else { break };
            let mut done = Vec::new();
            let mut next = Some(first);
            while let Some(piece) = next {
                match piece {
                    Ok(piece) => done.push(piece),
                    Err(problem) => failed = Some(problem),
                }
                next = running.next().now_or_never().flatten();
            }
            if done.is_empty() {
                continue;
            }
            rebuild = self.record(&done).await?;
            for (number, folded, answer) in &done {
                progress.read(answer.items);
                for parked in &answer.parked {
                    output::note(&escaped(&format!(
                        "{} is parked in {}: {}: {}",
                        parked.stream,
                        self.place.named(self.generation),
                        parked.code,
                        parked.reason
                    )));
                }
                if !folded.done {
                    waiting.push_back(*number);
                }
            }
            let all = rebuild.segments.len();
            progress.note((all - rebuild.left().len(), all), rebuild.streams());
        }
        match failed {
            Some(problem) => Err(problem),
            None => Ok(rebuild.left().is_empty()),
        }
    }

    async fn piece(&self, number: u32, count: u32, known: Segment) -> Result<Piece, Problem> {
        let request = Request::new(self.place.name, self.generation, Work::Fold, self.owner)
            .segment(number, count)
            .from(known.from.clone())
            .limit(self.limit());
        let answer = self.worker.ask(&request).await?;
        let folded = known.after(answer.next.clone(), answer.streams, answer.events);
        Ok((number, folded, answer))
    }

    /// Returns how many items a piece has. With a rate, it is the work of a second at most.
    fn limit(&self) -> u32 {
        let of_a_second =
            (1..=PIECE).rev().find(|limit| self.rate.is_none_or(|rate| f64::from(*limit) <= rate));
        of_a_second.unwrap_or(1)
    }

    /// Writes how far segments are folded.
    async fn record(&self, done: &[Piece]) -> Result<Rebuild, Problem> {
        let record = |pointer: &Pointer| {
            done.iter().try_fold(pointer.clone(), |pointer, (number, folded, _)| {
                pointer.record(self.owner, *number, folded.clone(), Timestamp::now())
            })
        };
        rebuild_of(&self.place.change(record).await?)
    }

    async fn claim(&self) -> Result<(), Problem> {
        self.place.change(|pointer| pointer.renewed(self.owner, Timestamp::now())).await.map(drop)
    }
}

fn rebuild_of(pointer: &Pointer) -> Result<Rebuild, Problem> {
    let gone = || Problem::new("the rebuild has been ended meanwhile; run the command again");
    pointer.rebuild.clone().ok_or_else(gone)
}

fn segment(rebuild: &Rebuild, number: u32) -> Segment {
    let place = usize::try_from(number).ok();
    place.and_then(|place| rebuild.segments.get(place)).cloned().unwrap_or_default()
}
