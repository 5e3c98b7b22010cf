//! An emulator's process and everything that it starts.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use procfs::process::{Process, Stat, all_processes};
use tokio::sync::watch;

use crate::credentials::VARIABLES;

/// Variable that marks every process of an engine's emulator, with the engine's process id and
/// start time. Children inherit it, including those that leave the process group.
const MARK: &str = "TIDEGATE_EMULATOR_OF";

/// Time that a process has to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Number of searches for marked processes, and the pause between them. Starting another program
/// usually takes less than one pause, on a busy machine many.
const ROUNDS: usize = 200;
const ROUND: Duration = Duration::from_millis(1);

/// Largest size of a process's environment: Linux allows a quarter of the usual stack for it and
/// the arguments.
const ENVIRONMENT_LIMIT: usize = 2 << 20;

/// A running process. Dropping it kills the process and everything that it started.
#[derive(Debug)]
pub(super) struct EmulatorProcess {
    id: i32,
    mark: String,
    log: PathBuf,
    ended: watch::Receiver<Option<ExitStatus>>,
}

impl EmulatorProcess {
    /// Starts a command in a process group of its own, with its output in a log file.
    ///
    /// If the program `setpriv` is installed, the kernel kills the process when this process dies.
    pub(super) fn start(command: &Command, log: &Path, variant: u16) -> io::Result<Self> {
        kill_stale();
        let mark = format!("{}-{variant}", own_mark()?);
        let file = File::create(log)?;
        let mut command = bound_to_parent(command);
        without_the_operators_credentials(&mut command);
        command
            .env(MARK, &mark)
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0);
        let (started, result) = std::sync::mpsc::channel();
        let (report, ended) = watch::channel(None);
        // The kernel sends its signal at the death of the *thread* that started the process. This
        // thread lives as long as the process.
        thread::Builder::new().name("emulator".to_owned()).spawn(move || {
            match command.spawn() {
                Ok(mut child) => {
                    // The receivers may be gone; the process must be waited for all the same.
                    let _ = started.send(Ok(child.id()));
                    let status = child.wait().unwrap_or_else(|_| ExitStatus::from_raw(0));
                    let _ = report.send(Some(status));
                }
                Err(error) => drop(started.send(Err(error))),
            }
        })?;
        let id = result.recv().map_err(io::Error::other)??;
        let id = i32::try_from(id).map_err(io::Error::other)?;
        Ok(Self { id, mark, log: log.to_owned(), ended })
    }

    /// Returns the process id.
    pub(super) fn id(&self) -> i32 {
        self.id
    }

    /// Returns how it ended, if it has.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        *self.ended.borrow()
    }

    /// Returns the last lines of its output.
    pub(super) fn tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(20)..).unwrap_or_default().join("\n")
    }

    /// Returns the user and system time of the process, its living descendants, and those they have
    /// waited for, in seconds.
    pub(super) fn cpu_seconds(&self) -> f64 {
        let stats: Vec<Stat> = all_processes().map_or_else(
            |_| Vec::new(),
            |all| all.flatten().filter_map(|process| process.stat().ok()).collect(),
        );
        let mut family = vec![self.id];
        let mut next = 0;
        while let Some(parent) = family.get(next).copied() {
            family.extend(stats.iter().filter(|stat| stat.ppid == parent).map(|stat| stat.pid));
            next += 1;
        }
        let ticks: u64 = stats
            .iter()
            .filter(|stat| family.contains(&stat.pid))
            .map(|stat| {
                stat.utime + stat.stime + u64::try_from(stat.cutime + stat.cstime).unwrap_or(0)
            })
            .sum();
        ticks as f64 / procfs::ticks_per_second() as f64
    }

    /// Asks the process to end, and kills it after ten seconds. Then kills everything that it left
    /// behind.
    pub(super) async fn stop(&self) {
        let mut ended = self.ended.clone();
        if self.ended().is_none() {
            // The process may end at any moment; then there is nothing to signal.
            let _ = kill(Pid::from_raw(self.id), Signal::SIGTERM);
            if tokio::time::timeout(GRACE, ended.wait_for(Option::is_some)).await.is_err() {
                let _ = killpg(Pid::from_raw(self.id), Signal::SIGKILL);
                let _ = ended.wait_for(Option::is_some).await;
            }
        }
        self.kill_rest();
    }

    fn kill_rest(&self) {
        kill_marked(|mark| mark == self.mark);
    }
}

impl Drop for EmulatorProcess {
    fn drop(&mut self) {
        if self.ended().is_none() {
            let _ = killpg(Pid::from_raw(self.id), Signal::SIGKILL);
        }
        self.kill_rest();
    }
}

/// Returns the command, run through `setpriv` if that is installed.
fn bound_to_parent(command: &Command) -> Command {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let setpriv =
        std::env::split_paths(&paths).map(|path| path.join("setpriv")).find(|path| path.is_file());
    let mut bound = match setpriv {
        Some(setpriv) => {
            let mut bound = Command::new(setpriv);
            bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
            bound
        }
        None => Command::new(command.get_program()),
    };
    bound.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(name, value),
            None => bound.env_remove(name),
        };
    }
    bound
}

/// Removes every AWS variable of the engine's own environment: an emulator runs foreign code,
/// including functions.
fn without_the_operators_credentials(command: &mut Command) {
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"AWS_"))
    {
        command.env_remove(name);
    }
    command.envs(VARIABLES);
}

/// Returns this process's id and start time. Ids are reused; the pair is not.
fn own_mark() -> io::Result<String> {
    let own = Process::myself().and_then(|own| own.stat()).map_err(io::Error::other)?;
    Ok(format!("{}-{}", own.pid, own.starttime))
}

/// Kills processes that emulators of ended engines have left behind.
pub(super) fn kill_stale() {
    kill_marked(|mark| {
        let mut parts = mark.split('-');
        let mut part = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let (Some(engine), Some(started)) = (part(), part()) else { return false };
        let alive = i32::try_from(engine).ok().and_then(|id| Process::new(id).ok()?.stat().ok());
        alive.is_none_or(|stat| stat.starttime != started)
    });
}

/// Kills marked processes.
///
/// Searches again until nothing is found: a process that becomes another program (`exec`) has no
/// environment for a moment.
fn kill_marked(is_meant: impl Fn(&str) -> bool) {
    let own = Process::myself().and_then(|own| own.uid()).ok();
    let mut buffer = vec![0; ENVIRONMENT_LIMIT];
    for _ in 0..ROUNDS {
        let Ok(all) = all_processes() else { return };
        let mut again = false;
        for process in all.flatten() {
            match mark(process.pid, &mut buffer) {
                Ok(Mark::Is(mark)) if is_meant(mark) => {
                    let _ = kill(Pid::from_raw(process.pid), Signal::SIGKILL);
                    again = true;
                }
                Ok(Mark::Is(_) | Mark::Without) => {}
                // The kernel's own processes have no program, and neither do processes that have
                // ended.
                Ok(Mark::NoEnvironment) => again |= process.exe().is_ok(),
                // Processes of other users cannot be read, and are not meant. A living process of
                // this user can be read a moment later.
                Err(_) => {
                    again |=
                        process.uid().is_ok_and(|user| Some(user) == own) && process.exe().is_ok();
                }
            }
        }
        if !again {
            return;
        }
        thread::sleep(ROUND);
    }
}

/// The mark in a process's environment.
enum Mark<'a> {
    Is(&'a str),
    Without,
    NoEnvironment,
}

/// Reads a process's mark.
///
/// One call reads the whole environment. If the process became another program between two reads,
/// the second part would be missing, and the mark may be in it.
fn mark(process: i32, buffer: &mut [u8]) -> io::Result<Mark<'_>> {
    let read = File::open(format!("/proc/{process}/environ"))?.read(buffer)?;
    let environment = buffer.get(..read).unwrap_or_default();
    if environment.is_empty() {
        return Ok(Mark::NoEnvironment);
    }
    let mut variables = environment.split(|byte| *byte == 0);
    let value =
        variables.find_map(|variable| variable.strip_prefix(MARK.as_bytes())?.strip_prefix(b"="));
    Ok(value.and_then(|value| std::str::from_utf8(value).ok()).map_or(Mark::Without, Mark::Is))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(id: i32) -> bool {
        Process::new(id).and_then(|process| process.stat()).is_ok_and(|stat| stat.state != 'Z')
    }

    async fn until(condition: impl Fn() -> bool) {
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(std::time::Instant::now() < deadline, "the condition does not come true");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A process with a child in a session of its own; prints the child's id.
    fn family() -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid sh -c 'echo $$; exec sleep 600' & wait"]);
        command
    }

    async fn child_of(process: &EmulatorProcess) -> i32 {
        until(|| process.tail().trim().parse::<i32>().is_ok_and(alive)).await;
        process.tail().trim().parse().expect("a process id")
    }

    #[tokio::test]
    async fn stopping_ends_the_process_and_what_left_its_group() {
        let directory = tempfile::tempdir().expect("a directory");
        let process =
            EmulatorProcess::start(&family(), &directory.path().join("log"), 1).expect("started");
        let child = child_of(&process).await;
        process.stop().await;
        assert!(process.ended().is_some());
        until(|| !alive(child)).await;
    }

    #[tokio::test]
    async fn dropping_kills_everything() {
        let directory = tempfile::tempdir().expect("a directory");
        let process =
            EmulatorProcess::start(&family(), &directory.path().join("log"), 2).expect("started");
        let (id, child) = (process.id(), child_of(&process).await);
        drop(process);
        until(|| !alive(id) && !alive(child)).await;
    }

    #[tokio::test]
    async fn what_becomes_another_program_all_the_time_is_killed_too() {
        let directory = tempfile::tempdir().expect("a directory");
        let script = directory.path().join("again");
        std::fs::write(&script, "exec sh \"$0\"\n").expect("written");
        let mut command = Command::new("sh");
        let again = format!("setsid sh -c 'echo $$; exec sh \"{}\"' & wait", script.display());
        command.args(["-c", &again]);
        for attempt in 0..60 {
            let log = directory.path().join(format!("log-{attempt}"));
            let process = EmulatorProcess::start(&command, &log, 5).expect("started");
            let child = child_of(&process).await;
            drop(process);
            until(|| !alive(child)).await;
        }
    }

    #[tokio::test]
    async fn what_an_engine_that_is_gone_has_left_is_killed_at_the_next_start() {
        let mut command = Command::new("sleep");
        // No process has this start time.
        let mut left = command.arg("600").env(MARK, "1-1-1").spawn().expect("started");
        kill_stale();
        let status = left.wait().expect("it has ended");
        assert_eq!(status.signal(), Some(9));
    }

    #[tokio::test]
    async fn cpu_time_of_children_is_counted() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", "sh -c 'while :; do :; done' & wait"]);
        let process =
            EmulatorProcess::start(&command, &directory.path().join("log"), 3).expect("started");
        until(|| process.cpu_seconds() > 0.1).await;
        process.stop().await;
    }

    #[tokio::test]
    async fn the_end_and_the_last_lines_are_known() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", "seq 1 30; exit 3"]);
        let process =
            EmulatorProcess::start(&command, &directory.path().join("log"), 4).expect("started");
        until(|| process.ended().is_some()).await;
        assert_eq!(process.ended().and_then(|status| status.code()), Some(3));
        assert!(
            process.tail().starts_with("11\n") && process.tail().ends_with("\n30"),
            "{}",
            process.tail()
        );
    }
}
