//! Specifications from which the environments of each function are created.

use std::collections::BTreeMap;
use std::time::Duration;

use super::StartError;
use super::injection::Injector;
use super::programs::Program;
use crate::environment::FunctionSpec;
use crate::provision::Provisioned;
use crate::proxy::Ports;
use engine_client::local::REGION;
use topology::Topology;

/// Returns the declared functions, with their programs and with variables that point to the
/// emulator through the proxy.
pub(super) fn specs(
    topology: &Topology,
    mut programs: BTreeMap<String, Program>,
    provisioned: &Provisioned,
    ports: &Ports,
    injector: &Injector,
    time_scale: f64,
) -> Result<Vec<FunctionSpec>, StartError> {
    let mut specs = Vec::new();
    for (name, declared) in &topology.functions {
        // Functions that run elsewhere have no program.
        let Program { executable, arguments, directory } =
            programs.remove(name).unwrap_or_default();
        let mut environment = provisioned.scaled_environment(topology, name, time_scale);
        environment.extend(injector.clock(name)?);
        specs.push(FunctionSpec {
            name: name.clone(),
            executable,
            arguments,
            directory,
            memory_mb: declared.memory_mb,
            timeout: Duration::from_secs(declared.timeout_seconds.into()),
            maximum_concurrency: usize::try_from(declared.concurrency()).unwrap_or(usize::MAX),
            endpoint: ports.endpoint(name).unwrap_or_default(),
            region: REGION.to_owned(),
            environment,
        });
    }
    Ok(specs)
}
