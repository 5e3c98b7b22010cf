//! One invocation as the faults see it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::site::Site;

/// What is to happen to the environment that an invocation gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// It is killed in place of being handed the invocation.
    pub kill_before: bool,
    /// It is killed this long after it was handed the invocation, if it still works on it.
    pub kill_during: Option<Duration>,
    /// It is killed once it has answered.
    pub kill_after: bool,
    /// Its time is up after this instead of the function's timeout.
    pub time_out: Option<Duration>,
}

/// What an environment works on.
#[derive(Clone, Debug)]
pub(crate) enum Work {
    /// An invocation under faults.
    Trial(Arc<Trial>),
    /// An invocation that is spared them: an operator's.
    Spared,
    /// None: it initialises, or is between invocations.
    Nothing,
}

/// An invocation under faults: what it is known by, what its environment is to suffer, and which AWS calls it has made.
#[derive(Debug)]
pub struct Trial {
    site: Site,
    fate: Fate,
    calls: Mutex<HashMap<String, u32>>,
}

impl Trial {
    /// The invocation at this site.
    pub(super) fn new(site: Site, fate: Fate) -> Self {
        Self { site, fate, calls: Mutex::default() }
    }

    /// What its environment is to suffer.
    #[must_use]
    pub fn fate(&self) -> Fate {
        self.fate
    }

    /// The site of the next call of this operation.
    pub(super) fn call(&self, operation: &str) -> Site {
        let mut calls = self.calls.lock();
        let call = calls.entry(operation.to_owned()).or_default();
        *call += 1;
        Site { operation: Some(operation.to_owned()), call: *call, ..self.site.clone() }
    }
}
