//! What the loop needs of the world, per kind of machine.

use futures::future::BoxFuture;

use super::machine::Machine;
use crate::activity::Activity;
use lambda_shapes::moment::Moment;

/// The input of a port's machine.
pub(crate) type InputOf<P> = <<P as Port>::Machine as Machine>::Input;
type ActionOf<P> = <<P as Port>::Machine as Machine>::Action;

/// Carries out what one kind of machine says.
///
/// Everything here returns at once. What takes time is given back as [`Work`], which the loop runs
/// beside everything else.
pub(crate) trait Port {
    /// The machine.
    type Machine: Machine;
    /// What a read of the source brings.
    type Read: Send + 'static;
    /// How the machine ends.
    type End;

    /// Whether a read that is on its way has to end before the loop does: what a dropped receive
    /// brings would stay hidden in its queue. What a shard's read brings is read again.
    const READS_END: bool;

    /// The counter by which others notice that something was done.
    fn activity(&self) -> &Activity;

    /// Begins what an action asks for.
    fn perform(&mut self, action: ActionOf<Self>) -> Performed<Self>;

    /// Called when the actions of a step are begun: stores and begins what they add up to.
    fn settle(&mut self, machine: &Self::Machine) -> Vec<Work<InputOf<Self>, Self::Read>>;

    /// Takes in what a read of the source brought.
    fn received(&mut self, machine: &Self::Machine, read: Self::Read) -> Vec<InputOf<Self>>;

    /// Whether others have to look at their sources again after this: it may have written to them.
    fn is_progress(done: &Done<InputOf<Self>, Self::Read>) -> bool {
        matches!(done, Done::Input(_))
    }

    /// Writes down how the machine stands. `upkeep` is the number of [`Work::Upkeep`] that goes on.
    fn publish(&mut self, machine: &Self::Machine, upkeep: usize);

    /// Gives back what is left, once the machine has ended and no upkeep goes on.
    fn close(self) -> impl Future<Output = ()> + Send;
}

/// What becomes of an action.
pub(crate) enum Performed<P: Port + ?Sized> {
    /// Work is to be begun.
    Work(Work<InputOf<P>, P::Read>),
    /// Nothing yet: [`Port::settle`] does it together with others.
    Later,
    /// The machine is to be given [`Machine::timer_due`] at this moment, unless another step comes
    /// before.
    WaitUntil(Moment),
    /// The machine has ended. What must be finished all the same is: see [`super::drive`].
    End(P::End),
}

/// Something that takes time.
pub(crate) enum Work<I, R> {
    /// Reads the source.
    Read(BoxFuture<'static, R>),
    /// Ends with an input for the machine.
    Input(BoxFuture<'static, I>),
    /// Has no end that the machine knows of, as an extension or a deletion. The loop does not end
    /// before it.
    Upkeep(BoxFuture<'static, ()>),
}

/// The end of [`Work`].
pub(crate) enum Done<I, R> {
    /// What was read.
    Read(R),
    /// What the machine is told.
    Input(I),
    /// An upkeep is over.
    Upkeep,
}
