//! `tidegate local up` in the foreground.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use engine_client::engine_file::EngineFile;
use serde_json::{Value, json};
use terminal::local_system::STATE;
use terminal::output;
use terminal::problem::Problem;
use tidegate_local::emulator::Backend;
use tidegate_local::engine::{Engine, Injection, Options, StartError, Variable};
use tidegate_local::fault::FaultPlan;
use tidegate_local::pace::Pace;
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use super::operator::ToolkitTables;
use super::timelines::StoredTimelines;
use crate::arguments::Up;
use crate::topology::{lines, warnings};
use crate::topology_file::{TOPOLOGY, topology_above};

/// What a signal during the start leads to.
const ENDED_EARLY: &str = "the local system was ended before it was ready; start it again";

/// Runs the local system until it is ended.
///
/// # Errors
/// Why it does not start.
pub(crate) async fn up(options: &Up) -> Result<ExitCode, Problem> {
    if options.own_session {
        // A process that leads a group already has its own session.
        let _ = nix::unistd::setsid();
    }
    let filter = std::env::var("RUST_LOG")
        .ok()
        .and_then(|level| level.to_lowercase().parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    // A line that cannot be written because the disk is full is lost. A report of that on the same
    // file would end the process.
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = lines.log_internal_errors(false);
    tracing_subscriber::registry().with(filter).with(lines).init();
    let place = Place::from_options(options)?;
    let engine_options = engine_options(options, &place)?;
    warn(&place.topology);
    let interrupted =
        |error: io::Error| Problem::new(format!("signals cannot be listened to: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(interrupted)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(interrupted)?;
    let engine = tokio::select! {
        started = Engine::start(engine_options) => started.map_err(not_started)?,
        _ = terminate.recv() => return Err(Problem::new(ENDED_EARLY)),
        _ = interrupt.recv() => return Err(Problem::new(ENDED_EARLY)),
    };
    let printed = if options.json {
        output::json(&running(engine.file(), &place.state_dir))
    } else {
        announce(&engine, options.invoke_url.as_deref())
    };
    let waited = if printed.is_ok() { engine.wait_for_shutdown().await } else { Ok(()) };
    engine.shutdown().await;
    printed?;
    waited.map_err(interrupted)?;
    Ok(ExitCode::SUCCESS)
}

/// Creates the problem for a failed start.
///
/// Mistakes of the topology are one line each, in the format of compilers. Any other error is one
/// line.
fn not_started(error: StartError) -> Problem {
    match error {
        StartError::Topology(mistaken) if mistaken.mistakes().len() > 1 => {
            let is_error =
                |mistake: &&topology::Mistake| mistake.severity == topology::Severity::Error;
            let errors = mistaken.mistakes().iter().filter(is_error).count();
            let count = |count, one: &str| match count {
                0 => None,
                1 => Some(format!("1 {one}")),
                several => Some(format!("{several} {one}s")),
            };
            let warnings = count(mistaken.mistakes().len() - errors, "warning");
            let counts: Vec<_> = count(errors, "mistake").into_iter().chain(warnings).collect();
            let counts = counts.join(" and ");
            Problem::lines(format!("{counts} in the topology\n{mistaken}"))
        }
        other => Problem::new(other.to_string()),
    }
}

/// Prints the topology's warnings, which do not stop the start.
fn warn(topology: &Path) {
    let Ok(checked) = topology::check(topology) else { return };
    if !checked.warnings.is_empty() {
        let count = warnings(checked.warnings.len());
        output::note(&format!(
            "{}\nthe topology has {count}; the system starts anyway",
            lines(topology, &checked.warnings)
        ));
    }
}

/// Inputs of a new system, and its state directory.
pub(super) struct Place {
    pub(super) topology: PathBuf,
    pub(super) state_dir: PathBuf,
}

impl Place {
    /// Finds the topology and the state directory.
    ///
    /// The topology is the named one, or else that of this directory or of the nearest one above.
    /// By default the state directory is `.tidegate` in this directory if a topology is named, and
    /// otherwise beside the topology's `infra`. The other commands look for it there.
    ///
    /// # Errors
    /// No topology is named, and there is none.
    pub(super) fn from_options(options: &Up) -> Result<Self, Problem> {
        let (topology, state_dir) = match &options.topology {
            Some(topology) => (topology.clone(), PathBuf::from(STATE)),
            None if Path::new(TOPOLOGY).is_file() => {
                (PathBuf::from(TOPOLOGY), PathBuf::from(STATE))
            }
            None => {
                let topology = topology_above()?;
                let depth = Path::new(TOPOLOGY).components().count();
                let root = topology.ancestors().nth(depth).unwrap_or(Path::new(".")).to_owned();
                (topology, root.join(STATE))
            }
        };
        Ok(Self { topology, state_dir: options.state.state_dir.clone().unwrap_or(state_dir) })
    }
}

/// Returns the addresses and paths of the system, for programs.
pub(super) fn running(file: &EngineFile, state_dir: &Path) -> Value {
    let state_dir = state_dir.canonicalize().unwrap_or_else(|_| state_dir.to_owned());
    json!({
        "pid": file.pid,
        "control": file.control,
        "console": file.console(),
        "emulator": file.backend,
        "emulator_program": file.emulator_program,
        "endpoint": file.endpoint,
        "emulator_url": file.emulator_url,
        "topology": file.topology,
        "gateways": file.gateways,
        "state_dir": state_dir,
        "started_at": file.started_at,
    })
}

fn engine_options(options: &Up, place: &Place) -> Result<Options, Problem> {
    let backend = Backend::named(options.endpoint_url.as_deref(), options.backend.as_deref());
    let backend = backend.map_err(|error| Problem::new(error.to_string()))?;
    let mut engine = Options::new(place.topology.clone(), backend, place.state_dir.clone());
    engine.only.clone_from(&options.only);
    let replaced = options.set.iter().map(|set| Variable {
        function: set.function.clone(),
        name: set.name.clone(),
        value: set.value.clone(),
    });
    engine.environment = replaced.collect();
    engine.bin_dir = match &options.bin_dir {
        Some(directory) => Some(directory.clone()),
        None if options.no_build && needs_binaries(&engine) => Some(built(&place.topology)?),
        None => None,
    };
    engine.port = options.port;
    engine.operator = Some(Arc::new(ToolkitTables));
    engine.timelines = Some(Arc::new(StoredTimelines));
    engine.freeze = !options.no_freeze;
    engine.time_scale = options.time_scale;
    engine.pace = match options.pace {
        crate::arguments::Pace::Fast => Pace::Fast,
        crate::arguments::Pace::Aws => Pace::Aws,
    };
    engine.faults = injection(options)?;
    engine.invoke_url.clone_from(&options.invoke_url);
    engine.key_set.clone_from(&options.key_set);
    Ok(engine)
}

fn injection(options: &Up) -> Result<Option<Injection>, Problem> {
    let mut plan = match &options.faults {
        Some(file) => FaultPlan::read(file).map_err(|error| Problem::new(error.to_string()))?,
        None if options.fault_journal.is_none() => return Ok(None),
        None => FaultPlan::default(),
    };
    plan.seed = options.fault_seed.unwrap_or(plan.seed);
    Ok(Some(Injection { plan, again: options.fault_journal.clone() }))
}

/// Returns whether some function that runs has no command of its own.
///
/// A topology with mistakes, or an unknown name, is reported by the engine.
fn needs_binaries(options: &Options) -> bool {
    let declared = topology::load(&options.topology_path).ok();
    let topology = declared.and_then(|declared| options.topology(declared).ok());
    topology.is_some_and(|topology| {
        topology.functions.values().any(|function| function.command.is_none())
    })
}

/// Returns the directory with the binaries that cargo built in the workspace around the topology
/// file.
fn built(topology: &Path) -> Result<PathBuf, Problem> {
    if let Some(target) = env::var_os("CARGO_TARGET_DIR").filter(|target| !target.is_empty()) {
        return Ok(PathBuf::from(target).join("local"));
    }
    let unreadable =
        |error: io::Error| Problem::new(format!("{} cannot be found: {error}", topology.display()));
    let file = topology.canonicalize().map_err(unreadable)?;
    let workspace = file.ancestors().find(|directory| directory.join("Cargo.lock").is_file());
    let workspace = workspace.ok_or_else(|| {
        Problem::new(format!(
            "there is no cargo workspace around {}; name the binaries with --bin-dir DIR",
            topology.display()
        ))
    })?;
    Ok(workspace.join("target/local"))
}

/// Prints the addresses and paths of the system.
fn announce(engine: &Engine, invoke_url: Option<&str>) -> Result<(), Problem> {
    let file = engine.file();
    let program = file.emulator_program.as_ref().map(|program| format!(" ({})", program.display()));
    let emulator =
        format!("{} at {}{}", file.backend, file.emulator_url, program.unwrap_or_default());
    let mut lines = vec![
        format!("the local system is ready (process {})", file.pid),
        format!("  {:<12}{} (`eval \"$(tidegate local env)\"`)", "endpoint", file.endpoint),
        format!("  {:<12}{emulator}", "emulator"),
        format!("  {:<12}{}", "control", file.control),
        format!("  {:<12}{}", "console", file.console()),
        format!("  {:<12}{}", "topology", file.topology.display()),
    ];
    if let Some(url) = invoke_url {
        lines.push(format!(
            "  {:<12}run at {url}, with the variables in functions/*.env of the state directory",
            "functions"
        ));
    }
    for gateway in &file.gateways {
        let what = if gateway.kind == "api" { "api" } else { "url of" };
        lines.push(format!("  {what:<12}{} at {}", gateway.name, gateway.url));
    }
    let topology = engine.topology();
    for (function, name, source) in topology.sources() {
        let from = source.stream.as_deref().or(source.table.as_deref()).or(source.queue.as_deref());
        lines.push(format!("  {:<12}{} → {function}", "mapping", from.unwrap_or(name)));
    }
    for (rule, function) in topology.function_rules() {
        lines.push(format!("  {:<12}{rule} → {function}", "rule"));
    }
    lines.push(
        "`tidegate local status --watch` shows its status, `tidegate local down` or Ctrl-C ends it"
            .to_owned(),
    );
    output::line(&lines.join("\n"))
}
