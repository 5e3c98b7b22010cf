//! The interface between the loop and the outside world, implemented once per kind of machine.

use futures::future::BoxFuture;

use super::machine::Machine;
use crate::activity::Activity;
use lambda_shapes::moment::Moment;

/// Input type of a port's machine.
pub(crate) type InputOf<P> = <<P as Port>::Machine as Machine>::Input;
type ActionOf<P> = <<P as Port>::Machine as Machine>::Action;

/// Carries out the actions of one kind of machine.
///
/// Its methods return at once, except for [`close`](Self::close). They return anything that takes
/// time as [`Work`], and the loop runs all work concurrently.
pub(crate) trait Port {
    /// The kind of machine.
    type Machine: Machine;
    /// Result of a read of the source.
    type Read: Send + 'static;
    /// How a machine can end.
    type End;

    /// Whether the loop must wait for a pending read before it ends.
    ///
    /// True for a queue: messages of a dropped receive would stay hidden until their visibility
    /// timeout ends. False for a shard: its records are read again from the checkpoint.
    const READS_END: bool;

    /// Returns the counter that shows others that something was done.
    fn activity(&self) -> &Activity;

    /// Begins an action.
    fn perform(&mut self, action: ActionOf<Self>) -> Performed<Self>;

    /// Ends a step, once all its actions were begun.
    ///
    /// Returns the work for the actions that [`perform`](Self::perform) put off with
    /// [`Performed::Later`], for example one deletion for many messages.
    fn settle(&mut self, machine: &Self::Machine) -> Vec<Work<InputOf<Self>, Self::Read>>;

    /// Converts the result of a read into inputs for the machine.
    fn received(&mut self, machine: &Self::Machine, read: Self::Read) -> Vec<InputOf<Self>>;

    /// Returns whether this work may have written to a source of others.
    ///
    /// They must then poll their sources again before they count as idle.
    fn is_progress(done: &Done<InputOf<Self>, Self::Read>) -> bool {
        matches!(done, Done::Input(_))
    }

    /// Updates the status from the state of the machine.
    ///
    /// `upkeep` is the number of [`Work::Upkeep`] in flight.
    fn publish(&mut self, machine: &Self::Machine, upkeep: usize);

    /// Returns what the port still holds to the source. The loop calls it last, when the machine
    /// has ended and no upkeep is in flight.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What the loop must do for an action.
pub(crate) enum Performed<P: Port + ?Sized> {
    /// Run this work.
    Work(Work<InputOf<P>, P::Read>),
    /// Nothing yet: [`Port::settle`] carries out the action, together with others of the step.
    Later,
    /// Pass [`Machine::timer_due`] to the machine at this moment, unless another step comes first.
    WaitUntil(Moment),
    /// End, because the machine has ended. [`super::drive`] first waits for the work that must not
    /// be dropped.
    End(P::End),
}

/// Something that takes time. The loop runs it in the background.
pub(crate) enum Work<I, R> {
    /// A read of the source. [`Port::received`] converts its result.
    Read(BoxFuture<'static, R>),
    /// Work that ends with an input for the machine, such as an invocation.
    Input(BoxFuture<'static, I>),
    /// Work whose end does not matter to the machine, such as an extension of a visibility timeout.
    ///
    /// The loop waits for it before it ends.
    Upkeep(BoxFuture<'static, ()>),
}

/// Result of finished [`Work`].
pub(crate) enum Done<I, R> {
    /// Result of the read.
    Read(R),
    /// Input for the machine.
    Input(I),
    /// Upkeep has ended.
    Upkeep,
}
