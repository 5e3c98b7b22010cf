//! The function, and its declarations for both sides.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use benchmarks::problem::Problem;
use hyper::Method;
use serde_json::json;
use tokio::process::Command;

use crate::aws::{ACCOUNT, Aws};

/// Variables of the function: the collector's socket, whether each invocation prints a line, and
/// whether each fails.
pub(crate) const COLLECTOR: &str = "COLLECTOR";
pub(crate) const TALKS: &str = "TALKS";
pub(crate) const FAILS: &str = "FAILS";
/// Long enough for a machine that is busy with other work.
pub(crate) const TIMEOUT_SECONDS: u32 = 30;

/// Program that runs the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Executor {
    /// This program, by the Runtime API.
    Native,
    /// MiniStack's Python worker.
    Python,
}

/// The function.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) executor: Executor,
    pub(crate) variables: BTreeMap<&'static str, String>,
    pub(crate) program: PathBuf,
}

impl Function {
    pub(crate) fn new(name: &str, program: &Path, collector: &Path) -> Self {
        let variables = BTreeMap::from([(COLLECTOR, collector.display().to_string())]);
        Self {
            name: name.to_owned(),
            executor: Executor::Native,
            variables,
            program: program.to_owned(),
        }
    }

    /// Prints a line at each invocation.
    pub(crate) fn talking(mut self, talks: bool) -> Self {
        if talks {
            self.variables.insert(TALKS, "1".to_owned());
        }
        self
    }

    /// Fails at each invocation.
    pub(crate) fn failing(mut self) -> Self {
        self.variables.insert(FAILS, "1".to_owned());
        self
    }

    /// Returns the function's declaration in a topology, with these sources.
    pub(crate) fn declaration(&self, sources: &str, concurrency: usize) -> String {
        let mut variables = String::new();
        for (name, value) in &self.variables {
            // Writing to a string cannot fail.
            let _ = write!(variables, "{name} = {value:?}, ");
        }
        format!(
            "  {} = {{\n    command = [{:?}, \"handler\"]\n    timeout_seconds = {TIMEOUT_SECONDS}\n    maximum_concurrency = {concurrency}\n    \
             environment = {{ {variables} }}\n    sources = {{ {sources} }}\n  }}\n",
            self.name, self.program
        )
    }

    /// Creates the function in MiniStack.
    pub(crate) async fn create(
        &self,
        aws: &Aws,
        tools: &Path,
        directory: &Path,
    ) -> Result<(), Problem> {
        let (runtime, file) = match self.executor {
            Executor::Native => ("provided.al2023", "bootstrap"),
            Executor::Python => ("python3.11", "app.py"),
        };
        let text = match self.executor {
            Executor::Native => format!("#!/bin/sh\nexec {:?} handler\n", self.program),
            Executor::Python => include_str!("handler.py").to_owned(),
        };
        let path = directory.join(file);
        std::fs::write(&path, text)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        let mut zip = Command::new(tools.join("venv/bin/python"));
        zip.args(["-m", "zipfile", "-c", "function.zip", file]).current_dir(directory);
        if !zip.status().await?.success() {
            return Err(Problem::new("the function cannot be zipped"));
        }
        let zip = STANDARD.encode(std::fs::read(directory.join("function.zip"))?);
        let function = json!({
            "FunctionName": self.name,
            "Runtime": runtime,
            "Handler": "app.handler",
            "Role": format!("arn:aws:iam::{ACCOUNT}:role/{}", self.name),
            "Timeout": TIMEOUT_SECONDS,
            "Environment": { "Variables": self.variables },
            "Code": { "ZipFile": zip },
        });
        aws.lambda(Method::POST, "/2015-03-31/functions", &function).await?;
        // One invocation, so that the first process exists.
        let invoke = format!("/2015-03-31/functions/{}/invocations", self.name);
        aws.lambda(Method::POST, &invoke, &json!({ "Records": [] })).await?;
        Ok(())
    }
}
