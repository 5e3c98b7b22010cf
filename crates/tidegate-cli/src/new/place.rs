//! Decides where a function goes: into the workspace with a topology, or into a separate folder.

use std::path::{Path, PathBuf};

use terminal::problem::Problem;

use super::manifest::Manifest;
use super::path::shown;
use crate::arguments::NewFunction;
use crate::topology_file::topology_here;

/// Folder of the functions in a workspace.
const FUNCTIONS: &str = "functions";

/// Where a function goes.
pub(super) struct Place {
    /// Folder of the function, which does not exist yet.
    pub(super) folder: PathBuf,
    /// Topology file in which to declare it.
    pub(super) topology: Option<PathBuf>,
    /// Manifest of the cargo workspace around it.
    pub(super) manifest: Option<Manifest>,
    /// What the user must do, if the folder is not a member of that workspace.
    pub(super) not_a_member: Option<String>,
}

impl Place {
    /// Returns the place in the workspace of this directory, unless the options name a path.
    ///
    /// # Errors
    /// The workspace is not a cargo workspace, has no room for functions, or already has a package
    /// of this name.
    pub(super) fn find(options: &NewFunction) -> Result<Self, Problem> {
        match topology_here() {
            Some(topology) if options.path.is_none() => Self::in_workspace(&options.name, topology),
            _ => Self::alone(options.path.clone().unwrap_or_else(|| PathBuf::from(&options.name))),
        }
    }

    fn in_workspace(name: &str, topology: PathBuf) -> Result<Self, Problem> {
        let root = topology.parent().and_then(Path::parent).unwrap_or(Path::new("."));
        let manifest = Manifest::read(&root.join("Cargo.toml"))?.filter(Manifest::is_workspace);
        let manifest = manifest.ok_or_else(|| {
            Problem::new(format!(
                "{} has no Cargo.toml with [workspace], which functions would be members of; add one, or make a crate of its own with --path DIR",
                shown(root)
            ))
        })?;
        let folder = root.join(FUNCTIONS).join(name);
        if let Some(missing) = manifest.not_a_member(&folder) {
            return Err(Problem::new(missing));
        }
        if let Some(other) = manifest.package(name)? {
            return Err(Problem::new(format!(
                "the workspace has a package {name} already, in {}; choose another name",
                shown(&other)
            )));
        }
        Ok(Self { folder, topology: Some(topology), manifest: Some(manifest), not_a_member: None })
    }

    fn alone(folder: PathBuf) -> Result<Self, Problem> {
        let absolute = std::path::absolute(&folder).map_err(|error| {
            Problem::misuse(format!("--path {} is not a folder: {error}", folder.display()))
        })?;
        let mut around = None;
        for directory in absolute.ancestors().skip(1) {
            around = Manifest::read(&directory.join("Cargo.toml"))?.filter(Manifest::is_workspace);
            if around.is_some() {
                break;
            }
        }
        let not_a_member = around.as_ref().and_then(|manifest| manifest.not_a_member(&absolute));
        Ok(Self { folder: absolute, topology: None, manifest: around, not_a_member })
    }
}
