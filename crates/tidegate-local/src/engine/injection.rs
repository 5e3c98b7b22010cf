//! Fault injection of an engine, from its options to the injectors.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::StartError;
use crate::environment::Functions;
use crate::fault::{
    CallFaults, Environments, FaultPlan, Faults, InvocationFaults, Journal, variables,
};
use crate::invocation::Invoker;
use crate::proxy::Hook;

/// Name of the journal in the state directory.
const JOURNAL: &str = "faults.jsonl";

/// Source of the faults to inject.
#[derive(Clone, Debug, Default)]
pub struct Injection {
    /// Plan of the faults, and of the clocks that are wrong.
    pub plan: FaultPlan,
    /// Journal of an earlier engine. Its faults are injected in place of drawn ones.
    pub again: Option<PathBuf>,
}

/// The injectors of faults, if faults are injected.
#[derive(Clone, Debug, Default)]
pub(super) struct Injector(Option<Arc<Faults>>);

impl Injector {
    pub(super) fn new(injection: Option<&Injection>, state_dir: &Path) -> Result<Self, StartError> {
        let Some(injection) = injection else { return Ok(Self(None)) };
        let journal = state_dir.join(JOURNAL);
        // Read first: it may be the file that is written now.
        let faults = match &injection.again {
            Some(before) => {
                Faults::again(Journal::read(before)?, injection.plan.clone(), &journal)?
            }
            None => Faults::drawn(injection.plan.clone(), &journal)?,
        };
        Ok(Self(Some(Arc::new(faults))))
    }

    pub(super) fn faults(&self) -> Option<Arc<Faults>> {
        self.0.clone()
    }

    /// Returns the hook that injects faults into AWS calls of these environments' processes.
    pub(super) fn hook(
        &self,
        environments: Option<Box<dyn Environments>>,
    ) -> Option<Arc<dyn Hook>> {
        let faults = self.0.as_ref()?;
        Some(Arc::new(CallFaults::new(Arc::clone(faults), environments)))
    }

    /// Returns the variables that make a function's clock wrong.
    pub(super) fn clock(&self, function: &str) -> Result<Vec<(String, String)>, StartError> {
        let skew = self.0.as_ref().and_then(|faults| faults.skew(function));
        Ok(skew.map(variables).transpose()?.unwrap_or_default())
    }

    /// Returns the functions, behind the injector of faults if there is one.
    pub(super) fn invoker(
        &self,
        functions: &Arc<dyn Functions>,
        time_scale: f64,
    ) -> Arc<dyn Invoker> {
        let functions: Arc<dyn Invoker> = Arc::<dyn Functions>::clone(functions);
        match &self.0 {
            None => functions,
            Some(faults) => {
                Arc::new(InvocationFaults::new(Arc::clone(faults), functions, time_scale))
            }
        }
    }
}
