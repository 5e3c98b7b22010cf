//! The interface through which faults of AWS calls reach the calling processes.

use std::fmt::Debug;

use crate::environment::EnvironmentId;
use crate::trial::Work;

/// The execution environments whose calls pass the proxy.
pub(crate) trait Environments: Debug + Send + Sync {
    /// Returns what an environment works on.
    fn work(&self, function: &str, environment: EnvironmentId) -> Work;

    /// Kills an environment, as an external cause would.
    fn kill(&self, function: &str, environment: EnvironmentId);
}
