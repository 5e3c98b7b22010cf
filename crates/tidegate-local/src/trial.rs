//! The faults of one invocation, carried along with it.
//!
//! The faults are drawn before the invocation. Its environment carries out those that concern it.
//! The proxy looks up the invocation when its process makes an AWS call. So these three parts need
//! not know each other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// What faults do to the environment that gets an invocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// The environment is killed in place of getting the invocation.
    pub kill_before: bool,
    /// The environment is killed this long after it got the invocation, or when it answers sooner.
    /// Its answer is lost.
    pub kill_during: Option<Duration>,
    /// The environment is killed once it has answered.
    pub kill_after: bool,
    /// The invocation times out after this time, or when the function answers sooner. The answer
    /// is lost.
    pub time_out: Option<Duration>,
}

/// What an environment works on.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// An invocation under faults.
    Trial(Arc<Trial>),
    /// An invocation without faults, because an operator made it.
    Spared,
    /// No invocation: the environment initialises, or is between invocations.
    Nothing,
}

/// An invocation under faults: its identity, the fate of its environment, and its AWS calls by
/// operation.
#[derive(Debug)]
pub struct Trial {
    function: String,
    delivery: String,
    attempt: u32,
    fate: Fate,
    calls: Mutex<HashMap<String, u32>>,
}

impl Trial {
    /// Creates the `attempt`th invocation, starting at 1, of a function with a delivery.
    ///
    /// `delivery` is a digest of what identifies the delivery.
    pub(crate) fn new(function: &str, delivery: &str, attempt: u32, fate: Fate) -> Self {
        let (function, delivery) = (function.to_owned(), delivery.to_owned());
        Self { function, delivery, attempt, fate, calls: Mutex::default() }
    }

    /// Returns the name of the function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// Returns the digest of what identifies the delivery.
    pub(crate) fn delivery(&self) -> &str {
        &self.delivery
    }

    /// Returns the ordinal of this invocation among those with the delivery, starting at 1.
    pub(crate) fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns what happens to the environment.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// Counts a call of an operation. Returns the number of its calls up to now.
    pub(crate) fn next_call(&self, operation: &str) -> u32 {
        let mut calls = self.calls.lock();
        let call = calls.entry(operation.to_owned()).or_default();
        *call += 1;
        *call
    }
}
