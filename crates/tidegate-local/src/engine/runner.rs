//! Chooses once what runs the functions: the engine itself, or something else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Weak};

use super::options::Options;
use super::programs::{self, Program};
use super::start_error::StartError;
use crate::environment::{
    EnvironmentId, Fleet, FleetOptions, FunctionSpec, Functions, end_left_behind,
};
use crate::fault::Environments;
use crate::remote::{BadUrl, RemoteFunctions, RemoteUrl};
use crate::trial::Work;
use topology::Checked;

/// What runs the functions.
#[derive(Debug)]
pub(super) enum Runner {
    /// The engine, as processes of its own.
    Processes,
    /// Something else, at this URL.
    Remote(RemoteUrl),
}

impl Runner {
    /// Returns what the options ask for.
    ///
    /// # Errors
    /// The URL cannot be called.
    pub(super) fn choose(options: &Options) -> Result<Self, BadUrl> {
        let url = options.invoke_url.as_deref().map(RemoteUrl::parse).transpose()?;
        Ok(url.map_or(Self::Processes, Self::Remote))
    }

    /// Returns the program of every function that the engine runs; empty if something else runs
    /// them.
    pub(super) async fn programs(
        &self,
        checked: &Checked,
        options: &Options,
    ) -> Result<BTreeMap<String, Program>, StartError> {
        match self {
            Self::Processes => {
                programs::programs(checked, &options.topology_path, options.bin_dir.as_deref())
                    .await
            }
            Self::Remote(_) => Ok(BTreeMap::new()),
        }
    }

    /// Starts the functions.
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

/// Functions that are ready to be invoked.
#[derive(Debug)]
pub(super) struct Ready {
    pub(super) functions: Arc<dyn Functions>,
    /// Environments of the functions; `None` if something else runs them.
    pub(super) environments: Option<Box<dyn Environments>>,
}

/// The environments of a fleet.
///
/// The reference is weak: otherwise a call that hangs would keep the fleet alive.
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
