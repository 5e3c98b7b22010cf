//! How MiniStack is started.

use std::path::Path;
use std::process::Command;

use super::error::EmulatorError;

/// The command that runs MiniStack in the foreground on a port.
pub(super) fn command(tools: Option<&Path>, port: u16) -> Result<Command, EmulatorError> {
    let program = tools.map(|tools| tools.join("venv/bin/ministack"));
    let Some(program) = program.as_ref().filter(|program| program.is_file()) else {
        let missing = program
            .map_or_else(|| ".tools/venv/bin/ministack".to_owned(), |program| program.display().to_string());
        return Err(EmulatorError::NotInstalled { name: "MiniStack", missing, command: "scripts/setup" });
    };
    let mut command = Command::new(program);
    // Without BIND_HOST it listens on all interfaces; at INFO it writes a line per request.
    command.env("BIND_HOST", "127.0.0.1").env("GATEWAY_PORT", port.to_string()).env("LOG_LEVEL", "WARNING");
    for name in ["AUTH", "EDGE_PORT", "SERVICES", "LOCALSTACK_PERSISTENCE", "PERSIST_STATE", "S3_PERSIST"] {
        command.env_remove(name);
    }
    Ok(command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_an_installation_the_error_names_the_set_up() {
        let tools = tempfile::tempdir().expect("a directory");
        for tools in [None, Some(tools.path())] {
            let error = command(tools, 1).expect_err("nothing is installed").to_string();
            assert!(error.starts_with("MiniStack is not installed: "), "{error}");
            assert!(error.ends_with("venv/bin/ministack is not there; run scripts/setup"), "{error}");
        }
    }
}
