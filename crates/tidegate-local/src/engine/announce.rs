//! Opens the control API and writes the engine file: the last step of a start.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Notify;

use super::claim::Claim;
use super::options::Options;
use super::start_error::StartError;
use super::system::Engine;
use crate::asynchronous::EventQueue;
use crate::console;
use crate::control::{Control, ControlApi, StatusSource};
use crate::gateway::Gateway;
use crate::parts::Parts;
use crate::status::Status;
use engine_client::engine_file::{EngineFile, GatewayAddress};

/// Makes the engine reachable: opens the control API and writes the engine file.
pub(super) fn announce(
    parts: Arc<Parts>,
    events: Arc<dyn EventQueue>,
    options: &Options,
    claim: Claim,
) -> Result<Engine, StartError> {
    let Claim { listener, state_dir, lock } = claim;
    let shutdown = Arc::new(Notify::new());
    let control = Control {
        functions: Arc::clone(&parts.functions),
        activity: Arc::clone(&parts.activity),
        deliveries: Arc::clone(&parts.deliveries),
        events,
        schedules: Arc::clone(&parts.schedules),
        status: status_source(&parts),
        console: console::router(Arc::downgrade(&parts)),
        shutdown: Arc::clone(&shutdown),
    };
    let failed = |path: PathBuf| move |source| StartError::State { path, source };
    let control = ControlApi::serve(control, listener).map_err(failed("127.0.0.1".into()))?;
    parts.proxy.hand_lambda_to(control.lambda());
    let path = options.topology_path.clone();
    let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    let file = EngineFile {
        pid,
        process_started: engine_client::process::start_time(pid),
        control: control.url(),
        endpoint: parts.proxy.programs_endpoint(),
        emulator_url: parts.emulator.endpoint().to_owned(),
        started_at: jiff::Timestamp::now(),
        topology: std::path::absolute(&path).map_err(failed(path))?,
        backend: options.backend.name().to_owned(),
        emulator_program: parts.emulator.program().map(PathBuf::from),
        gateways: addresses(&parts),
    };
    file.write(&state_dir).map_err(failed(EngineFile::path(&state_dir)))?;
    Ok(Engine { parts, control, shutdown, file, state_dir, _lock: lock })
}

fn addresses(parts: &Parts) -> Vec<GatewayAddress> {
    let pollers = parts.pollers.lock();
    let gateways = pollers.gateways.iter().map(Gateway::status);
    gateways
        .map(|status| GatewayAddress { kind: status.kind, name: status.name, url: status.url })
        .collect()
}

fn status_source(parts: &Arc<Parts>) -> StatusSource {
    let parts = Arc::downgrade(parts);
    Arc::new(move |look| {
        let parts = parts.upgrade();
        Box::pin(async move {
            match parts {
                Some(parts) => {
                    serde_json::to_value(Status::ask(&parts, look).await).unwrap_or_default()
                }
                None => serde_json::Value::Null,
            }
        })
    })
}
