//! Finds the API of the local system, and tokens of its customers.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use engine_client::engine_file::EngineFile;
use terminal::endpoint::HOW_TO_START;
use terminal::local_system::{STATE, STATE_VARIABLE, state_dir};
use terminal::problem::Problem;

use super::sending::LONGEST_ORDER;

/// Kind of a gateway that is an HTTP API.
const API: &str = "api";
/// The command that makes tokens.
const TIDEGATE: &str = "tidegate";
/// How long making the tokens may take. The first one ages meanwhile.
const MAKING: Duration = Duration::from_secs(60);

/// Returns the URL of the API of the local system.
///
/// # Errors
/// No local system runs, or it has no API or several.
pub(super) fn api_url() -> Result<String, Problem> {
    let named = env::var_os(STATE_VARIABLE).filter(|state| !state.is_empty()).map(PathBuf::from);
    let here = env::current_dir().ok().and_then(|here| state_dir(&here));
    let state = named.or(here).unwrap_or_else(|| PathBuf::from(STATE));
    let engine = EngineFile::read(&state)
        .map_err(|error| Problem::new(format!("{error}; {HOW_TO_START}")))?;
    let mut apis = engine.gateways.iter().filter(|gateway| gateway.kind == API);
    match (apis.next(), apis.next()) {
        (Some(api), None) => Ok(api.url.clone()),
        (None, _) => Err(Problem::new("the local system has no API; start one whose topology has")),
        (Some(_), Some(_)) => Err(Problem::new("the local system has several APIs")),
    }
}

/// Returns a token for each customer, as `tidegate local token` makes them. They are valid until
/// the last order of a run of this duration is answered, however often it is sent.
///
/// # Errors
/// The command is missing or refuses.
pub(super) fn tokens(customers: u64, run: Duration) -> Result<Vec<String>, Problem> {
    let program = beside_this(TIDEGATE);
    (1..=customers).map(|number| token(&program, &format!("load-{number}"), run)).collect()
}

fn token(program: &Path, subject: &str, run: Duration) -> Result<String, Problem> {
    let expires = format!("{}s", (run + LONGEST_ORDER + MAKING).as_secs());
    let words = ["local", "token", "--subject", subject, "--expires", &expires];
    let output = Command::new(program).args(words).output();
    let output = output.map_err(|error| {
        Problem::new(format!("{} makes the tokens and cannot be run: {error}", program.display()))
    })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Problem::new(format!("there is no token for {subject}: {}", said.trim())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Returns the program of this name beside this one, or its name alone, for the search path.
fn beside_this(name: &str) -> PathBuf {
    let own = env::current_exe().ok();
    let beside = own.as_deref().and_then(Path::parent).map(|folder| folder.join(name));
    beside.filter(|file| file.is_file()).unwrap_or_else(|| PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn a_token_is_valid_until_the_last_order_of_a_long_run_is_answered() {
        let run = Duration::from_secs(24 * 3600);
        let words = token(Path::new("echo"), "load-1", run).unwrap();
        let (others, expires) = words.rsplit_once(' ').unwrap();
        assert_eq!(others, "local token --subject load-1 --expires");
        let expires: SignedDuration = expires.parse().unwrap();
        // An order and its cancellation are sent four times each, with 35 s for an answer.
        assert!(expires.unsigned_abs() > run + Duration::from_secs(2 * 4 * 35), "{expires:#}");
    }
}
