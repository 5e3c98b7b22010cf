//! AWS as measured processes see it.

use tokio::process::Command;

/// The environment of every measured process: nothing of the caller's but where programs are, and AWS as the stub.
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
