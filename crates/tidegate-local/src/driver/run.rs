//! The loop that runs a state machine.
//!
//! A step is one turn of the loop: inputs go into the machine, and their actions are begun. Then
//! the loop waits for finished work, the timer or the stop, which give the inputs of the next step.
//!
//! # Invariants
//!
//! 1. The machine gets inputs one at a time. All actions of an input are begun before the next
//!    input.
//! 2. The status is published before others are woken. So whoever polled in vain and still sees the
//!    same value of the counter [`Activity`](crate::activity::Activity) may conclude that nothing
//!    is on its way.
//! 3. The loop ends only when the machine has ended and no upkeep is in flight. If
//!    [`Port::READS_END`] is set, no read is in flight either. So no received message is dropped,
//!    and every handled message is deleted from its queue.
//!
//! # Example
//!
//! A queue has one message, and a stop comes while the function runs:
//!
//! | what happens | input | actions | what the loop does |
//! |---|---|---|---|
//! | the loop begins | `Start` | `Receive` | begins a read |
//! | the read ends | `Received` | `Invoke`, `Receive` | begins an invocation and another read |
//! | the stop comes | `Stop` | | waits for the invocation; the read ends empty |
//! | the invocation ends | `Answered` | `Delete` | begins the deletion, wakes others |
//! | the deletion ends | `Deleted` | `Stopped` | ends, because nothing is in flight |

use futures::StreamExt;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::FuturesUnordered;
use tokio::sync::watch;

use super::machine::{IllegalInput, Machine};
use super::port::{Done, InputOf, Performed, Port, Work};
use crate::pace::wait::until;
use crate::running::stopped;
use lambda_shapes::moment::Moment;

/// Runs a machine until it has ended: after `stop`, or by itself.
///
/// The machine gets `first` at once, if there is one.
///
/// # Errors
/// The machine does not allow an input. Work in flight is dropped then.
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

/// Work in flight, with the counts that decide when the loop may end.
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

    /// Returns whether work is in flight that must not be dropped after the machine has ended.
    fn must_end(&self) -> bool {
        self.upkeep > 0 || (P::READS_END && self.reads > 0)
    }
}
