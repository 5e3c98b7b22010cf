//! The environment of measured processes.

use tokio::process::Command;

/// Sets the environment of a measured process: the caller's `PATH` and `HOME`, the stub as AWS.
pub(crate) fn aws_environment(command: &mut Command, endpoint: &str) {
    command.env_clear();
    for (name, value) in std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME") {
        command.env(name, value);
    }
    command.envs([
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_LAMBDA_FUNCTION_NAME", "benchmark"),
    ]);
}
