//! Where the topology file is: in this directory or in one above it.

use std::env;
use std::path::PathBuf;

use terminal::problem::Problem;

/// Default path of the topology file.
pub(crate) const TOPOLOGY: &str = "infra/topology.auto.tfvars";

/// Returns the topology file of this directory or of the nearest one above it.
///
/// # Errors
/// There is none.
pub(crate) fn topology_above() -> Result<PathBuf, Problem> {
    topology_here().ok_or_else(|| {
        Problem::new(format!(
            "there is no {TOPOLOGY} here or in a directory above; name the topology with --topology FILE"
        ))
    })
}

/// Returns the topology file like [`topology_above`], or `None` if there is none.
pub(crate) fn topology_here() -> Option<PathBuf> {
    let here = env::current_dir().unwrap_or_default();
    here.ancestors().map(|directory| directory.join(TOPOLOGY)).find(|file| file.is_file())
}
