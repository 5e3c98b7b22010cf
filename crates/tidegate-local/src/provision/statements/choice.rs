//! Decides how functions send conditional writes.

use std::path::Path;

use super::forms;
use super::found::Found;
use super::mode::Statements;
use crate::clients::Clients;
use crate::emulator::Emulator;
use topology::Topology;

/// Returns how functions send conditional writes. `None` if no function writes to a table.
///
/// The topology may ask for single writes. Otherwise the emulator is asked, unless the state
/// directory has the answer of the same emulator. An emulator that cannot be asked gets single
/// writes: every emulator has them.
pub(crate) async fn statements(
    clients: &Clients,
    topology: &Topology,
    emulator: &Emulator,
    state_dir: &Path,
) -> Option<Statements> {
    if !topology.functions.values().any(topology::Function::writes_to_a_table) {
        return None;
    }
    if topology.statements == Some(topology::Statements::Single) {
        return Some(Statements::Single { why: "the topology asks for it".to_owned() });
    }
    let version = emulator.version().await;
    if let Some(known) = version.as_ref().and_then(|version| Found::read(state_dir, version)) {
        return Some(known);
    }
    let statements = match forms::try_all(clients).await {
        Ok(()) => {
            tracing::info!("the emulator carries out batches of statements");
            Statements::Batched
        }
        Err(why) => {
            tracing::warn!(
                why,
                "functions send each conditional write in a request of its own: the emulator does \
                 not carry out batches of statements as DynamoDB does"
            );
            Statements::Single { why }
        }
    };
    if let Some(version) = version {
        Found::write(state_dir, version, &statements);
    }
    Some(statements)
}
