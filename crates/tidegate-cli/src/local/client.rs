//! Client of the running local system.

use engine_client::client::{ClientError, EngineClient};
use terminal::problem::Problem;

use crate::arguments::StateDir;
use crate::connection::state_dir;

/// Creates a client of the local system with this state directory.
///
/// # Errors
/// No local system runs, or its file cannot be read.
pub(super) fn client(state: &StateDir) -> Result<EngineClient, Problem> {
    EngineClient::from_state_dir(&state_dir(state)).map_err(said)
}

/// Converts an error of the client into a problem.
pub(super) fn said(error: ClientError) -> Problem {
    Problem::new(error.to_string())
}
