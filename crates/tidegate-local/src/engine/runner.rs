//! What runs the functions: the engine itself, or something else. It is chosen once.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use super::options::Options;
use super::programs::{self, Program};
use super::start_error::StartError;
use crate::environment::{EnvironmentId, Fleet, FleetOptions, FunctionSpec, Functions, end_left_behind};
use crate::fault::Environments;
use crate::remote::{BadUrl, RemoteFunctions, RemoteUrl};
use crate::trial::Work;
use topology::Checked;

/// What runs the functions.
#[derive(Debug)]
pub(super) enum Runner {
    /// The engine, as processes.
    Processes,
    /// Something else, which is at this URL.
    Remote(RemoteUrl),
}

impl Runner {
    /// What the options name.
    ///
    /// # Errors
    /// The URL cannot be called.
    pub(super) fn choose(options: &Options) -> Result<Self, BadUrl> {
        let url = options.invoke_url.as_deref().map(RemoteUrl::parse).transpose()?;
        Ok(url.map_or(Self::Processes, Self::Remote))
    }

    /// The program of every function that the engine runs.
    pub(super) async fn programs(
        &self,
        checked: &Checked,
        options: &Options,
    ) -> Result<BTreeMap<String, Program>, StartError> {
        match self {
            Self::Processes => {
                programs::programs(checked, &options.topology_path, options.bin_dir.as_deref()).await
            }
            Self::Remote(_) => Ok(BTreeMap::new()),
        }
    }

    /// The functions, ready to be invoked.
    pub(super) fn functions(
        self,
        specs: Vec<FunctionSpec>,
        options: &Options,
        state_dir: &Path,
    ) -> Result<Ready, StartError> {
        match self {
            Self::Processes => {
                let mut fleet = FleetOptions::new(state_dir.to_owned());
                if !options.freeze {
                    fleet.freeze_after = None;
                }
                let fleet = Arc::new(Fleet::start(specs, &fleet)?);
                let environments = FleetEnvironments(Arc::downgrade(&fleet));
                Ok(Ready { functions: fleet, environments: Some(Box::new(environments)) })
            }
            Self::Remote(url) => {
                end_left_behind(state_dir)?;
                let functions = Arc::new(RemoteFunctions::new(url, specs));
                Ok(Ready { functions, environments: None })
            }
        }
    }
}

/// Functions that can be invoked.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) functions: Arc<dyn Functions>,
    /// The processes that run them, if they are the engine's own.
    pub(super) environments: Option<Box<dyn Environments>>,
}

/// The environments of a fleet. It does not keep the fleet: a call that hangs would keep it too.
#[derive(Debug)]
struct FleetEnvironments(Weak<Fleet>);

impl Environments for FleetEnvironments {
    fn work(&self, function: &str, environment: EnvironmentId) -> Work {
        self.0.upgrade().map_or(Work::Nothing, |fleet| fleet.work(function, environment))
    }

    fn kill(&self, function: &str, environment: EnvironmentId) {
        if let Some(fleet) = self.0.upgrade() {
            fleet.kill(function, environment);
        }
    }
}
