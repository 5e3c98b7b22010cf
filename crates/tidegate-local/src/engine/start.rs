//! The assembly of an engine, step by step.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use super::announce::announce;
use super::claim::Claim;
use super::deliveries;
use super::files;
use super::functions::{AssembledFunctions, Base};
use super::options::Options;
use super::runner::Runner;
use super::schedules;
use super::start_error::StartError;
use super::system::Engine;
use crate::activity::Activity;
use crate::clients::Clients;
use crate::emulator;
use crate::operator::Operator;
use crate::parts::Parts;
use crate::provision::{provision, statements};
use crate::wake::Wakes;

impl Engine {
    /// Starts everything that the topology declares, and returns when events can be sent.
    ///
    /// Call this inside a Tokio runtime.
    ///
    /// # Errors
    /// The error says what is wrong and what to do. Everything that had been started is ended.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let options = &options;
        // Refuse wrong options before anything is touched.
        if !(options.time_scale.is_finite() && options.time_scale > 0.0) {
            return Err(StartError::TimeScale(options.time_scale));
        }
        let mut checked = topology::check(&options.topology_path)?;
        checked.topology = options.topology(checked.topology)?;
        let runner = Runner::choose(options)?;
        let claim = Claim::take(options).await?;

        // Start the emulator and create the declared resources, while the functions are built.
        let (emulator, programs) = tokio::try_join!(
            async {
                Ok::<_, StartError>(emulator::start(&options.backend, &claim.state_dir).await?)
            },
            runner.programs(&checked, options),
        )?;
        let topology = checked.topology;
        let clients = Clients::new(emulator.endpoint());
        let mut provisioned = provision(&clients, &topology).await?;
        provisioned.statements = statements(&clients, &topology, &emulator, &claim.state_dir).await;

        let archives = Arc::new(files::archives(&claim.state_dir, &topology)?);

        // Start the functions, with faults in front of them and the proxy behind them.
        let wakes = Arc::new(Wakes::default());
        let base = Base {
            topology: &topology,
            provisioned: &provisioned,
            endpoint: emulator.endpoint(),
            state_dir: &claim.state_dir,
            options,
            wakes: &wakes,
            archives: &archives,
        };
        let AssembledFunctions { proxy, functions, invoker, faults, resource_calls } =
            base.assemble_functions(runner, programs).await?;

        // Start the deliveries and the control API.
        let schedules =
            schedules::open(&topology, &provisioned, &claim.state_dir, &options.backend)?;
        let parts = Parts {
            schedules,
            topology,
            provisioned,
            clients,
            emulator,
            proxy,
            functions,
            invoker,
            faults,
            activity: Arc::new(Activity::new()),
            wakes,
            archives,
            pollers: Mutex::default(),
            deliveries: Arc::default(),
            letters: Arc::default(),
            state_dir: claim.state_dir.clone(),
            resource_calls,
            operator: Operator::new(options.operator.clone()),
            timelines: options.timelines.clone(),
            started: Instant::now(),
        };
        let (parts, events) = deliveries::start(parts, options).await?;
        announce(parts, events, options, claim)
    }
}
