//! The client of the local system that runs.

use engine_client::client::{ClientError, EngineClient};
use terminal::problem::Problem;

use crate::arguments::StateDir;
use crate::connection::state_dir;

/// A client of the local system with this state directory.
///
/// # Errors
/// None runs, or its file cannot be read.
pub(super) fn client(state: &StateDir) -> Result<EngineClient, Problem> {
    EngineClient::from_state_dir(&state_dir(state)).map_err(said)
}

/// What keeps the client from its work, for people.
pub(super) fn said(error: ClientError) -> Problem {
    Problem::new(error.to_string())
}
