//! What the faults of AWS calls must know of the processes that make them.

use std::fmt::Debug;

use crate::environment::EnvironmentId;
use crate::trial::Work;

/// The execution environments whose calls pass the proxy.
pub(crate) trait Environments: Debug + Send + Sync {
    /// What an environment works on.
    fn work(&self, function: &str, environment: EnvironmentId) -> Work;

    /// Kills an environment, as something from outside would.
    fn kill(&self, function: &str, environment: EnvironmentId);
}
