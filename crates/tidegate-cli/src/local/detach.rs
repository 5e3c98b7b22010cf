//! `tidegate local up --detach`: the command starts itself again in the background.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::Duration;

use engine_client::engine_file::EngineFile;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use terminal::escape::escaped_lines;
use terminal::output;
use terminal::problem::Problem;
use tokio::signal::ctrl_c;

use super::up::{Place, running};
use crate::arguments::{Pace, Up, Variable};

/// Interval between looks at the background process while it starts.
const LOOK: Duration = Duration::from_millis(50);

/// Starts the local system in the background, and waits until it is ready or has failed.
///
/// # Errors
/// A local system already runs, or the new one did not start.
pub(crate) async fn up(options: &Up) -> Result<ExitCode, Problem> {
    let place = Place::from_options(options)?;
    let state = &place.state_dir;
    if let Ok(running) = EngineFile::read(state) {
        return Err(Problem::new(format!(
            "a local system is running already (process {}, state in {}): end it with `tidegate local down`",
            running.pid,
            state.display()
        )));
    }
    let logs = state.join("logs");
    let log = logs.join("engine.log");
    let unusable =
        |error: io::Error| Problem::new(format!("{} cannot be used: {error}", log.display()));
    fs::create_dir_all(&logs).map_err(unusable)?;
    let written = File::create(&log).map_err(unusable)?;
    let mut read = File::open(&log).map_err(unusable)?;
    let errors = written.try_clone().map_err(unusable)?;
    let mut child = command(options, &place)?
        .stdin(Stdio::null())
        .stdout(written)
        .stderr(errors)
        .spawn()
        .map_err(|error| Problem::new(format!("the background process cannot start: {error}")))?;
    let interrupt = ctrl_c();
    tokio::pin!(interrupt);
    loop {
        // Checked before the output is read, so that the last output of an ended process is
        // complete.
        let ended = child.try_wait().map_err(unusable)?;
        show(&mut read).map_err(unusable)?;
        if ended.is_some() {
            return Err(Problem::new(format!(
                "the local system did not start; its output is in {}",
                log.display()
            )));
        }
        if let Some(engine) = EngineFile::read(state).ok().filter(|engine| is(&child, engine.pid)) {
            // Its last output appears shortly after its file.
            tokio::time::sleep(LOOK).await;
            show(&mut read).map_err(unusable)?;
            if options.json {
                output::json(&running(&engine, state))?;
            }
            return Ok(ExitCode::SUCCESS);
        }
        tokio::select! {
            _ = &mut interrupt => {
                if let Ok(pid) = i32::try_from(child.id()) {
                    let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
                }
                let _ = child.wait();
                return Err(Problem::new("ended before the local system was ready"));
            }
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn is(child: &Child, pid: i32) -> bool {
    u32::try_from(pid).is_ok_and(|pid| pid == child.id())
}

fn command(options: &Up, place: &Place) -> Result<Command, Problem> {
    let own = std::env::current_exe().map_err(|error| {
        Problem::new(format!("this command cannot find its own program: {error}"))
    })?;
    let mut command = Command::new(own);
    command.args(["local", "up", "--own-session", "--state-dir"]).arg(&place.state_dir);
    command.arg("--topology").arg(&place.topology);
    if !options.only.is_empty() {
        command.arg("--only").arg(options.only.join(","));
    }
    for Variable { function, name, value } in &options.set {
        command.arg("--set").arg(format!("{function}.{name}={value}"));
    }
    if let Some(backend) = &options.backend {
        command.arg("--backend").arg(backend);
    }
    if let Some(url) = &options.endpoint_url {
        command.arg("--endpoint-url").arg(url);
    }
    command.arg("--time-scale").arg(options.time_scale.to_string());
    if options.pace == Pace::Aws {
        command.args(["--pace", "aws"]);
    }
    if options.port != 0 {
        command.arg("--port").arg(options.port.to_string());
    }
    if options.no_freeze {
        command.arg("--no-freeze");
    }
    if options.no_build {
        command.arg("--no-build");
    }
    if let Some(url) = &options.invoke_url {
        command.arg("--invoke-url").arg(url);
    }
    if let Some(file) = &options.key_set {
        command.arg("--key-set").arg(file);
    }
    if let Some(directory) = &options.bin_dir {
        command.arg("--bin-dir").arg(directory);
    }
    if let Some(plan) = &options.faults {
        command.arg("--faults").arg(plan);
    }
    if let Some(seed) = options.fault_seed {
        command.arg("--fault-seed").arg(seed.to_string());
    }
    if let Some(journal) = &options.fault_journal {
        command.arg("--fault-journal").arg(journal);
    }
    Ok(command)
}

/// Prints what was written to the log since the last call.
fn show(log: &mut File) -> io::Result<()> {
    let mut text = Vec::new();
    log.read_to_end(&mut text)?;
    // A closed standard error must not end the start.
    let text = String::from_utf8_lossy(&text);
    let _ = io::stderr().lock().write_all(escaped_lines(&text).as_bytes());
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn the_background_process_is_started_with_the_same_options() {
        let options = Up {
            detach: true,
            json: true,
            topology: Some("t.tfvars".into()),
            only: vec!["payment".to_owned(), "ledger".to_owned()],
            set: vec![Variable {
                function: "payment".to_owned(),
                name: "URL".to_owned(),
                value: "http://127.0.0.1:9".to_owned(),
            }],
            backend: Some("localstack".to_owned()),
            endpoint_url: Some("http://127.0.0.1:4566".to_owned()),
            no_build: false,
            bin_dir: None,
            invoke_url: Some("http://127.0.0.1:9000".to_owned()),
            key_set: Some("jwks.json".into()),
            port: 9001,
            no_freeze: true,
            time_scale: 2.5,
            pace: Pace::Aws,
            faults: Some("plan.toml".into()),
            fault_seed: Some(7),
            fault_journal: Some("before.jsonl".into()),
            own_session: false,
            state: crate::arguments::StateDir { state_dir: Some("s".into()) },
        };
        let command = command(&options, &Place::from_options(&options).unwrap()).unwrap();
        let line: Vec<_> =
            command.get_args().map(|part| part.to_string_lossy().into_owned()).collect();
        assert_eq!(
            line.join(" "),
            "local up --own-session --state-dir s --topology t.tfvars --only payment,ledger --set payment.URL=http://127.0.0.1:9 --backend localstack --endpoint-url http://127.0.0.1:4566 --time-scale 2.5 --pace aws --port 9001 --no-freeze --invoke-url http://127.0.0.1:9000 --key-set jwks.json \
             --faults plan.toml --fault-seed 7 --fault-journal before.jsonl"
        );
        Arguments::try_parse_from(["tidegate".to_owned()].into_iter().chain(line)).unwrap();
    }
}
