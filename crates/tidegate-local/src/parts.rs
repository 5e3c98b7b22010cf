//! The running parts of an engine, for its status, its console and its deliveries.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;

use crate::activity::Activity;
use crate::archive::Archives;
use crate::asynchronous::AsynchronousQueue;
use crate::bus::BusRouter;
use crate::clients::Clients;
use crate::emulator::Emulator;
use crate::environment::Functions;
use crate::fault::Faults;
use crate::gateway::Gateway;
use crate::history::{Letters, PastInvocations};
use crate::invocation::Invoker;
use crate::mapping::Mapping;
use crate::operator::Operator;
use crate::provision::Provisioned;
use crate::proxy::{Proxy, ResourceCalls};
use crate::scheduler::ScheduleTask;
use crate::scheduler::registry::Registry;
use crate::timelines::Timelines;
use crate::topic::TopicFanout;
use crate::wake::Wakes;
use topology::Topology;

/// Everything that runs in an engine.
pub(crate) struct Parts {
    pub(crate) topology: Topology,
    pub(crate) provisioned: Provisioned,
    pub(crate) clients: Clients,
    pub(crate) emulator: Emulator,
    pub(crate) proxy: Proxy,
    /// The functions, wherever they run.
    pub(crate) functions: Arc<dyn Functions>,
    /// Invokes the functions for deliveries: through the injector of faults, if there is one.
    pub(crate) invoker: Arc<dyn Invoker>,
    pub(crate) faults: Option<Arc<Faults>>,
    pub(crate) activity: Arc<Activity>,
    pub(crate) wakes: Arc<Wakes>,
    pub(crate) archives: Arc<Archives>,
    pub(crate) pollers: Mutex<Pollers>,
    pub(crate) deliveries: Arc<PastInvocations>,
    pub(crate) letters: Arc<Letters>,
    pub(crate) state_dir: PathBuf,
    pub(crate) resource_calls: Arc<ResourceCalls>,
    pub(crate) operator: Operator,
    pub(crate) timelines: Option<Arc<dyn Timelines>>,
    pub(crate) schedules: Arc<Registry>,
    pub(crate) started: Instant,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts")
            .field("emulator", &self.emulator)
            .field("functions", &self.functions)
            .finish_non_exhaustive()
    }
}

/// All running deliveries.
#[derive(Default)]
pub(crate) struct Pollers {
    pub(crate) mappings: Vec<Mapping>,
    pub(crate) asynchronous: Vec<AsynchronousQueue>,
    pub(crate) buses: Vec<BusRouter>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) schedules: Option<ScheduleTask>,
    pub(crate) topics: Vec<TopicFanout>,
    /// URLs of the functions' own queues, by function: of rules' targets, of subscribed functions,
    /// and of functions that were invoked with the type `Event`.
    pub(crate) invoked: BTreeMap<String, String>,
}

impl std::fmt::Debug for Pollers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (queues, buses, topics) =
            (self.asynchronous.len(), self.buses.len(), self.topics.len());
        let mut pollers = f.debug_struct("Pollers");
        pollers
            .field("mappings", &self.mappings)
            .field("asynchronous", &queues)
            .field("buses", &buses)
            .field("topics", &topics)
            .finish()
    }
}
