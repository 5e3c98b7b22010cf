//! Faults of an engine: from its options to what injects them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::environment::Fleet;
use crate::fault::{Calls, FaultPlan, Faults, Invocations, Journal, variables};
use crate::invocation::Invoker;
use crate::proxy::Hook;

/// The name of the journal in the state directory.
const JOURNAL: &str = "faults.jsonl";

/// Which faults are injected.
#[derive(Clone, Debug, Default)]
pub struct Injection {
    /// How faults are drawn, and which clocks are wrong.
    pub plan: FaultPlan,
    /// The journal of an engine before: its faults are injected in place of drawn ones.
    pub again: Option<PathBuf>,
}

/// What injects faults, if anything does.
#[derive(Clone, Debug, Default)]
pub(super) struct Injector(Option<(Arc<Faults>, Arc<Calls>)>);

impl Injector {
    pub(super) fn new(injection: Option<&Injection>, state_dir: &Path) -> Result<Self, StartError> {
        let Some(injection) = injection else { return Ok(Self(None)) };
        let journal = state_dir.join(JOURNAL);
        // Read first: it may be the one that is written now.
        let faults = match &injection.again {
            Some(before) => Faults::again(Journal::read(before)?, injection.plan.clone(), &journal)?,
            None => Faults::drawn(injection.plan.clone(), &journal)?,
        };
        let faults = Arc::new(faults);
        let calls = Arc::new(Calls::new(Arc::clone(&faults)));
        Ok(Self(Some((faults, calls))))
    }

    pub(super) fn faults(&self) -> Option<Arc<Faults>> {
        self.0.as_ref().map(|(faults, _)| Arc::clone(faults))
    }

    pub(super) fn hooks(&self) -> Vec<Arc<dyn Hook>> {
        self.0.iter().map(|(_, calls)| -> Arc<dyn Hook> { Arc::<Calls>::clone(calls) }).collect()
    }

    /// The variables that make a function's clock wrong.
    pub(super) fn clock(&self, function: &str) -> Result<Vec<(String, String)>, StartError> {
        let skew = self.0.as_ref().and_then(|(faults, _)| faults.skew(function));
        Ok(skew.map(variables).transpose()?.unwrap_or_default())
    }

    /// The functions as what delivers sees them.
    pub(super) fn invoker(&self, fleet: &Arc<Fleet>, time_scale: f64) -> Arc<dyn Invoker> {
        match &self.0 {
            None => Arc::<Fleet>::clone(fleet),
            Some((faults, calls)) => {
                calls.know(fleet);
                Arc::new(Invocations::new(Arc::clone(faults), Arc::<Fleet>::clone(fleet), time_scale))
            }
        }
    }
}
