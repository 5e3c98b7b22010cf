//! The interface of the machines for the engine's own queues.

use crate::driver::Machine;
use lambda_shapes::moment::Moment;

/// A machine for the events in one of the engine's own queues.
pub(crate) trait EventMachine: Machine {
    /// Returns the number of events that may be received now.
    fn room(&self, now: Moment) -> usize;

    /// Returns whether the machine knows of no unfinished event, in memory or in the queue.
    fn is_idle(&self) -> bool;

    /// Returns the input for a receive that began at this moment and found the queue empty.
    fn empty(began: Moment) -> Self::Input;
}
