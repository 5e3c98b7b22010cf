//! Proves that a generation is equal to its reference while no writer moves, and moves the pointer.

use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream;
use jiff::Timestamp;
use terminal::escape::escaped;
use terminal::output;
use terminal::problem::Problem;
use tidegate::generation::Pointer;
use tidegate::rebuild::{
    Answer, Difference, Naming, Proof, Reference, Request, Step, Verdict, Work,
};

use super::place::Place;
use super::work::Worker;

/// Time for which a fence stays closed after each change. Writers wait so long if the command dies.
const FENCE: Duration = Duration::from_secs(30);
/// Time after which it is closed for longer.
const BEAT: Duration = Duration::from_secs(8);
/// Proofs behind one fence, if rows move during the first: writes that were under way.
const PROOFS: u32 = 5;
/// Most items that are read for one answer: of rows that are compared, and of sums.
const ROWS: u32 = 1_000;
const SUMS: u32 = 5_000;

/// The proof of a generation, as its command carries it out.
pub(super) struct Prove<'a> {
    pub(super) place: &'a Place<'a>,
    pub(super) worker: &'a Worker<'a>,
    pub(super) owner: &'a str,
    pub(super) generation: u32,
    pub(super) reference: Reference,
    pub(super) segments: u32,
    pub(super) parallel: usize,
}

/// How a proof ended.
pub(super) enum Proven {
    /// The pointer has moved: number of rows, and for how long writers waited.
    Moved { rows: u64, pause: Duration, pointer: Pointer },
    /// Rows or counters differ: number of rows, and some of what differs. Nothing has moved.
    Different { rows: u64, named: Vec<Difference> },
    /// Somebody wants the command to end. Nothing has moved.
    Interrupted,
}

impl Prove<'_> {
    /// Compares once beside the writers, so that they need not wait for a difference to be found.
    /// Then closes the fence, compares again, and moves the pointer.
    ///
    /// # Errors
    /// A step failed for good. The fence may still be closed: it opens with
    /// [`Pointer::left`], or by itself.
    pub(super) async fn run(&self) -> Result<Proven, Problem> {
        output::note(&format!("{}: comparing beside the writers", self.named()));
        let mut first = Proof::new(self.generation, self.reference);
        let verify = first.steps().into_iter().filter(|step| step.work() == Work::Verify);
        for step in verify.collect::<Vec<_>>() {
            self.step(step, &mut |answer| first.take(step, answer), &[]).await?;
        }
        if let Verdict::Different { rows, named, .. } = first.verdict() {
            return Ok(Proven::Different { rows, named });
        }
        if self.worker.interrupted.is_set() {
            return Ok(Proven::Interrupted);
        }
        output::note(&format!("{}: holding back the writers", self.named()));
        let began = Instant::now();
        self.close().await?;
        let ended = self.behind_the_fence(began).await;
        if !matches!(ended, Ok(Proven::Moved { .. })) {
            let opened = self.place.change(|pointer| Ok(pointer.open(self.owner))).await;
            let waited = began.elapsed().as_secs_f64();
            match opened {
                Ok(_) => output::note(&format!("writers go on after {waited:.1} s")),
                Err(problem) => output::note(&format!("writers wait for {FENCE:?}: {problem}")),
            }
        }
        ended
    }

    async fn behind_the_fence(&self, began: Instant) -> Result<Proven, Problem> {
        self.beside_the_fence(tokio::time::sleep(Proof::SETTLE)).await?;
        let mut last = String::new();
        for _ in 0..PROOFS {
            let mut proof = Proof::new(self.generation, self.reference);
            for step in proof.steps() {
                self.step(step, &mut |answer| proof.take(step, answer), &[]).await?;
                if self.worker.interrupted.is_set() {
                    return Ok(Proven::Interrupted);
                }
            }
            match proof.verdict() {
                Verdict::Proven { rows } => {
                    let moved = self.place.change(|pointer| {
                        pointer.moved(self.generation, self.owner, Timestamp::now())
                    });
                    let pointer = moved.await?;
                    return Ok(Proven::Moved { rows, pause: began.elapsed(), pointer });
                }
                Verdict::Different { rows, mut named, buckets } => {
                    if !buckets.is_empty() {
                        named.extend(self.counters(&proof, buckets).await?);
                    }
                    return Ok(Proven::Different { rows, named });
                }
                Verdict::Unsettled { what } => {
                    output::note(&escaped(&format!("{}: {what}; comparing again", self.named())));
                    last = what;
                }
                _ => return Err(Problem::new("this command is older than the toolkit's proofs")),
            }
        }
        Err(Problem::new(format!(
            "{} did not come to rest in {PROOFS} comparisons: {last}; nothing has moved: run the \
             command again",
            self.named()
        )))
    }

    /// Names the counters that differ.
    async fn counters(&self, proof: &Proof, buckets: Vec<u8>) -> Result<Vec<Difference>, Problem> {
        let mut naming = Naming::new(proof, buckets.clone());
        for step in naming.steps().to_vec() {
            self.step(step, &mut |answer| naming.take(&step, answer), &buckets).await?;
        }
        Ok(naming.differences())
    }

    /// Carries a step out over all of its segments.
    async fn step(
        &self,
        step: Step,
        take: &mut impl FnMut(Answer),
        buckets: &[u8],
    ) -> Result<(), Problem> {
        let request = step.request(self.place.name, self.owner).buckets(buckets.to_vec());
        let request = request.limit(if step.work() == Work::Verify { ROWS } else { SUMS });
        let pieces = (0..self.segments)
            .map(|number| self.segment(request.clone().segment(number, self.segments)));
        let mut pieces = stream::iter(pieces).buffer_unordered(self.parallel);
        let all = async {
            while let Some(answers) = pieces.next().await {
                answers?.into_iter().for_each(&mut *take);
            }
            Ok::<(), Problem>(())
        };
        self.beside_the_fence(all).await?
    }

    /// Carries a step out over one segment.
    async fn segment(&self, mut request: Request) -> Result<Vec<Answer>, Problem> {
        let mut answers = Vec::new();
        loop {
            let answer = self.worker.ask(&request).await?;
            let next = answer.next.clone();
            answers.push(answer);
            if next.is_none() {
                return Ok(answers);
            }
            request = request.from(next);
        }
    }

    /// Keeps the rebuild, and the fence if it is closed, while something goes on.
    async fn beside_the_fence<T>(&self, work: impl Future<Output = T>) -> Result<T, Problem> {
        let mut work = std::pin::pin!(work);
        let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + BEAT, BEAT);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                _ = beat.tick() => self.keep().await?,
            }
        }
    }

    async fn keep(&self) -> Result<(), Problem> {
        let kept = self.place.change(|pointer| {
            let now = Timestamp::now();
            match pointer.closed(now) {
                Some(fence) if fence.owner == self.owner => pointer.close(self.owner, FENCE, now),
                _ => pointer.renewed(self.owner, now),
            }
        });
        kept.await.map(drop)
    }

    async fn close(&self) -> Result<(), Problem> {
        let closed =
            self.place.change(|pointer| pointer.close(self.owner, FENCE, Timestamp::now()));
        closed.await.map(drop)
    }

    fn named(&self) -> String {
        self.place.named(self.generation)
    }
}
