//! Inputs and actions of the state machine of all schedules.

use std::fmt;

use jiff::Timestamp;
use lambda_shapes::moment::Moment;

use super::key::Key;
use super::progress::Progress;
use super::refusal::{GivenUp, Refusal};
use super::spec::Spec;

/// An input of the state machine: something that happened.
#[derive(Debug)]
pub enum Input {
    /// A schedule was created, changed, or found at the start of the engine.
    Put {
        /// The schedule.
        key: Key,
        /// Its definition.
        spec: Box<Spec>,
        /// What an earlier engine has left of it.
        progress: Option<Progress>,
    },
    /// A schedule was deleted. What it owes is forgotten.
    Removed {
        /// The schedule.
        key: Key,
    },
    /// Somebody asked for one firing now.
    Fire {
        /// The schedule.
        key: Key,
    },
    /// The target was called.
    Tried {
        /// The schedule.
        key: Key,
        /// Number of the firing.
        firing: u64,
        /// Success, or how the try failed.
        result: Result<(), Refusal>,
        /// Random number from 0 to 1 that spreads the wait before the next try.
        jitter: f64,
    },
    /// The hand-over of a dead letter has ended: it has arrived in its queue or is lost.
    Parked {
        /// The schedule.
        key: Key,
        /// Number of the firing.
        firing: u64,
    },
    /// The moment of [`Action::WaitUntil`] has come.
    TimerDue,
    /// Nothing new may begin from now on.
    Stop,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, .. } => write!(f, "the definition of {key}"),
            Self::Removed { key } => write!(f, "the deletion of {key}"),
            Self::Fire { key } => write!(f, "a request to fire {key}"),
            Self::Tried { key, firing, .. } => write!(f, "a try of firing {firing} of {key}"),
            Self::Parked { key, firing } => {
                write!(f, "the dead letter of firing {firing} of {key}")
            }
            Self::TimerDue => f.write_str("a timer"),
            Self::Stop => f.write_str("a stop"),
        }
    }
}

/// An action for the driver to carry out.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Store how far a schedule has come, before the actions that follow.
    Keep {
        /// The schedule.
        key: Key,
        /// What to store.
        progress: Progress,
    },
    /// Forget what was stored of a schedule.
    Forget {
        /// The schedule.
        key: Key,
    },
    /// Call the target.
    HandOver {
        /// The schedule.
        key: Key,
        /// Number of the firing.
        firing: u64,
        /// The time of the schedule for which it fires.
        scheduled: Timestamp,
        /// Number of the try, from 1.
        attempt: u32,
    },
    /// Send a dead letter to the schedule's dead-letter queue.
    Park {
        /// The schedule.
        key: Key,
        /// Number of the firing.
        firing: u64,
        /// The time of the schedule for which it fires.
        scheduled: Timestamp,
        /// Why it was given up.
        given_up: GivenUp,
    },
    /// Delete a schedule that will not fire again, if its definition still is this version.
    Delete {
        /// The schedule.
        key: Key,
        /// Version of the definition.
        revision: u64,
    },
    /// Give [`Input::TimerDue`] at this moment.
    ///
    /// It replaces the timer of the step before. A step without this action removes that timer.
    WaitUntil(Moment),
    /// Nothing is in flight any more after [`Input::Stop`].
    Stopped,
}
