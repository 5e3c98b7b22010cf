//! The program of each function: its declared command, or a binary of its name.
//!
//! A program that cannot be run is reported as a mistake in the function's line of the topology.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::StartError;
use crate::build::{self, BuildError};
use topology::{Checked, Function, Mistake, TopologyError};

/// A program, with its arguments and its directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) executable: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) directory: Option<PathBuf>,
}

/// Returns the program of every declared function.
///
/// Binaries are searched for in `bin_dir`; without a `bin_dir` they are built with cargo. If every
/// function has a command, nothing is built.
pub(super) async fn programs(
    checked: &Checked,
    file: &Path,
    bin_dir: Option<&Path>,
) -> Result<BTreeMap<String, Program>, StartError> {
    let mistaken = |mistakes| TopologyError::Mistaken { file: file.to_owned(), mistakes };
    let file_there = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    let folder = file_there.parent().unwrap_or(Path::new("."));
    let (mut programs, mut mistakes, mut binaries) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, declared) in &checked.topology.functions {
        match &declared.command {
            Some(command) => match from_command(checked, folder, name, declared, command) {
                Ok(program) => _ = programs.insert(name.clone(), program),
                Err(mistake) => mistakes.push(mistake),
            },
            None => binaries.push(name.clone()),
        }
    }
    if !mistakes.is_empty() {
        mistakes.sort();
        return Err(mistaken(mistakes).into());
    }
    if binaries.is_empty() {
        return Ok(programs);
    }
    let found = match bin_dir {
        Some(directory) => build::find(directory, &binaries),
        None => build::build(folder, &binaries).await,
    };
    let found = found.map_err(|error| match unrunnable(checked, &binaries, &error) {
        Some(mistakes) => mistaken(mistakes).into(),
        None => StartError::from(error),
    })?;
    programs.extend(
        found
            .into_iter()
            .map(|(name, executable)| (name, Program { executable, ..Program::default() })),
    );
    Ok(programs)
}

/// Turns a failed build into mistakes in the lines of the functions that have no binary.
fn unrunnable(checked: &Checked, binaries: &[String], error: &BuildError) -> Option<Vec<Mistake>> {
    let why = error.why()?;
    let functions = error.functions().unwrap_or(binaries);
    let mut mistakes: Vec<Mistake> = functions
        .iter()
        .map(|name| checked.error(&["functions", name], format!("functions.{name} {why}")))
        .collect();
    mistakes.sort();
    Some(mistakes)
}

/// Returns the program of a command. A name with a slash is a file, relative to the command's
/// directory; any other is searched for in PATH.
fn from_command(
    checked: &Checked,
    folder: &Path,
    name: &str,
    declared: &Function,
    command: &[String],
) -> Result<Program, Mistake> {
    let at = |field: &str, what: String| {
        checked.error(&["functions", name, field], format!("functions.{name}.{field} {what}"))
    };
    let directory =
        declared.directory.as_ref().map_or_else(|| folder.to_owned(), |own| folder.join(own));
    let directory =
        directory.canonicalize().ok().filter(|directory| directory.is_dir()).ok_or_else(|| {
            at(
                "directory",
                format!(
                    "is {}, which is not a directory; create it or name another",
                    directory.display()
                ),
            )
        })?;
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| at("command", "is empty; give a program and its arguments".to_owned()))?;
    let executable = if program.contains('/') {
        let file = directory.join(program);
        let found = file.metadata().map_err(|error| {
            at("command", format!("runs {}, which cannot be used: {error}", file.display()))
        })?;
        if !found.is_file() || found.permissions().mode() & 0o111 == 0 {
            let what =
                format!("runs {}, which is not executable; run chmod +x on it", file.display());
            return Err(at("command", what));
        }
        file
    } else {
        in_path(program).ok_or_else(|| {
            let what = format!(
                "runs {program}, which is in no directory of PATH; install it, or give its path, such as \"./{program}\""
            );
            at("command", what)
        })?
    };
    Ok(Program { executable, arguments: arguments.to_vec(), directory: Some(directory) })
}

fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let executable = |file: &PathBuf| {
        file.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&path).map(|directory| directory.join(program)).find(executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topology with one function `mailer`, in a directory with a program `run` and a file that
    /// is not executable.
    fn folder(declared: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("code")).unwrap();
        for (name, mode) in [("code/run", 0o755), ("code/text", 0o644)] {
            let file = dir.path().join(name);
            std::fs::write(&file, "#!/bin/sh\n").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        let file = dir.path().join("topology.tfvars");
        std::fs::write(&file, format!("functions = {{\n  mailer = {{\n{declared}\n  }}\n}}\n"))
            .unwrap();
        (dir, file)
    }

    async fn program(declared: &str) -> (tempfile::TempDir, Result<Program, String>) {
        let (dir, file) = folder(declared);
        let checked = topology::check(&file).unwrap_or_else(|error| panic!("{error}"));
        let nothing = dir.path().join("code");
        let programs = programs(&checked, &file, Some(&nothing)).await;
        let program = programs.map(|mut programs| programs.remove("mailer").unwrap());
        let shown = |error: StartError| error.to_string().replace(file.to_str().unwrap(), "FILE");
        (dir, program.map_err(shown))
    }

    #[tokio::test]
    async fn a_command_runs_in_the_folder_of_its_topology_or_in_its_own_directory() {
        let (dir, found) = program(r#"    command = ["sh", "app.sh", "app.handler"]"#).await;
        let found = found.unwrap();
        assert!(found.executable.is_absolute() && found.executable.ends_with("sh"), "{found:?}");
        assert_eq!(found.arguments, ["app.sh", "app.handler"]);
        assert_eq!(found.directory, Some(dir.path().canonicalize().unwrap()));

        let (dir, found) = program("    command = [\"./run\"]\n    directory = \"code\"").await;
        let code = dir.path().canonicalize().unwrap().join("code");
        let found = found.unwrap();
        assert_eq!((found.executable, found.directory), (code.join("./run"), Some(code)));
    }

    #[tokio::test]
    async fn what_cannot_be_run_is_a_mistake_in_its_line_that_says_what_to_do() {
        for (declared, says) in [
            (
                "    memory_mb = 128\n    command = [\"no-such-program\"]",
                "FILE:4:5: functions.mailer.command runs no-such-program, which is in no directory of PATH; install it, or",
            ),
            ("    command = [\"./run\"]", "FILE:3:5: functions.mailer.command runs "),
            ("    command = [\"code/text\"]", "code/text, which is not executable; run chmod +x"),
            ("    command = [\"./code\"]", "/code, which is not executable"),
            (
                "    command = [\"sh\"]\n    directory = \"nowhere\"",
                "FILE:4:5: functions.mailer.directory is ",
            ),
            (
                "    command = [\"sh\"]\n    directory = \"code/run\"",
                "which is not a directory; create it or",
            ),
            ("    memory_mb = 128", "FILE:2:3: functions.mailer has no binary in "),
        ] {
            let (_dir, found) = program(declared).await;
            let error = found.expect_err(declared);
            assert!(error.contains(says), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
