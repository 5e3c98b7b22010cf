//! What the machines of the engine's own queues have in common.

use crate::driver::Machine;
use lambda_shapes::moment::Moment;

/// A machine of events that lie in a queue of the engine's own.
pub(crate) trait EventMachine: Machine {
    /// How many events may be taken in now.
    fn room(&self, now: Moment) -> usize;

    /// No event is alive, in memory or in the queue.
    fn is_idle(&self) -> bool;

    /// The input for a receive that began at this moment and found the queue empty.
    fn empty(began: Moment) -> Self::Input;
}
