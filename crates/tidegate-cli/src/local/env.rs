//! `tidegate local env`: the variables for programs that call AWS.

use engine_client::engine_file::EngineFile;
use engine_client::local::REGION;

/// Returns the variables as commands of a shell.
///
/// The credentials are made up, so that the operator's are not sent to the emulator. An empty
/// session token counts as none.
pub(super) fn exports(engine: &EngineFile) -> String {
    let variables = [
        ("AWS_ENDPOINT_URL", engine.endpoint.as_str()),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_SESSION_TOKEN", ""),
    ];
    variables.map(|(name, value)| format!("export {name}={value}")).join("\n")
}
