//! What an invocation carries of the faults that it is subject to.
//!
//! The faults decide before the invocation, its environment carries out what concerns it, and the
//! proxy asks when the process makes a call. None of the three knows the others by this.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// What happens to the environment that an invocation gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The environment is killed in place of getting the invocation.
    pub kill_before: bool,
    /// The environment is killed this long after it got the invocation, if it still works on it.
    pub kill_during: Option<Duration>,
    /// The environment is killed once it has answered.
    pub kill_after: bool,
    /// The invocation ends after this time in place of the function's timeout.
    pub time_out: Option<Duration>,
}

/// What an environment works on.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// An invocation under faults.
    Trial(Arc<Trial>),
    /// An invocation without faults: an operator's.
    Spared,
    /// No invocation: the environment initialises, or is between invocations.
    Nothing,
}

/// An invocation under faults: what it is known by, what is to happen to its environment, and which
/// AWS calls it has made.
#[derive(Debug)]
pub struct Trial {
    function: String,
    delivery: String,
    attempt: u32,
    fate: Fate,
    calls: Mutex<HashMap<String, u32>>,
}

impl Trial {
    /// The invocation of a function with a delivery, by a digest of what identifies it, for the
    /// `attempt`th time, from 1.
    pub(crate) fn new(function: &str, delivery: &str, attempt: u32, fate: Fate) -> Self {
        let (function, delivery) = (function.to_owned(), delivery.to_owned());
        Self { function, delivery, attempt, fate, calls: Mutex::default() }
    }

    /// The function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// What is delivered, by a digest of what identifies it.
    pub(crate) fn delivery(&self) -> &str {
        &self.delivery
    }

    /// Ordinal of this invocation among those with the delivery, starting at 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// What is to happen to its environment.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Counts a call of an operation. Returns how many it has made now.
    pub(crate) fn next_call(&self, operation: &str) -> u32 {
        let mut calls = self.calls.lock();
        let call = calls.entry(operation.to_owned()).or_default();
        *call += 1;
        *call
    }
}
