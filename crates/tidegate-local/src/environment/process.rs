//! One process of a function, in a process group of its own.
//!
//! It is killed as a group and never left behind.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::exit::Exit;
use crate::usage::{self, Usage};
use engine_client::process as running;

/// What to start.
pub(crate) struct Launch {
    /// The program.
    pub(crate) executable: PathBuf,
    /// Arguments of the program.
    pub(crate) arguments: Vec<String>,
    /// Working directory. `None` is the engine's own.
    pub(crate) directory: Option<PathBuf>,
    /// All environment variables of the process.
    pub(crate) environment: BTreeMap<String, String>,
    /// Directory of process records; see [`reap_stale`].
    pub(crate) records: PathBuf,
}

/// A process that was started.
pub(crate) struct Started {
    pub(crate) process: std::sync::Arc<Process>,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
    /// How the process ended, and the CPU time that it had used.
    pub(crate) end: oneshot::Receiver<(Exit, Usage)>,
}

/// A running process.
///
/// It runs until it ends or [`Process::kill`] is called. The thread that waits for it also owns
/// this value.
#[derive(Debug)]
pub(crate) struct Process {
    pid: Pid,
    /// The process owns its number only until it is reaped. Signals after that could reach another
    /// process.
    reaped: Mutex<bool>,
}

impl Process {
    /// Returns the number of the process, which is also the number of its group.
    pub(crate) fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// Kills the process and everything that it started (SIGKILL to the group).
    pub(crate) fn kill(&self) {
        self.signal(Signal::SIGKILL);
    }

    /// Asks the process and everything that it started to end (SIGTERM to the group).
    pub(crate) fn terminate(&self) {
        self.signal(Signal::SIGTERM);
    }

    /// Stops the process and everything that it started until [`Process::thaw`]. It sends SIGSTOP,
    /// which a process cannot catch. A stopped process can still be killed.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Continues a stopped process.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let reaped = self.reaped.lock();
        if !*reaped && let Err(error) = killpg(self.pid, signal) {
            tracing::debug!(pid = self.pid(), %signal, %error, "process group is gone already");
        }
    }

    /// Returns whether the process has ended or is about to, even if the end was not reported yet.
    pub(crate) fn has_ended(&self) -> bool {
        *self.reaped.lock() || usage::is_ending(self.pid())
    }

    /// Returns the resident memory, in bytes, of the process and everything that it started. `None`
    /// once it has ended.
    pub(crate) fn memory(&self) -> Option<u64> {
        if *self.reaped.lock() {
            return None;
        }
        usage::memory_of_family(self.pid())
    }

    /// Returns what the process uses now. `None` once it has ended.
    pub(crate) fn usage(&self) -> Option<Usage> {
        if *self.reaped.lock() {
            return None;
        }
        usage::of_process(self.pid())
    }
}

/// Starts a process.
///
/// Each process has a thread that starts it, waits for it and reaps it. The same thread must start
/// it: Linux ties the parent-death signal to the starting *thread*, and threads of an async runtime
/// come and go.
///
/// # Errors
/// Returns why the process could not be started.
pub(crate) async fn start(launch: Launch) -> Result<Started, String> {
    let (started, result) = oneshot::channel();
    let spawned = std::thread::Builder::new()
        .name("environment".to_owned())
        .stack_size(128 * 1024)
        .spawn(move || run(launch, started));
    match spawned {
        Ok(_) => result.await.unwrap_or_else(|_| Err("the starting thread ended".to_owned())),
        Err(error) => Err(format!("cannot start a thread for the process: {error}")),
    }
}

fn run(launch: Launch, started: oneshot::Sender<Result<Started, String>>) {
    // Checked first: a wrapper would start and only fail later.
    let found = launch.executable.metadata();
    let mut child = match found.and_then(|_| command(&launch).spawn()) {
        Ok(child) => child,
        Err(error) => {
            let _ =
                started.send(Err(format!("fork/exec {}: {error}", launch.executable.display())));
            return;
        }
    };
    let pid = i32::try_from(child.id()).unwrap_or(i32::MAX);
    let process =
        std::sync::Arc::new(Process { pid: Pid::from_raw(pid), reaped: Mutex::new(false) });
    let record = Record::write(&launch.records, pid);
    let (ended, end) = oneshot::channel();
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        process.kill();
        let _ = child.wait();
        let _ = started.send(Err("its output could not be read".to_owned()));
        return;
    };
    let sent =
        started.send(Ok(Started { process: std::sync::Arc::clone(&process), stdout, stderr, end }));
    if let Err(Ok(started)) = sent {
        started.process.kill();
    }

    // The CPU time of a dead process can be read until it is reaped.
    while let Err(nix::errno::Errno::EINTR) =
        waitid(Id::Pid(process.pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT)
    {}
    let used = usage::of_process(pid).unwrap_or_default();
    let status = {
        let mut reaped = process.reaped.lock();
        // Processes that the process started must not outlive it.
        let _ = killpg(process.pid, Signal::SIGKILL);
        *reaped = true;
        child.wait()
    };
    drop(record);
    let exit = match status {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Status(code),
            (None, signal) => Exit::Signal(signal.unwrap_or(0)),
        },
        Err(error) => Exit::NotStarted(format!("its exit could not be observed: {error}")),
    };
    let _ = ended.send((exit, used));
}

fn command(launch: &Launch) -> Command {
    let mut command = match parent_death_wrapper() {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(&launch.executable);
            command
        }
        None => Command::new(&launch.executable),
    };
    if let Some(directory) = &launch.directory {
        command.current_dir(directory);
    }
    command
        .args(&launch.arguments)
        .env_clear()
        .envs(&launch.environment)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Returns the path of util-linux's `setpriv`, if it exists and knows `--pdeathsig`.
///
/// It asks the kernel to kill the process when the engine ends, for whatever reason, and then
/// becomes the process.
pub(crate) fn parent_death_wrapper() -> Option<&'static Path> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    FOUND
        .get_or_init(|| {
            let path = std::env::var_os("PATH")?;
            let found = std::env::split_paths(&path)
                .map(|dir| dir.join("setpriv"))
                .find(|file| file.is_file())?;
            let tried = Command::new(&found)
                .args(["--pdeathsig", "KILL", "--", "true"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
            tried.is_ok_and(|status| status.success()).then_some(found)
        })
        .as_deref()
}

/// A file named after the process that holds its start time, as the kernel counts it. Number and
/// start time together identify one process for good.
struct Record(PathBuf);

impl Record {
    fn write(directory: &Path, pid: i32) -> Option<Self> {
        let file = directory.join(pid.to_string());
        let started = running::start_time(pid)?;
        match fs::write(&file, started.to_string()) {
            Ok(()) => Some(Self(file)),
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "cannot record a process; a later engine will not find it");
                None
            }
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Kills processes that an earlier engine recorded in `directory` and left behind. Returns their
/// number.
///
/// # Errors
/// The directory cannot be created or read.
pub(crate) fn reap_stale(directory: &Path) -> io::Result<usize> {
    fs::create_dir_all(directory)?;
    let mut killed = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let recorded =
            fs::read_to_string(entry.path()).ok().and_then(|text| text.trim().parse::<u64>().ok());
        if let (Some(pid), Some(recorded)) = (pid, recorded)
            && running::start_time(pid) == Some(recorded)
            && killpg(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
        {
            killed += 1;
        }
        fs::remove_file(entry.path())?;
    }
    Ok(killed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeper(records: &Path, seconds: &str) -> Launch {
        let script = records.join("sleeper.sh");
        fs::write(
            &script,
            format!("#!/bin/sh\nsleep {seconds} &\necho $!\nexec sleep {seconds}\n"),
        )
        .unwrap();
        fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let environment = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap())]);
        let records = records.join("processes");
        Launch { executable: script, arguments: Vec::new(), directory: None, environment, records }
    }

    #[tokio::test]
    async fn killing_a_process_ends_it_and_removes_its_record() {
        let dir = tempfile::tempdir().unwrap();
        let launch = sleeper(dir.path(), "600");
        fs::create_dir_all(&launch.records).unwrap();
        let records = launch.records.clone();
        let started = start(launch).await.unwrap();
        let mut line = String::new();
        io::BufRead::read_line(&mut io::BufReader::new(started.stdout), &mut line).unwrap();
        let background: i32 = line.trim().parse().unwrap();
        assert!(running::is_running(background));
        assert!(records.join(started.process.pid().to_string()).is_file());
        assert!(!started.process.has_ended());
        started.process.kill();
        let (exit, _) = started.end.await.unwrap();
        assert_eq!(exit, Exit::Signal(9));
        assert!(started.process.has_ended());
        assert_eq!(fs::read_dir(&records).unwrap().count(), 0);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while running::is_running(background) {
            assert!(std::time::Instant::now() < deadline, "what it had started still runs");
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[tokio::test]
    async fn a_binary_that_does_not_exist_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let launch = Launch {
            executable: dir.path().join("nothing"),
            arguments: Vec::new(),
            directory: None,
            environment: BTreeMap::new(),
            records: dir.path().to_owned(),
        };
        let why = start(launch).await.err().unwrap();
        assert!(why.contains("nothing") && why.contains("No such file"), "{why}");
    }

    #[test]
    fn only_the_recorded_process_is_reaped_not_another_one_with_its_number() {
        let dir = tempfile::tempdir().unwrap();
        let spawn = || Command::new("sleep").arg("600").process_group(0).spawn().unwrap();
        let (mut stale, mut other) = (spawn(), spawn());
        let started = running::start_time(i32::try_from(stale.id()).unwrap()).unwrap();
        fs::write(dir.path().join(stale.id().to_string()), started.to_string()).unwrap();
        fs::write(dir.path().join(other.id().to_string()), "1").unwrap();
        assert_eq!(reap_stale(dir.path()).unwrap(), 1);
        assert_eq!(stale.wait().unwrap().signal(), Some(9));
        assert_eq!(other.try_wait().unwrap(), None);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        other.kill().unwrap();
        other.wait().unwrap();
    }
}
