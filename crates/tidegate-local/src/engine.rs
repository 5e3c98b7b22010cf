//! The engine: everything put together, from a topology file to a running system.

mod buses;
mod events;
mod files;
mod injection;
mod programs;
mod sources;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::activity::Activity;
use crate::asynchronous::{AsynchronousQueue, EventQueue};
use crate::build::BuildError;
use crate::bus::BusRouter;
use crate::clients::{Clients, REGION};
use crate::console::{self, Touched};
use crate::control::{Control, ControlApi, StatusSource};
use crate::deliveries::{Deliveries, Letters};
use crate::emulator::{self, Backend, Emulator, EmulatorError};
use crate::engine_file::EngineFile;
use crate::environment::{Fleet, FleetError, FleetOptions, FunctionSpec};
use crate::fault::{ClockError, FaultError, Faults};
use crate::invocation::Invoker;
use crate::mapping::Mapping;
use crate::mapping::pace::Pace;
use crate::pattern::PatternError;
use crate::provision::{ProvisionError, Provisioned, provision};
use crate::proxy::{Hook, Proxy, ProxyError};
use crate::remote::{BadUrl, RemoteFunctions};
use crate::status::{Look, Status};
use crate::topology::{self, Checked, Topology, TopologyError};
use crate::usage;
use events::{InvokedEvents, Timing};
use files::StateLock;
pub use injection::Injection;
use injection::Injector;
use programs::Program;

/// How long a shutdown waits for invocations in flight.
const GRACE: Duration = Duration::from_secs(5);

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// The topology file.
    pub topology_path: PathBuf,
    /// The emulator.
    pub backend: Backend,
    /// Where logs, checkpoints and the engine's whereabouts are kept.
    pub state_dir: PathBuf,
    /// Where the functions' binaries are; none to build them with cargo.
    pub bin_dir: Option<PathBuf>,
    /// Divides the waiting times that AWS fixes; 1 is AWS's own.
    pub time_scale: f64,
    /// How fast sources are polled.
    pub pace: Pace,
    /// The port of the control API: Invoke, status, console. 0 takes a free one.
    pub port: u16,
    /// The faults that are injected.
    pub faults: Option<Injection>,
    /// Whether processes are stopped while they have no invocation, as on Lambda.
    pub freeze: bool,
    /// Where something else runs the functions, such as `http://127.0.0.1:9000` for `cargo lambda watch`; none to run them here.
    pub invoke_url: Option<String>,
}

impl Options {
    /// Options with AWS's own waiting times, fast polling, frozen environments, and functions built with cargo.
    pub fn new(topology_path: PathBuf, backend: Backend, state_dir: PathBuf) -> Self {
        Self {
            topology_path,
            backend,
            state_dir,
            bin_dir: None,
            invoke_url: None,
            time_scale: 1.0,
            pace: Pace::Fast,
            port: 0,
            freeze: true,
            faults: None,
        }
    }
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is one already.
    #[error(
        "a local system is running already (process {pid}, state in {state_dir}): end it with `tidegate local down`"
    )]
    Running {
        /// Its process.
        pid: i32,
        /// Where.
        state_dir: PathBuf,
    },
    /// Another engine is being started or ended there.
    #[error(
        "another local system is just being started or ended in {0}: try again when it is done, or use another state directory"
    )]
    Locked(PathBuf),
    /// The factor makes no sense.
    #[error("the time scale is {0}; it must be a number above 0 (1 is AWS's own pace)")]
    TimeScale(f64),
    /// The port of the control API is taken, or may not be used.
    #[error(
        "port {port} of 127.0.0.1 cannot be used for Invoke and the console: {source}; name another one with --port, or none for a free one"
    )]
    Port {
        /// Which.
        port: u16,
        /// Why not.
        source: io::Error,
    },
    /// The state directory or a file in it cannot be used.
    #[error("cannot use {path}: {source}")]
    State {
        /// What.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The topology has mistakes.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A rule's target or its dead-letter queue is declared and was not created.
    #[error("the target of rule {0}, or its dead-letter queue, is declared and was not created")]
    Target(String),
    /// A mapping's filter or a rule's pattern cannot be read.
    #[error(transparent)]
    Filter(PatternError),
    /// There are no binaries.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// There is no emulator.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// What the topology declares could not be created.
    #[error(transparent)]
    Provision(#[from] ProvisionError),
    /// The faults that are to be injected cannot be.
    #[error(transparent)]
    Faults(#[from] FaultError),
    /// A clock cannot be skewed.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// No proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The queues of functions cannot be listed or made.
    #[error("the queues that functions' events wait in cannot be used: {0}")]
    Events(String),
    /// Nothing can run the functions at the address that was given.
    #[error(transparent)]
    Remote(#[from] BadUrl),
    /// No environments.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A source is declared and was not created.
    #[error("{0} is declared as a source and was not created")]
    Source(String),
    /// A source does not say which one it is, so that no checkpoint can be told to be of it.
    #[error("the stream {arn} cannot be described: {why}")]
    Describe {
        /// The stream.
        arn: String,
        /// Why not.
        why: String,
    },
}

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

/// What runs.
pub(crate) struct Parts {
    pub(crate) topology: Topology,
    pub(crate) provisioned: Provisioned,
    pub(crate) clients: Clients,
    pub(crate) emulator: Emulator,
    pub(crate) proxy: Proxy,
    pub(crate) fleet: Arc<Fleet>,
    /// The functions as what delivers sees them.
    pub(crate) invoker: Arc<dyn Invoker>,
    pub(crate) faults: Option<Arc<Faults>>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) pollers: Mutex<Pollers>,
    pub(crate) deliveries: Arc<Deliveries>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) state_dir: PathBuf,
    pub(crate) touched: Arc<Touched>,
    pub(crate) started: Instant,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("emulator", &self.emulator)
            .field("fleet", &self.fleet)
            .finish_non_exhaustive()
    }
}

/// Everything that delivers.
#[derive(Default)]
pub(crate) struct Pollers {
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) asynchronous: Vec<AsynchronousQueue>,
    pub(crate) buses: Vec<BusRouter>,
    /// URLs of the functions' own queues, by function: of rules' targets, and of those that were invoked with the type `Event`.
    pub(crate) invoked: BTreeMap<String, String>,
}

impl std::fmt::Debug for Pollers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (queues, buses) = (self.asynchronous.len(), self.buses.len());
        let mut pollers = f.debug_struct("Pollers");
        pollers
            .field("mappings", &self.mappings)
            .field("asynchronous", &queues)
            .field("buses", &buses)
            .finish()
    }
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
        files::write_environments(&state_dir, &topology, &provisioned, emulator.endpoint())?;
        let injector = Injector::new(options.faults.as_ref(), &state_dir)?;
        let callers = topology.functions.keys().cloned();
        let touched = Arc::new(Touched::new(&topology));
        // A call that a fault keeps from AWS touches nothing.
        let mut hooks = injector.hooks();
        hooks.push(Arc::<Touched>::clone(&touched) as Arc<dyn Hook>);
        let proxy = Proxy::start(emulator.endpoint(), callers, hooks, topology.table_keys()).await?;
        let mut specs = Vec::new();
        for (name, declared) in &topology.functions {
            let Program { executable, arguments, directory } =
                programs.get(name).cloned().unwrap_or_default();
            let mut environment = provisioned.environment(&topology, name);
            environment.extend(injector.clock(name)?);
            specs.push(FunctionSpec {
                name: name.clone(),
                executable,
                arguments,
                directory,
                memory_mb: declared.memory_mb,
                timeout: Duration::from_secs(declared.timeout_seconds.into()),
                maximum_concurrency: usize::try_from(declared.concurrency()).unwrap_or(usize::MAX),
                endpoint: proxy.endpoint(name).unwrap_or_default(),
                region: REGION.to_owned(),
                environment,
            });
        }
        let mut fleet_options = FleetOptions::new(state_dir.clone());
        if !options.freeze {
            fleet_options.freeze_after = None;
        }
        let fleet = Fleet::start(specs, &fleet_options)?;
        let fleet = Arc::new(match remote {
            Some(remote) => fleet.run_by(remote),
            None => fleet,
        });
        let invoker = injector.invoker(&fleet);

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
            started: Instant::now(),
        };
        let checkpoints = files::checkpoints(&state_dir, &options.backend)?;
        let timing = Timing { time_scale: options.time_scale, pace: options.pace };
        let mappings = sources::start(&parts, &checkpoints, timing).await?;
        let parts = Arc::new(parts);
        let pollers = || parts.pollers.lock().unwrap_or_else(PoisonError::into_inner);
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
        let path = options.topology_path.clone();
        let pid = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
        let file = EngineFile {
            pid,
            process_started: usage::start_time(pid),
            control: control.url(),
            endpoint: parts.emulator.endpoint().to_owned(),
            started_at: jiff::Timestamp::now(),
            topology: std::path::absolute(&path).map_err(failed(path))?,
            backend: options.backend.name().to_owned(),
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
        Status::of(&self.parts, Look::Again).await
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
        let pollers = std::mem::take(&mut *self.parts.pollers.lock().unwrap_or_else(PoisonError::into_inner));
        let began = Instant::now();
        let mut stops: Vec<BoxFuture<'static, ()>> = Vec::new();
        stops.extend(
            pollers
                .mappings
                .into_iter()
                .map(|mapping| -> BoxFuture<'static, ()> { Box::pin(mapping.stop()) }),
        );
        stops.extend(pollers.buses.into_iter().map(|bus| -> BoxFuture<'static, ()> { Box::pin(bus.stop()) }));
        stops.extend(
            pollers
                .asynchronous
                .into_iter()
                .map(|queue| -> BoxFuture<'static, ()> { Box::pin(queue.stop()) }),
        );
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
                Some(parts) => serde_json::to_value(Status::of(&parts, look).await).unwrap_or_default(),
                None => serde_json::Value::Null,
            }
        })
    })
}
