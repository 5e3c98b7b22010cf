//! `tidegate local install`: installs the emulator.

use std::process::ExitCode;

use terminal::output;
use terminal::problem::Problem;
use tidegate_local::emulator::{InstallError, Installation};

/// Installs MiniStack into the cache, unless it is already there.
///
/// # Errors
/// Python is missing or too old, pip fails, or the cache cannot be written.
pub(crate) fn install() -> Result<ExitCode, Problem> {
    let said = |error: InstallError| Problem::new(format!("MiniStack is not installed: {error}"));
    let installation =
        Installation::from_environment().ok_or_else(|| said(InstallError::NoCache))?;
    let (version, directory) = (Installation::version(), installation.directory().display());
    if installation.program().is_none() {
        output::note(&format!("installing MiniStack {version} into {directory}"));
        installation.install().map_err(said)?;
    }
    output::line(&format!("MiniStack {version} is installed in {directory}"))?;
    Ok(ExitCode::SUCCESS)
}
