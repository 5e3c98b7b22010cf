//! The loop itself.
//!
//! # Invariants
//!
//! 1. The machine sees inputs one at a time, and everything that its step asks for is begun before
//!    the next input is taken.
//! 2. A step is published before others are woken by it: whoever sees the counter of
//!    [`Activity`](crate::activity::Activity) unchanged since a poll that found nothing may
//!    conclude that nothing is on its way.
//! 3. The loop ends when the machine has ended, no upkeep goes on and, where it matters, no read:
//!    nothing half-received is dropped, and what was done is deleted from its queue.
//!
//! # Example
//!
//! A queue has one message, and is stopped while its function runs:
//!
//! | comes | the machine says | the loop |
//! |---|---|---|
//! | `Start` | `Receive` | begins a read |
//! | the read's end | `Invoke`, `Receive` | begins an invocation and another read |
//! | the stop | | waits for the invocation; the read ends without messages |
//! | the invocation's end | `Delete` | begins the deletion, wakes others |
//! | the deletion's end | `Stopped` | ends, since nothing goes on |

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::machine::{IllegalInput, Machine};
use super::port::{Done, InputOf, Performed, Port, Work};
use crate::pace::wait::until;
use crate::running::stopped;
use lambda_shapes::moment::Moment;

/// Runs a machine until it has ended: after `stop`, or by itself. `first` is what it is given at
/// once.
///
/// # Errors
/// The machine does not allow an input. What is going on is dropped then.
pub(crate) async fn drive<P: Port>(
    mut machine: P::Machine,
    mut port: P,
    first: Option<InputOf<P>>,
    mut stop: watch::Receiver<bool>,
) -> Result<P::End, IllegalInput> {
    let mut running = InFlight::<P>::default();
    let mut timer: Option<Moment> = None;
    let mut end: Option<P::End> = None;
    let mut stopping = false;
    let mut inputs: Vec<InputOf<P>> = first.into_iter().collect();
    let mut progress = false;
    loop {
        for input in inputs {
            let actions = machine.handle(input, Moment::now())?;
            timer = None;
            for action in actions {
                match port.perform(action) {
                    Performed::Work(work) => running.begin(work),
                    Performed::Later => {}
                    Performed::WaitUntil(moment) => timer = Some(moment),
                    Performed::End(how) => end = Some(how),
                }
            }
        }
        port.settle(&machine).into_iter().for_each(|work| running.begin(work));
        port.publish(&machine, running.upkeep);
        if progress {
            port.activity().bump();
        }
        if !running.must_end()
            && let Some(end) = end.take()
        {
            port.close().await;
            return Ok(end);
        }
        (inputs, progress) = tokio::select! {
            () = stopped(&mut stop), if !stopping => {
                stopping = true;
                (vec![P::Machine::stop()], false)
            }
            Some(done) = running.next(), if !running.work.is_empty() => {
                let progress = P::is_progress(&done);
                let inputs = match done {
                    Done::Read(read) => port.received(&machine, read),
                    Done::Input(input) => vec![input],
                    Done::Upkeep => Vec::new(),
                };
                (inputs, progress)
            }
            () = until(timer), if timer.is_some() => (vec![P::Machine::timer_due()], false),
        };
    }
}

/// Work that is going on.
struct InFlight<P: Port> {
    work: FuturesUnordered<BoxFuture<'static, Done<InputOf<P>, P::Read>>>,
    reads: usize,
    upkeep: usize,
}

impl<P: Port> Default for InFlight<P> {
    fn default() -> Self {
        Self { work: FuturesUnordered::new(), reads: 0, upkeep: 0 }
    }
}

impl<P: Port> InFlight<P> {
    fn begin(&mut self, work: Work<InputOf<P>, P::Read>) {
        self.work.push(match work {
            Work::Read(read) => {
                self.reads += 1;
                read.map(Done::Read).boxed()
            }
            Work::Input(input) => input.map(Done::Input).boxed(),
            Work::Upkeep(upkeep) => {
                self.upkeep += 1;
                upkeep.map(|()| Done::Upkeep).boxed()
            }
        });
    }

    async fn next(&mut self) -> Option<Done<InputOf<P>, P::Read>> {
        let done = self.work.next().await?;
        match &done {
            Done::Read(_) => self.reads -= 1,
            Done::Input(_) => {}
            Done::Upkeep => self.upkeep -= 1,
        }
        Some(done)
    }

    /// Something goes on that a machine which has ended must not leave behind.
    fn must_end(&self) -> bool {
        self.upkeep > 0 || (P::READS_END && self.reads > 0)
    }
}
