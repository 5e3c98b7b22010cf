//! The engine: everything put together, from a topology file to a running system.

mod buses;
mod events;
mod files;
mod injection;
mod options;
mod parts;
mod programs;
mod sources;
mod specs;
mod start_error;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::activity::Activity;
use crate::asynchronous::EventQueue;
use crate::clients::Clients;
use crate::console::{self, Touched};
use crate::control::{Control, ControlApi, StatusSource};
use crate::emulator;
use crate::environment::{Fleet, FleetOptions};
use crate::operator::Operator;
use crate::provision::provision;
use crate::proxy::{Hook, Proxy};
use crate::remote::{BadUrl, RemoteFunctions};
use crate::status::{Look, Status};
use engine_client::engine_file::EngineFile;
use events::{InvokedEvents, Timing};
use files::StateLock;
pub use injection::Injection;
use injection::Injector;
pub use options::Options;
pub(crate) use parts::Parts;
use specs::specs;
pub use start_error::StartError;
use topology::{Checked, Topology};

/// How long a shutdown waits for invocations in flight.
const GRACE: Duration = Duration::from_secs(5);

/// A running system. [`Engine::shutdown`] ends it in good order; dropping it ends it at once.
#[derive(Debug)]
pub struct Engine {
    parts: Arc<Parts>,
    control: ControlApi,
    shutdown: Arc<Notify>,
    file: EngineFile,
    state_dir: PathBuf,
    /// Given back last.
    _lock: StateLock,
}

impl Engine {
    /// Starts everything the topology declares, and returns when events can be sent. Must be called inside a Tokio runtime.
    ///
    /// # Errors
    /// What is wrong and what to do; whatever had been started is ended.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        if !(options.time_scale.is_finite() && options.time_scale > 0.0) {
            return Err(StartError::TimeScale(options.time_scale));
        }
        let checked = topology::check(&options.topology_path)?;
        let remote = options.invoke_url.as_ref().map(|url| remote(url, &checked.topology)).transpose()?;
        let state_dir = files::prepare(&options.state_dir)?;
        let lock = StateLock::take(&state_dir)?;
        if let Ok(running) = EngineFile::read(&state_dir) {
            return Err(StartError::Running { pid: running.pid, state_dir });
        }
        // Before anything is built or started.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await;
        let listener = listener.map_err(|source| StartError::Port { port: options.port, source })?;
        let (emulator, programs) = tokio::try_join!(
            async { Ok::<_, StartError>(emulator::start(&options.backend, &state_dir).await?) },
            async {
                match options.invoke_url {
                    Some(_) => Ok(BTreeMap::new()),
                    None => {
                        programs::programs(&checked, &options.topology_path, options.bin_dir.as_deref()).await
                    }
                }
            },
        )?;
        let Checked { topology, .. } = checked;
        let clients = Clients::new(emulator.endpoint());
        let provisioned = provision(&clients, &topology).await?;
        let injector = Injector::new(options.faults.as_ref(), &state_dir)?;
        let callers = topology.functions.keys().cloned();
        let touched = Arc::new(Touched::new(&topology));
        // A call that a fault keeps from AWS touches nothing.
        let mut hooks = injector.hooks();
        hooks.push(Arc::<Touched>::clone(&touched) as Arc<dyn Hook>);
        let proxy = Proxy::start(emulator.endpoint(), callers, hooks, topology.table_keys()).await?;
        let time_scale = options.time_scale;
        files::write_environments(&state_dir, &topology, &provisioned, &proxy, time_scale)?;
        let specs = specs(&topology, programs, &provisioned, &proxy, &injector, time_scale)?;
        let mut fleet_options = FleetOptions::new(state_dir.clone());
        if !options.freeze {
            fleet_options.freeze_after = None;
        }
        let fleet = Fleet::start(specs, &fleet_options)?;
        let fleet = Arc::new(match remote {
            Some(remote) => fleet.run_by(remote),
            None => fleet,
        });
        let invoker = injector.invoker(&fleet, time_scale);

        let parts = Parts {
            topology,
            provisioned,
            clients,
            emulator,
            proxy,
            fleet,
            invoker,
            faults: injector.faults(),
            activity: Arc::new(Activity::new()),
            pollers: Mutex::default(),
            deliveries: Arc::default(),
            letters: Arc::default(),
            state_dir: state_dir.clone(),
            touched,
            operator: Operator::new(options.operator.clone()),
            started: Instant::now(),
        };
        let checkpoints = files::checkpoints(&state_dir, &options.backend)?;
        let timing = Timing { time_scale: options.time_scale, pace: options.pace };
        let mappings = sources::start(&parts, &checkpoints, timing).await?;
        let parts = Arc::new(parts);
        let pollers = || parts.pollers.lock();
        pollers().mappings = mappings;
        let events = InvokedEvents::new(&parts, timing);
        events.resume(&parts).await?;
        let events: Arc<dyn EventQueue> = Arc::new(events);
        pollers().buses = buses::start(&parts, &events, timing)?;
        Self::announce(Arc::clone(&parts), events, &options, state_dir, lock, listener)
    }

    /// Opens the control API and writes down where it is.
    fn announce(
        parts: Arc<Parts>,
        events: Arc<dyn EventQueue>,
        options: &Options,
        state_dir: PathBuf,
        lock: StateLock,
        listener: TcpListener,
    ) -> Result<Self, StartError> {
        let shutdown = Arc::new(Notify::new());
        let control = Control {
            fleet: Arc::clone(&parts.fleet),
            activity: Arc::clone(&parts.activity),
            deliveries: Arc::clone(&parts.deliveries),
            events,
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
            endpoint: parts.emulator.endpoint().to_owned(),
            started_at: jiff::Timestamp::now(),
            topology: std::path::absolute(&path).map_err(failed(path))?,
            backend: options.backend.name().to_owned(),
            emulator_program: parts.emulator.program().map(PathBuf::from),
        };
        file.write(&state_dir).map_err(failed(EngineFile::path(&state_dir)))?;
        Ok(Self { parts, control, shutdown, file, state_dir, _lock: lock })
    }

    /// Where it is found.
    pub fn file(&self) -> &EngineFile {
        &self.file
    }

    /// URL of its control API.
    pub fn control_url(&self) -> String {
        self.control.url()
    }

    /// The functions.
    pub fn fleet(&self) -> &Arc<Fleet> {
        &self.parts.fleet
    }

    /// Clients of the emulator.
    pub fn clients(&self) -> &Clients {
        &self.parts.clients
    }

    /// How everything stands.
    pub async fn status(&self) -> Status {
        Status::ask(&self.parts, Look::Again).await
    }

    /// Waits for `POST /shutdown`, SIGTERM or SIGINT.
    ///
    /// # Errors
    /// The signals cannot be listened to.
    pub async fn wait_for_shutdown(&self) -> io::Result<()> {
        let (mut terminate, mut interrupt) =
            (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        tokio::select! {
            () = self.shutdown.notified() => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    }

    /// Ends the system: nothing new is begun, invocations in flight have five seconds, processes are killed, and the emulator is stopped if
    /// it was started here.
    pub async fn shutdown(self) {
        let pollers = std::mem::take(&mut *self.parts.pollers.lock());
        let began = Instant::now();
        self.parts.fleet.close_lines();
        let mut stops: Vec<BoxFuture<'static, ()>> = Vec::new();
        stops.extend(pollers.mappings.into_iter().map(|mapping| mapping.stop().boxed()));
        stops.extend(pollers.buses.into_iter().map(|bus| bus.stop().boxed()));
        stops.extend(pollers.asynchronous.into_iter().map(|queue| queue.stop().boxed()));
        if tokio::time::timeout(GRACE, join_all(stops)).await.is_err() {
            tracing::warn!("deliveries were cut off; they are made again at the next start");
        }
        self.parts.fleet.stop(GRACE.saturating_sub(began.elapsed())).await;
        self.parts.emulator.stop().await;
        if let Err(error) = EngineFile::remove(&self.state_dir) {
            tracing::warn!(%error, "the engine's file is left");
        }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Without it a program that goes on would look like a running engine.
        if EngineFile::read(&self.state_dir).is_ok_and(|file| file == self.file) {
            let _ = EngineFile::remove(&self.state_dir);
        }
    }
}

/// The declared functions where something else runs them.
fn remote(url: &str, topology: &Topology) -> Result<RemoteFunctions, BadUrl> {
    let timeout = |declared: &topology::Function| Duration::from_secs(declared.timeout_seconds.into());
    RemoteFunctions::new(
        url,
        topology.functions.iter().map(|(name, declared)| (name.clone(), timeout(declared))),
    )
}

fn status_source(parts: &Arc<Parts>) -> StatusSource {
    let parts = Arc::downgrade(parts);
    Arc::new(move |look| {
        let parts = parts.upgrade();
        Box::pin(async move {
            match parts {
                Some(parts) => serde_json::to_value(Status::ask(&parts, look).await).unwrap_or_default(),
                None => serde_json::Value::Null,
            }
        })
    })
}
