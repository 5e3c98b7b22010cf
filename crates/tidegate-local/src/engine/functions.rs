//! Assembles the functions with the faults in front of them and the proxy behind them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::buses::rule_arn;
use super::files;
use super::injection::Injector;
use super::options::Options;
use super::programs::Program;
use super::runner::Runner;
use super::specs::specs;
use super::start_error::StartError;
use crate::archive::{ArchiveCalls, Archives};
use crate::environment::Functions;
use crate::fault::Faults;
use crate::invocation::Invoker;
use crate::provision::Provisioned;
use crate::proxy::billed::TableKeys;
use crate::proxy::{Hook, Ports, Proxy, ResourceCalls};
use crate::wake::Wakes;
use topology::Topology;

/// The parts that exist before the functions.
pub(super) struct Base<'a> {
    pub(super) topology: &'a Topology,
    pub(super) provisioned: &'a Provisioned,
    /// URL of the emulator.
    pub(super) endpoint: &'a str,
    pub(super) state_dir: &'a Path,
    pub(super) options: &'a Options,
    /// What the proxy wakes.
    pub(super) wakes: &'a Arc<Wakes>,
    pub(super) archives: &'a Arc<Archives>,
}

/// The functions with their faults and their proxy.
pub(super) struct AssembledFunctions {
    pub(super) proxy: Proxy,
    pub(super) functions: Arc<dyn Functions>,
    /// Invokes the functions, through the injector of faults if there is one.
    pub(super) invoker: Arc<dyn Invoker>,
    pub(super) faults: Option<Arc<Faults>>,
    pub(super) resource_calls: Arc<ResourceCalls>,
}

impl Base<'_> {
    /// Starts the functions, with faults in front of them and the proxy behind them.
    ///
    /// The proxy's ports are opened first, since the functions need their addresses. They are
    /// served last, since the faults of calls need the functions' environments.
    pub(super) async fn assemble_functions(
        &self,
        runner: Runner,
        programs: BTreeMap<String, Program>,
    ) -> Result<AssembledFunctions, StartError> {
        let Self { topology, provisioned, state_dir, options, .. } = *self;
        let time_scale = options.time_scale;
        let injector = Injector::new(options.faults.as_ref(), state_dir)?;
        let ports = Ports::open(self.endpoint, topology.functions.keys().cloned()).await?;
        files::write_environments(state_dir, topology, provisioned, &ports, time_scale)?;
        let specs = specs(topology, programs, provisioned, &ports, &injector, time_scale)?;
        let ready = runner.functions(specs, options, state_dir)?;
        let resource_calls = Arc::new(ResourceCalls::new(topology));
        // A call that a fault keeps from AWS must not be counted for a resource.
        let mut hooks: Vec<Arc<dyn Hook>> = injector.hook(ready.environments).into_iter().collect();
        hooks.push(Arc::<ResourceCalls>::clone(&resource_calls));
        let calls: Arc<dyn Hook> = Arc::new(self.archive_calls());
        let tables = TableKeys::from_topology(topology);
        let proxy = Proxy::serve(ports, hooks, vec![calls], tables, Arc::clone(self.wakes));
        let invoker = injector.invoker(&ready.functions, time_scale);
        let faults = injector.faults();
        Ok(AssembledFunctions {
            proxy,
            functions: ready.functions,
            invoker,
            faults,
            resource_calls,
        })
    }

    /// Returns what answers the calls about archives and replays.
    fn archive_calls(&self) -> ArchiveCalls {
        let mut rules: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, rule) in &self.topology.rules {
            rules.entry(rule.bus.clone()).or_default().insert(rule_arn(&rule.bus, name));
        }
        ArchiveCalls {
            archives: Arc::clone(self.archives),
            buses: self.provisioned.buses.clone(),
            rules,
        }
    }
}
